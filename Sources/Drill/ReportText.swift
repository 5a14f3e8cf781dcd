// The report for a terminal.

extension DrillReport {
  package var text: String {
    let v = verdict
    var lines = [
      "\(players) players in \(rooms) rooms, \(fixed(rate, 1)) adds a second each, \(seconds) s, durability \(durability)",
      "",
      row("sent", "\(v.sent)"), row("acked", "\(v.acked)"), row("unacked", "\(v.unacked)"), row("lost", "\(v.lost)"),
      row("duplicated", "\(v.duplicated)"), row("reordered", "\(v.reordered)"),
      row("outputs lost", "\(v.outputsLost)"), row("outputs doubled", "\(v.outputsDoubled)"),
      row("resets", "\(v.resets)"), row("disconnects", "\(disconnects)"),
      row("changed, untold", "\(v.changed), \(v.untold)"), row("errors", "\(v.errors)"),
      row("throughput", "\(fixed(throughputPerSecond, 0)) adds/s"),
      row(
        "latency",
        "mean \(ms(latency.mean))  p50 \(ms(latency.p50))  p99 \(ms(latency.p99))  p99.9 \(ms(latency.p999))  max \(ms(latency.max))"
      ),
    ]
    if !faults.isEmpty { lines.append(row("pause", spread(pause))) }
    for fault in faults {
      lines.append(
        row(fault.kind.rawValue, "at \(fixed(fault.atSeconds, 1)) s, \(fault.affected) players: \(spread(fault.pause))")
      )
    }
    for release in releases {
      lines.append(row(release.version, text(of: release)))
      lines += release.rehearsal.map { row("", $0) }
    }
    if !v.notes.isEmpty { lines += ["", "Findings:"] + v.notes.map { "  \($0)" } }
    lines += ["", isClean ? "clean: nothing lost, doubled, out of order or open" : "NOT CLEAN"]
    return lines.joined(separator: "\n") + "\n"
  }

  private func text(of release: Release) -> String {
    let rooms = "\(release.roomsReached) of \(release.rooms) rooms ran it"
    let reach =
      switch release.ended {
      case "refused": "refused by the gates, no room ran it"
      case "running", "paused":
        "still \(release.ended) \(ReleaseRuns.patienceMicroseconds / 1_000_000) s after the load, "
          + "for which more --seconds may help; \(rooms)"
      default: "\(release.ended), \(rooms)"
      }
    var parts = ["at \(fixed(release.atSeconds, 1)) s: \(reach)"]
    if let first = release.firstRoomMilliseconds { parts.append("first room after \(ms(first))") }
    if let all = release.allRoomsMilliseconds {
      let look = Double(ReleaseWatch.everyMicroseconds) / 1_000
      parts.append(all < look ? "all rooms within \(fixed(look, 0)) ms of it" : "all rooms \(ms(all)) later")
    }
    if release.traps > 0 { parts.append(release.traps == 1 ? "1 trap" : "\(release.traps) traps") }
    if let back = release.backMilliseconds {
      parts.append("last room back \(ms(back))\(release.backSince.isEmpty ? "" : " after \(release.backSince)")")
    }
    parts.append("\(release.disconnects) disconnects")
    parts.append(release.isAsExpected ? "as expected" : "NOT AS EXPECTED")
    return parts.joined(separator: ", ") + (release.why.isEmpty ? "" : " (\(release.why))")
  }
  private func row(_ name: String, _ value: String) -> String {
    name + String(repeating: " ", count: max(18 - name.count, 1)) + value
  }
  private func ms(_ value: Double) -> String { "\(fixed(value, value < 10 ? 2 : 1)) ms" }
  private func spread(_ s: Spread) -> String { "p50 \(ms(s.p50))  p99 \(ms(s.p99))  max \(ms(s.max))" }
}
