// `oneup release`: brings builds to a running server, and says what shall become of them.
import ArgumentParser
import Artifacts
import Control
import Foundation
import ReleaseCore

struct ReleaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "release", abstract: "Release a build to a running server, watch it, take it back.",
    discussion: """
      A release passes its gates one after the other: verify (signature, names, interface), rehearse (copies of live \
      rooms replay their last events), canary (1 room, then 5, 25, 50, 100 % of them), permanent. Nobody is \
      disconnected, and what is bad takes itself back.

      Examples:
        oneup release push modules/arena.wasm --reason "the cursed gem"
        oneup release push --shelf arena-hotfix-1.0.0-v1
        oneup release list
        oneup release rollback arena --reason "players complain"
      """,
    subcommands: [
      ReleasePush.self, ReleaseList.self, ReleaseShow.self, ReleasePromote.self, ReleasePause.self, ReleaseResume.self,
      ReleaseRollback.self, ReleaseUnban.self, ReleaseHistory.self,
    ])
}

struct ReleasePush: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "push", abstract: "Bring a build to the server's gates.",
    discussion: """
      In a terminal it waits for the end and shows each gate, and Ctrl-C ends the watching, not the release; \
      elsewhere it returns when the build is accepted (--wait waits).

      Exit status: 0 accepted, or with --wait in every room; 1 refused, taken back or not understood; 2 paused, \
      be it only until a room is awake.
      """)
  @Argument(help: "NAME, or one of NAME.wasm, NAME.so, NAME.json and NAME.lines; the others lie beside it.")
  var path: String?
  @Option(
    help: ArgumentHelp("A build of the server's shelf instead: its file's name without the end.", valueName: "file"))
  var shelf: String?
  @Flag(help: "Into all rooms at once, verified but not rehearsed; it still takes itself back. Needs --reason.")
  var now = false
  @Flag(help: "It is older than what runs, and that is meant.") var older = false
  @Option(help: "Why, for the audit log.") var reason: String?
  @Flag(inversion: .prefixedNo, help: "Wait for the end (default: in a terminal).") var wait: Bool?
  @Flag(help: "Print the rollout as JSON.") var json = false
  @OptionGroup var place: ServerPlace

  func validate() throws {
    guard (path == nil) != (shelf == nil) else {
      throw ValidationError("Name one build: its file, like modules/arena.wasm, or --shelf FILE.")
    }
    if now, reason == nil { throw ValidationError("--now skips the canary: say why with --reason \"…\".") }
  }

  func run() throws {
    try asked {
      let server = try place.server()
      let rollout = try ReleaseTalk.rollout("/v1/releases", posting: try body(), server)
      guard wait ?? (isatty(STDERR_FILENO) == 1) else {
        return print(json ? ReleaseTalk.json(rollout) : "\(rollout.title) is accepted: \(rollout.why)")
      }
      try ReleaseWatch(server: server, isQuiet: json).watch(rollout, json: json)
    }
  }

  private func body() throws -> [UInt8] {
    var members: [String] = ["\"now\":\(now)", "\"older\":\(older)"]
    if let reason { members.append("\"reason\":\(ReleaseTalk.quoted(reason))") }
    if let user = ProcessInfo.processInfo.environment["USER"] {
      members.append("\"who\":\(ReleaseTalk.quoted(String(user.prefix(40))))")
    }
    if let shelf {
      members.append("\"shelf\":\(ReleaseTalk.quoted(shelf))")
    } else if let path {
      members += try files(path)
    }
    return Array("{\(members.joined(separator: ","))}".utf8)
  }

  /// The pair that one of its files names, or what their names have in common: a version has dots, too.
  private func files(_ path: String) throws -> [String] {
    let ending = [".wasm", ".so", ".json", ".lines"].first { path.hasSuffix($0) }
    let base = String(path.dropLast(ending?.count ?? 0))
    guard let manifest = FileManager.default.contents(atPath: base + ".json") else {
      throw HTTPFailure("There is no manifest \(base).json; `oneup build` writes it beside the module.")
    }
    guard let module = ["wasm", "so"].lazy.compactMap({ FileManager.default.contents(atPath: "\(base).\($0)") }).first
    else {
      throw HTTPFailure("There is no module beside \(base).json: \(base).wasm or \(base).so.")
    }
    var members = [
      "\"manifest\":\(String(decoding: manifest, as: UTF8.self))", "\"module\":\"\(module.base64EncodedString())\"",
    ]
    if let lines = FileManager.default.contents(atPath: base + ".lines") {
      members.append("\"lines\":\"\(lines.base64EncodedString())\"")
    }
    return members
  }
}

struct ReleaseList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List modules with their builds, what is on its way, and the shelf.")
  @Flag(help: "Print the server's own JSON.") var json = false
  @OptionGroup var place: ServerPlace

  func run() throws {
    try asked {
      let server = try place.server()
      if json { return print(String(decoding: try server.answer(to: "/v1/releases").body, as: UTF8.self)) }
      print(ReleaseText.list(try server.get("/v1/releases")).joined(separator: "\n"))
    }
  }
}

struct ReleaseShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one module's rollout with its evidence, or the last one that ended.")
  @Argument(help: "The module's name.") var module: String
  @Flag(help: "Print the rollout as JSON.") var json = false
  @OptionGroup var place: ServerPlace

  func run() throws {
    try asked {
      let server = try place.server()
      let releases: ReleaseTalk.Releases = try server.get("/v1/releases")
      guard let known = releases.modules.first(where: { $0.name == module }) else {
        throw HTTPFailure("There is no module \(module) on this server; `oneup release list` shows what there is.")
      }
      let history: [ReleaseTalk.Rollout] = try server.get("/v1/releases/\(module)/history")
      guard let rollout = known.rollout?.rollout ?? history.first else {
        return print(
          json ? "null" : "\(module) has had no release; new rooms get \(known.current?.version ?? "nothing").")
      }
      print(json ? ReleaseTalk.json(rollout) : ReleaseText.show(rollout).joined(separator: "\n"))
    }
  }
}

struct ReleaseHistory: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "List a module's ended rollouts, newest first.")
  @Argument(help: "The module's name.") var module: String
  @Flag(help: "Print the server's own JSON.") var json = false
  @OptionGroup var place: ServerPlace

  func run() throws {
    try asked {
      let server = try place.server()
      let path = "/v1/releases/\(ReleaseTalk.name(module))/history"
      if json { return print(String(decoding: try server.answer(to: path).body, as: UTF8.self)) }
      let rollouts: [ReleaseTalk.Rollout] = try server.get(path)
      let releases: ReleaseTalk.Releases? = rollouts.isEmpty ? try server.get("/v1/releases") : nil
      if let releases, !releases.modules.contains(where: { $0.name == module }) {
        throw HTTPFailure("There is no module \(module) on this server; `oneup release list` shows what there is.")
      }
      print(
        rollouts.isEmpty ? "No rollout of \(module) has ended." : ReleaseText.history(rollouts).joined(separator: "\n"))
    }
  }
}
