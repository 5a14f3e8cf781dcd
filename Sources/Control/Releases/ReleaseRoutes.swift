// Releases over HTTP: brought, watched, and what somebody says about them.
import FoundationEssentials
import Hummingbird
import ReleaseCore

struct ReleaseRoutes: Sendable {
  let guarded: Guard
  let releases: ReleaseRunner

  private static let orderBytesMax = 8_192
  private static let reasonBytesMax = 500

  func add(to router: Router<ControlContext>) {
    router.get("v1/releases") { request, _ in
      await guarded(.read, request) { Answer.json(.ok, await releases.view()) }
    }
    router.get("v1/versions") { request, _ in
      await guarded(.read, request) { Answer.json(.ok, await releases.versions()) }
    }
    router.get("v1/releases/:name/history") { request, context in
      await guarded(.read, request) {
        Answer.json(.ok, await releases.history(of: context.parameters.get("name") ?? ""))
      }
    }
    router.post("v1/releases") { request, _ in await guarded(.change, request) { await push(request) } }
    for verb in ["promote", "pause", "resume", "rollback", "unban"] {
      router.post("v1/releases/:name/\(verb)") { request, context in
        await guarded(.change, request) { await order(verb, context.parameters.get("name") ?? "", request) }
      }
    }
  }

  private struct Push: Decodable {
    var module: Data?
    var lines: Data?
    var shelf: String?
    var now: Bool?
    /// With `now`, and only with --dev: false leaves the old version away.
    var probation: Bool?
    var reason: String?
    var who: String?
    /// An older version is brought on purpose.
    var older: Bool?
  }

  private func push(_ request: Request) async -> Response {
    // In base64 a module is a third longer.
    guard let body = try? await request.body.collect(upTo: ReleaseFiles.moduleBytesMax / 3 * 8) else {
      return Answer.error(
        .contentTooLarge,
        "a module is at most \(ReleaseFiles.moduleBytesMax / 1_048_576) MiB; leave out what it can load")
    }
    let bytes = Data(body.readableBytesView)
    let example = #"the body must be JSON like {"manifest":{…},"module":"BASE64"} or {"shelf":"FILE"}"#
    guard let push = try? JSONDecoder().decode(Push.self, from: bytes) else {
      return Answer.error(.badRequest, example)
    }
    let words = Words(who: push.who, reason: push.reason)
    guard words.areShort else { return Self.tooManyWords }
    do throws(ReleaseError) {
      let artifact: OfferedArtifact
      if let shelf = push.shelf {
        artifact = try await releases.fromShelf(shelf)
      } else if let module = push.module, let manifest = OfferedArtifact.manifest(in: Array(bytes)) {
        artifact = OfferedArtifact(manifest: manifest, module: Array(module), lines: push.lines.map(Array.init))
      } else {
        return Answer.error(.badRequest, example)
      }
      let rollout = try await releases.pushNext(
        artifact, by: words.who, reason: words.reason, now: push.now ?? false,
        withTwins: push.probation ?? true, isOlder: push.older ?? false)
      guard rollout.state != .refused else { return Answer.error(.unprocessableContent, rollout.why) }
      return Answer.json(.accepted, rollout)
    } catch { return Answer.error(error.isOfDisk ? .serviceUnavailable : .unprocessableContent, error.description) }
  }

  private struct Order: Decodable {
    var reason: String?
    var who: String?
    var version: String?
    var now: Bool?
  }
  private struct Words {
    var who: String
    var reason: String
    init(who: String?, reason: String?) {
      self.who = who.map { "admin (\($0))" } ?? "admin"
      self.reason = reason ?? ""
    }
    var areShort: Bool { who.utf8.count <= 80 && reason.utf8.count <= ReleaseRoutes.reasonBytesMax }
  }
  private static var tooManyWords: Response {
    Answer.error(.badRequest, "a reason is at most \(reasonBytesMax) bytes, and who says it 70")
  }

  private func order(_ verb: String, _ name: String, _ request: Request) async -> Response {
    guard let body = try? await request.body.collect(upTo: Self.orderBytesMax) else {
      return Answer.error(.contentTooLarge, "the body is at most \(Self.orderBytesMax) bytes")
    }
    let bytes = Data(body.readableBytesView)
    guard let wanted = try? JSONDecoder().decode(Order.self, from: bytes.isEmpty ? Data("{}".utf8) : bytes) else {
      return Answer.error(.badRequest, #"the body must be JSON like {"reason":"why"}"#)
    }
    let words = Words(who: wanted.who, reason: wanted.reason)
    guard words.areShort else { return Self.tooManyWords }
    let order: ReleaseOrder
    switch verb {
    case "promote": order = .promote
    case "pause": order = .pause
    case "resume": order = .resume
    case "rollback": order = .rollback(now: wanted.now ?? true)
    default:
      guard let version = wanted.version, !words.reason.isEmpty else {
        return Answer.error(
          .badRequest, #"say which version and why: {"version":"1.0.1","reason":"the cause was found"}"#)
      }
      order = .unban(version: version)
    }
    do throws(ReleaseError) {
      let rollout = try await releases.order(order, of: name, by: words.who, reason: words.reason)
      guard let rollout else { return Answer.json(.ok, ["module": name]) }
      return Answer.json(.ok, rollout)
    } catch { return Answer.error(error.isOfDisk ? .serviceUnavailable : .conflict, error.description) }
  }
}
