// What `oneup dev` says of its last build of each module, passed on to the pages that show it.
import FoundationEssentials
import Hummingbird
import Synchronization

struct BuildWord: Codable, Equatable, Sendable {
  /// In bytes.
  static let textBytesMax = 16_384
  static let titleBytesMax = 256
  var module: String
  var ok: Bool
  /// What is the matter, where it is not that the module does not build.
  var title: String?
  /// The compiler's, where it is not well.
  var text: String
  /// The page is to be loaded anew.
  var reload: Bool?
}

/// Last words, by module.
final class DevBuilds: Sendable {
  /// Modules that are spoken of.
  static let countMax = 64
  private let words = Mutex<[String: BuildWord]>([:])

  /// False where there are too many modules.
  func note(_ word: BuildWord) -> Bool {
    words.withLock {
      guard $0[word.module] != nil || $0.count < Self.countMax else { return false }
      $0[word.module] = word
      return true
    }
  }
  /// What a page that comes now must know.
  var failing: [BuildWord] { words.withLock { $0.values.filter { !$0.ok } } }
}

struct DevRoutes: Sendable {
  let guarded: Guard
  let builds: DevBuilds
  let watchers: Watchers

  func add(to router: Router<ControlContext>) {
    router.post("v1/dev/build") { request, _ in await guarded(.change, request) { await note(request) } }
  }

  private func note(_ request: Request) async -> Response {
    // A text may be escaped to six times its length.
    guard let body = try? await request.body.collect(upTo: BuildWord.textBytesMax * 6 + 8_192),
      let word = try? JSONDecoder().decode(BuildWord.self, from: Data(body.readableBytesView)),
      ModulesView.isName(word.module), word.text.utf8.count <= BuildWord.textBytesMax,
      (word.title ?? "").utf8.count <= BuildWord.titleBytesMax, builds.note(word)
    else {
      return Answer.error(
        .badRequest,
        #"the body must be JSON like {"module":"arena","ok":false,"text":"at most 16 KiB","reload":false}"#)
    }
    watchers.tell("build", Answer.encode(word))
    return Response(status: .noContent, headers: [.cacheControl: "no-store"])
  }
}
