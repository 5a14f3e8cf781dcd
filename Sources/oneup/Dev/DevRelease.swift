// From a save to the running rooms: build, push, and wait until they have it.
import Artifacts
import Control
import Foundation
import ModuleBuilder
import ReleaseCore

struct DevRelease {
  let place: DevPlace
  let options: BuildOptions
  let server: HTTPServer
  private static let liveSeconds = 30.0

  enum Outcome {
    /// In so many rooms.
    case live(version: String, rooms: Int, kept: Kept?)
    case failed(String)
    /// The server did not take it, or took it back.
    case refused(String)
  }

  /// Rooms that have the build before, since their state does not fit this one.
  struct Kept {
    var rooms: Int
    /// In sentences.
    var why: String
    var title: String {
      rooms == 1
        ? "1 room keeps the build before; new ones get this" : "\(rooms) rooms keep the build before; new ones get this"
    }
  }

  func make(_ versions: inout DevVersions) -> Outcome {
    let built: BuiltModule
    do throws(BuildError) {
      built = try ModuleBuilder.build(directory: place.module, output: place.builds, options: options)
    } catch { return .failed(error.description) }
    guard let file = FileManager.default.contents(atPath: built.module) else {
      return .failed("\(built.module) went away")
    }
    let (manifest, module, isWhole) = versions.next(built.manifest, Array(file))
    do {
      let lines = isWhole ? FileManager.default.contents(atPath: built.lines) : nil
      let outcome = try wait(try push(manifest, module, lines: lines), versions.changes(to: built.manifest))
      if case .live(_, _, nil) = outcome { versions.runs(built.manifest) }
      return outcome
    } catch { return .refused("\(error)") }
  }

  /// Without twins and without waiting: whoever writes a game wants to see what was written, its failures too.
  private func push(_ manifest: Manifest, _ module: [UInt8], lines: Data?) throws -> Rollout {
    var members = [
      "\"now\":true", "\"probation\":false", "\"reason\":\"saved\"", "\"who\":\"oneup dev\"",
      "\"manifest\":\(String(decoding: manifest.json(), as: UTF8.self))",
      "\"module\":\"\(Data(module).base64EncodedString())\"",
    ]
    if let lines { members.append("\"lines\":\"\(lines.base64EncodedString())\"") }
    return try ReleaseTalk.rollout(
      "/v1/releases", posting: Array("{\(members.joined(separator: ","))}".utf8), server)
  }

  /// Until every room has it, or has said that it cannot.
  private func wait(_ pushed: Rollout, _ changes: [String]) throws -> Outcome {
    let deadline = Date(timeIntervalSinceNow: Self.liveSeconds)
    while Date() < deadline {
      if let rollout = try now(pushed) {
        switch rollout.state {
        case .refused, .rolledBack: return .refused(rollout.why)
        case .done:
          let rooms = rollout.rooms
          let kept = rooms.old > 0 ? Kept(rooms: rooms.old, why: Self.why(rollout, changes)) : nil
          return .live(version: rollout.to.version, rooms: rooms.new, kept: kept)
        case .running, .paused: break
        }
      }
      usleep(20_000)
    }
    return .refused(
      "the rooms did not take it within \(Int(Self.liveSeconds)) s; `oneup release show \(pushed.module) --data "
        + "\(place.data)` says why")
  }

  /// What a room that did not take it said, and what can be done. `changes`: fields with other types than before.
  private static func why(_ rollout: Rollout, _ changes: [String]) -> String {
    let mark = " stays as it is: "
    let said = rollout.history.last { $0.text.contains(mark) }?.text ?? rollout.why
    let why = said.range(of: mark).map { String(said[$0.upperBound...]) } ?? said
    guard !changes.isEmpty else { return why }
    return "\(why)\n\(changes.joined(separator: "\n"))\nGive what has another type a number of its own; or start "
      + "`oneup dev` again, which begins with new rooms."
  }

  private func now(_ pushed: Rollout) throws -> Rollout? {
    let releases: ReleaseTalk.Releases = try server.get("/v1/releases")
    let running = releases.modules.first { $0.name == pushed.module }?.rollout?.rollout
    if let running, running.id == pushed.id { return running }
    let ended: [Rollout] = try server.get("/v1/releases/\(pushed.module)/history")
    return ended.first { $0.id == pushed.id }
  }

  /// What the page shows until the next word.
  struct Word: Encodable {
    var module: String
    /// Otherwise `text` stands over the game.
    var ok: Bool
    /// nil: that it does not build.
    var title: String?
    var text = ""
    /// The page is newer.
    var reload = false
  }
  private static let textBytesMax = 16_000

  func tell(_ word: Word) {
    var word = word
    word.text = String(decoding: word.text.utf8.prefix(Self.textBytesMax), as: UTF8.self)
    guard let json = try? JSONEncoder().encode(word) else { return }
    // The terminal says it anyway.
    _ = try? server.post("/v1/dev/build", json: Array(json))
  }
}
