// From a save to the running rooms: build, push, and wait until they have it.
import Artifacts
import Foundation
import ModuleBuilder

struct DevRelease {
  let place: DevPlace
  let sdk: String?
  let server: HTTPServer
  private static let liveSeconds = 30.0

  enum Outcome {
    /// In so many rooms; `kept` says why others have the build before, if some do.
    case live(version: String, rooms: Int, kept: String?)
    case failed(String)
    /// The server did not take it, or took it back.
    case refused(String)
  }

  private struct Rollout: Decodable {
    struct Rooms: Decodable { var new, old: Int }
    struct Build: Decodable { var version: String }
    var to: Build
    var state: String
    var why: String?
    var rooms: Rooms?
  }
  private struct Releases: Decodable {
    struct Module: Decodable {
      var name: String
      var current: Rollout.Build?
      var rollout: Rollout?
    }
    var modules: [Module]
  }

  func make(_ versions: inout DevVersions) -> Outcome {
    let built: BuiltModule
    let bytes: [UInt8]
    do throws(BuildError) {
      built = try ModuleBuilder.build(directory: place.module, output: place.builds, sdk: sdk)
    } catch { return .failed(error.description) }
    guard let file = FileManager.default.contents(atPath: built.module) else {
      return .failed("\(built.module) went away")
    }
    bytes = Array(file)
    let (manifest, module) = versions.next(built, bytes)
    do throws(HTTPFailure) {
      try push(manifest, module)
      return try wait(manifest)
    } catch { return .refused(error.description) }
  }

  private func push(_ manifest: Manifest, _ module: [UInt8]) throws(HTTPFailure) {
    let json =
      Array("{\"now\":true,\"probation\":false,\"reason\":\"saved\",\"manifest\":".utf8) + manifest.json()
      + Array(",\"module\":\"".utf8) + Array(Data(module).base64EncodedData()) + Array("\"}".utf8)
    let answer = try server.post("/v1/releases", json: json)
    guard answer.status == 202 else { throw Self.refusal(answer) }
  }

  /// Until every room has it, or has said that it cannot.
  private func wait(_ manifest: Manifest) throws(HTTPFailure) -> Outcome {
    let deadline = Date(timeIntervalSinceNow: Self.liveSeconds)
    while Date() < deadline {
      let releases: Releases = try server.get("/v1/releases")
      let module = releases.modules.first { $0.name == manifest.name }
      if let rollout = module?.rollout, rollout.to.version == manifest.version {
        switch rollout.state {
        case "refused", "rolledBack": return .refused(rollout.why ?? rollout.state)
        case "done":
          let rooms = rollout.rooms ?? Rollout.Rooms(new: 0, old: 0)
          return .live(version: manifest.version, rooms: rooms.new, kept: rooms.old > 0 ? rollout.why : nil)
        default: break
        }
      } else if module?.current?.version == manifest.version {
        return .live(version: manifest.version, rooms: 0, kept: nil)
      }
      usleep(20_000)
    }
    return .refused(
      "the rooms did not take it within \(Int(Self.liveSeconds)) s; `oneup release list` says where it is")
  }

  /// What the page shows until the next build: an error over the game, or the newest page.
  func tell(name: String, isGood: Bool, text: String, reloads: Bool) {
    struct Word: Encodable {
      var module: String
      var ok: Bool
      var text: String
      var reload: Bool
    }
    let word = Word(module: name, ok: isGood, text: String(text.prefix(12_000)), reload: reloads)
    guard let json = try? JSONEncoder().encode(word) else { return }
    // The terminal says it anyway.
    _ = try? server.post("/v1/dev/build", json: Array(json))
  }

  private static func refusal(_ answer: HTTPServer.Answer) -> HTTPFailure {
    struct Sentence: Decodable { var error: String }
    let said = (try? JSONDecoder().decode(Sentence.self, from: answer.body))?.error
    return HTTPFailure(said ?? "the server answered \(answer.status)")
  }
}
