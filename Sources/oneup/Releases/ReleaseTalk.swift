// What the server says of releases, as far as the commands read it.
import ArgumentParser
import Artifacts
import Control
import Foundation
import ReleaseCore

enum ReleaseTalk {
  typealias Rollout = ReleaseCore.Rollout

  typealias Releases = ReleasesView

  static func rollout(_ path: String, posting body: [UInt8], _ server: HTTPServer) throws -> Rollout {
    let answer = try accepted(path, posting: body, server)
    do { return try JSONDecoder().decode(Rollout.self, from: answer) } catch {
      throw HTTPFailure(
        "POST \(path) at \(server.endpoint) is not what this program understands; is the server of its version?")
    }
  }

  static func accepted(_ path: String, posting body: [UInt8], _ server: HTTPServer) throws -> Data {
    let answer = try server.post(path, json: body)
    if answer.status == 200 || answer.status == 202 { return answer.body }
    struct Sentence: Decodable { var error: String }
    if [400, 404, 409, 413, 422, 503].contains(answer.status),
      let said = try? JSONDecoder().decode(Sentence.self, from: answer.body)
    {
      throw HTTPFailure(said.error)
    }
    throw server.refusal(path, answer)
  }

  static func json(_ rollout: Rollout) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let json = try? encoder.encode(rollout) else { preconditionFailure("a rollout that was read can be written") }
    return String(decoding: json, as: UTF8.self)
  }

  static func quoted(_ text: String) -> String {
    guard let json = try? JSONEncoder().encode(text) else { preconditionFailure("a text is JSON") }
    return String(decoding: json, as: UTF8.self)
  }

  /// In a path.
  static func name(_ module: String) -> String {
    module.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "-_"))) ?? ""
  }
}

extension ReleaseTalk.Rollout {
  var title: String { "\(module) \(to.version)" }
}

/// A release's way through the gates, line by line.
struct ReleaseWatch {
  let server: HTTPServer
  let isQuiet: Bool
  private static let pauseMicroseconds: UInt32 = 200_000

  /// Until it has ended or waits for somebody's word. Throws where it came to no good end.
  func watch(_ first: ReleaseTalk.Rollout, json: Bool) throws {
    var last = ""
    var rollout = first
    while true {
      let line = ReleaseText.line(rollout)
      if line != last, !isQuiet { say(line) }
      last = line
      if rollout.isOver || rollout.state == .paused { break }
      usleep(Self.pauseMicroseconds)
      rollout = try now(rollout)
    }
    if json { print(ReleaseTalk.json(rollout)) }
    switch rollout.state {
    case .done: return
    case .paused:
      if !isQuiet {
        say(
          rollout.waitsForRoom == true
            ? "It goes on by itself when a room is awake. Or say: oneup release promote \(rollout.module) — or rollback."
            : "Say: oneup release resume \(rollout.module) — or promote, or rollback.")
      }
      throw ExitCode(2)
    default:
      throw HTTPFailure("\(rollout.title) is \(rollout.state == .refused ? "refused" : "taken back"): \(rollout.why)")
    }
  }

  private func now(_ rollout: ReleaseTalk.Rollout) throws -> ReleaseTalk.Rollout {
    // Control may just be on its way back.
    var patience = 50
    while true {
      do {
        let releases: ReleaseTalk.Releases = try server.get("/v1/releases")
        if let running = releases.modules.first(where: { $0.name == rollout.module })?.rollout?.rollout,
          running.id == rollout.id
        {
          return running
        }
        let ended: [ReleaseTalk.Rollout] = try server.get("/v1/releases/\(rollout.module)/history")
        if let ended = ended.first(where: { $0.id == rollout.id }) { return ended }
        throw HTTPFailure("The server knows nothing of \(rollout.title) any more.")
      } catch let failure as HTTPFailure {
        patience -= 1
        guard patience > 0 else { throw failure }
        usleep(Self.pauseMicroseconds)
      }
    }
  }

  private func say(_ line: String) { emit("\(line)\n".utf8, to: STDERR_FILENO) }
}
