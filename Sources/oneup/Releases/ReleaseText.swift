// Releases in a terminal.
import Artifacts
import Control
import Foundation
import ReleaseCore

enum ReleaseText {
  /// One line: which gate, how far, why.
  static func line(_ rollout: ReleaseTalk.Rollout) -> String {
    let state =
      rollout.state == .running ? rollout.gate.rawValue : "\(rollout.state.rawValue) (\(rollout.gate.rawValue))"
    let asleep = rollout.rooms.asleep > 0 ? "  \(rollout.rooms.asleep) asleep" : ""
    let rooms = (rollout.rooms.total > 0 ? "  \(rollout.rooms.new) of \(rollout.rooms.total) rooms" : "") + asleep
    return "\(rollout.title)  \(state)\(rooms)  \(rollout.why)"
  }

  static func list(_ releases: ReleaseTalk.Releases) -> [String] {
    var lines: [String] = []
    if releases.modules.isEmpty { lines.append("No module was taken in yet.") }
    for module in releases.modules {
      lines.append("\(module.name): new rooms get \(module.current?.version ?? "nothing")")
      if let rollout = module.rollout { lines.append("  on its way: \(line(rollout.rollout))") }
      for version in module.versions.reversed() where version.state != "current" {
        lines.append(
          "  \(version.state)  \(version.version)  \(clock(version.at))\(version.why.isEmpty ? "" : "  \(version.why)")"
        )
      }
    }
    if !releases.shelf.isEmpty { lines.append("On the shelf (oneup release push --shelf FILE):") }
    for build in releases.shelf {
      lines.append("  \(build.file)  \(build.name) \(build.version)\(build.reason.isEmpty ? "" : "  \(build.reason)")")
    }
    return lines
  }

  static func show(_ rollout: ReleaseTalk.Rollout) -> [String] {
    var lines = ["\(rollout.title), from \(rollout.from?.version ?? "nothing")", line(rollout)]
    if let why = rollout.rehearsal?.skipped, rollout.rehearsal?.verdict != .bad {
      lines.append("rehearsal: skipped, because \(why)")
    } else if let report = rollout.rehearsal {
      lines.append(
        "rehearsal: \(report.verdict.rawValue); \(Columns.count(report.rooms, "room")), "
          + "\(Columns.count(report.events, "event")), \(crashes(report)) in "
          + "\(Columns.rounded(report.seconds, 1)) s")
      for sentence in report.problems + (report.notes ?? []) { lines.append("  \(sentence)") }
      lines += compared(report.old, report.new)
      for difference in report.stateDifferences.prefix(20) {
        lines.append("  room \(difference.room): \(difference.path): \(difference.old) → \(difference.new)")
      }
    }
    if let live = rollout.live {
      lines.append(
        "live, on the same events: \(live.outcomeDifferences) ended otherwise, \(live.outputDifferences) said otherwise"
      )
      lines += compared(live.old, live.new)
    }
    for note in rollout.history { lines.append("\(clock(note.at))  \(note.gate.rawValue)  \(note.text)") }
    return lines
  }

  private static func crashes(_ report: Report) -> String {
    guard report.crashes > 0 else { return "no crashes" }
    let crashes = report.crashes == 1 ? "1 kept crash" : "\(report.crashes) kept crashes"
    return "\(crashes) (\(report.crashesFixed) fixed, \(report.crashesLeft) left)"
  }

  private static func compared(_ old: Stats, _ new: Stats) -> [String] {
    func row(_ name: String, _ stats: Stats) -> [String] {
      [name]
        + [stats.events, stats.traps, stats.refusals, stats.outputs, stats.outputBytes].map { Columns.count($0) }
        + [stats.fuelP99 == 0 && stats.events > 0 ? "not measured (native)" : Columns.count(stats.fuelP99)]
        + [stats.microsecondsP99, stats.memoryBytes, stats.checkFailures].map { Columns.count($0) }
    }
    return Columns.table(
      ["", "EVENTS", "TRAPS", "REFUSALS", "OUTPUTS", "BYTES", "FUEL 99 %", "µS 99 %", "MEMORY", "CHECKS"],
      [row("old", old), row("new", new)], right: Set(1...9)
    ).map { "  " + $0 }
  }

  static func history(_ rollouts: [ReleaseTalk.Rollout]) -> [String] {
    Columns.table(
      ["STARTED", "VERSION", "FROM", "END", "GATE", "WHY"],
      rollouts.map {
        [clock($0.startedAt), $0.to.version, $0.from?.version ?? "–", $0.state.rawValue, $0.gate.rawValue, $0.why]
      }, right: [])
  }

  private static func clock(_ milliseconds: Int64) -> String { Columns.day(milliseconds: milliseconds) }
}
