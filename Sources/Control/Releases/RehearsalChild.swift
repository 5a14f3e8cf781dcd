// A rehearsal, held by this program in a process of its own.
import Artifacts
import Core
import FoundationEssentials
import ReleaseCore

struct RehearsalChild: Sendable {
  /// Beyond its own bound: to start, to compile, to end.
  private static let graceSeconds = 60
  var data: String
  var module: String
  var from: Build?
  var to: Build
  var prepareOnly: Bool
  var seconds: Int
  var judgedBy: [String]

  /// What came of it.
  func hold(_ id: RolloutID) async -> ReleaseEvent {
    var arguments = ["rehearse", "--data", data, "--module", module, "--to", to.hash.description]
    if let from { arguments += ["--from", from.hash.description] }
    arguments += prepareOnly ? ["--prepare-only"] : ["--seconds", String(seconds)] + judgedBy
    let outcome = await OwnProgram.run(arguments, seconds: seconds + Self.graceSeconds)
    let lines = outcome.output.split(separator: UInt8(ascii: "\n"))
    if case .exited(0) = outcome.end, let last = lines.last,
      let report = try? JSONDecoder().decode(Report.self, from: Data(last))
    {
      return .rehearsed(id, report)
    }
    struct Failure: Decodable { var error: String }
    let said = lines.last.flatMap { try? JSONDecoder().decode(Failure.self, from: Data($0)) }?.error
    switch outcome.end {
    case .exited(let status): return .unrehearsed(id, said ?? "it ended with status \(status); the log has its words")
    case .killed(let signal): return .unrehearsed(id, "it was killed by signal \(signal)")
    case .stopped: return .unrehearsed(id, "it was not ready after \(seconds + Self.graceSeconds) s")
    case .notStarted(let why): return .unrehearsed(id, "it could not be started: \(why)")
    }
  }
}
