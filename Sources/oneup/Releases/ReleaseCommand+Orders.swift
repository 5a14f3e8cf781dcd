// What somebody says about a release: each is one request, and is in the audit log with its reason.
import ArgumentParser
import Foundation

/// What the orders have in common.
struct ReleaseSaid: ParsableArguments {
  @Argument(help: "The module's name.") var module: String
  @Option(help: "Why, for the audit log.") var reason: String?
  @Flag(help: "Print the rollout as JSON.") var json = false
  @OptionGroup var place: ServerPlace

  func say(_ verb: String, version: String? = nil) throws {
    try asked {
      var members: [String] = []
      if let reason { members.append("\"reason\":\(ReleaseTalk.quoted(reason))") }
      if let version { members.append("\"version\":\(ReleaseTalk.quoted(version))") }
      if let user = ProcessInfo.processInfo.environment["USER"] {
        members.append("\"who\":\(ReleaseTalk.quoted(String(user.prefix(40))))")
      }
      let body = Array("{\(members.joined(separator: ","))}".utf8)
      let path = "/v1/releases/\(ReleaseTalk.name(module))/\(verb)"
      if let version {
        _ = try ReleaseTalk.accepted(path, posting: body, place.server())
        return print("\(module) \(version) may be released again.")
      }
      let rollout = try ReleaseTalk.rollout(path, posting: body, place.server())
      print(json ? ReleaseTalk.json(rollout) : ReleaseText.line(rollout))
    }
  }
}

struct ReleasePromote: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "promote", abstract: "Go on to all rooms with what evidence there is.")
  @OptionGroup var said: ReleaseSaid
  func run() throws { try said.say("promote") }
}

struct ReleasePause: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Leave rooms as they are; what is bad still takes itself back.")
  @OptionGroup var said: ReleaseSaid
  func run() throws { try said.say("pause") }
}

struct ReleaseResume: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "resume", abstract: "Go on with a paused release.")
  @OptionGroup var said: ReleaseSaid
  func run() throws { try said.say("resume") }
}

struct ReleaseRollback: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback",
    abstract: "Take a release back from all rooms; without one on its way, go back to the version before.")
  @OptionGroup var said: ReleaseSaid
  func run() throws { try said.say("rollback") }
}

struct ReleaseUnban: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unban", abstract: "Let a version that was rolled back be released again. Needs --reason.")
  @OptionGroup var said: ReleaseSaid
  @Argument(help: "The version.") var version: String
  func validate() throws {
    if said.reason == nil { throw ValidationError("An unban needs a reason for the audit log: --reason \"…\".") }
  }
  func run() throws { try said.say("unban", version: version) }
}
