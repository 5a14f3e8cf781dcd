// From a save to the running rooms: build, push, and wait until they have it.
import Artifacts
import Foundation
import ModuleBuilder
import ReleaseCore

struct DevRelease {
  let place: DevPlace
  let options: BuildOptions
  let server: HTTPServer
  private static let liveSeconds = 30.0

  enum Outcome {
    /// In so many rooms; `kept` says why others have the build before, if some do.
    case live(version: String, rooms: Int, kept: String?)
    case failed(String)
    /// The server did not take it, or took it back.
    case refused(String)
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
      return try wait(try push(manifest, module, lines: lines))
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
  private func wait(_ pushed: Rollout) throws -> Outcome {
    let deadline = Date(timeIntervalSinceNow: Self.liveSeconds)
    while Date() < deadline {
      if let rollout = try now(pushed) {
        switch rollout.state {
        case .refused, .rolledBack: return .refused(rollout.why)
        case .done:
          let rooms = rollout.rooms
          return .live(version: rollout.to.version, rooms: rooms.new, kept: rooms.old > 0 ? rollout.why : nil)
        case .running, .paused: break
        }
      }
      usleep(20_000)
    }
    return .refused(
      "the rooms did not take it within \(Int(Self.liveSeconds)) s; `oneup release show \(pushed.module) --data "
        + "\(place.data)` says why")
  }

  private func now(_ pushed: Rollout) throws -> Rollout? {
    let releases: ReleaseTalk.Releases = try server.get("/v1/releases")
    let running = releases.modules.first { $0.name == pushed.module }?.rollout
    if let running, running.id == pushed.id { return running }
    let ended: [Rollout] = try server.get("/v1/releases/\(pushed.module)/history")
    return ended.first { $0.id == pushed.id }
  }

  /// What the page shows until the next build: an error over the game, or the newest page.
  func tell(name: String, isGood: Bool, text: String, reloads: Bool) {
    struct Word: Encodable {
      var module: String
      var ok: Bool
      var text: String
      var reload: Bool
    }
    let word = Word(module: name, ok: isGood, text: String(text.prefix(4_000)), reload: reloads)
    guard let json = try? JSONEncoder().encode(word) else { return }
    // The terminal says it anyway.
    _ = try? server.post("/v1/dev/build", json: Array(json))
  }
}
