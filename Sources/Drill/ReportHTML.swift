// The report as one page: no scripts, no links, charts as inline SVG.

extension DrillReport {
  package var html: String {
    """
    <!doctype html>
    <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
    <title>OneUp drill</title>
    <style>
    :root { color-scheme: light dark; --line: #2563eb; --second: #9333ea; --fault: #dc2626; --rule: #8884; }
    body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
    table { border-collapse: collapse; } td, th { padding: .2rem .8rem; border-bottom: 1px solid var(--rule); text-align: right; }
    td:first-child, th:first-child { text-align: left; }
    .verdict { padding: .6rem 1rem; border-radius: .4rem; color: #fff; background: \(isClean ? "#15803d" : "#b91c1c"); }
    svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
    </style></head><body>
    <h1>OneUp drill</h1>
    <p>\(players) players in \(rooms) rooms, \(fixed(rate, 1)) adds a second each, for \(seconds) s; durability \(escaped(durability)).</p>
    <p class="verdict">\(isClean ? "Clean: nothing lost, doubled, out of order or open." : "Not clean.")</p>
    \(countsTable)
    <h2>Acknowledged a second</h2>
    \(chart([("acked", "--line", moments.map { Double($0.acked) * 1_000 / Double(Self.momentMilliseconds) })]))
    <h2>Latency in ms, every \(Self.momentMilliseconds) ms: p99 and longest</h2>
    \(chart([("longest", "--second", moments.map(\.max)), ("p99", "--line", moments.map(\.p99))]))
    <p>mean \(fixed(latency.mean, 2)), p50 \(fixed(latency.p50, 2)), p99 \(fixed(latency.p99, 2)), p99.9 \(fixed(latency.p999, 2)), max \(fixed(latency.max, 2)) ms</p>
    \(faultsSection)
    \(releasesSection)
    \(notesSection)
    </body></html>

    """
  }

  private var countsTable: String {
    let v = verdict
    let rows: [(String, Int)] = [
      ("sent", v.sent), ("acked", v.acked), ("unacked", v.unacked), ("lost", v.lost), ("duplicated", v.duplicated),
      ("reordered", v.reordered), ("outputs lost", v.outputsLost), ("outputs doubled", v.outputsDoubled),
      ("resets", v.resets), ("disconnects", disconnects), ("changed", v.changed), ("untold", v.untold),
      ("errors", v.errors),
    ]
    return "<table>" + rows.map { "<tr><td>\($0.0)</td><td>\($0.1)</td></tr>" }.joined()
      + "<tr><td>acknowledged a second</td><td>\(fixed(throughputPerSecond, 0))</td></tr></table>"
  }

  private var faultsSection: String {
    if faults.isEmpty { return "" }
    let rows = faults.map {
      "<tr><td>\($0.kind.rawValue)</td><td>\(fixed($0.atSeconds, 1))</td><td>\($0.affected)</td><td>\(fixed($0.pause.p50, 1))</td><td>\(fixed($0.pause.p99, 1))</td><td>\(fixed($0.pause.max, 1))</td></tr>"
    }
    return """
      <h2>Pauses in ms</h2>
      <table><tr><th>fault</th><th>at, s</th><th>players hit</th><th>p50</th><th>p99</th><th>max</th></tr>\(rows.joined())
      <tr><th>all</th><th></th><th></th><th>\(fixed(pause.p50, 1))</th><th>\(fixed(pause.p99, 1))</th><th>\(fixed(pause.max, 1))</th></tr></table>
      """
  }

  private var releasesSection: String {
    if releases.isEmpty { return "" }
    func cell(_ milliseconds: Double?) -> String { milliseconds.map { fixed($0, 1) } ?? "" }
    let rows = releases.map {
      "<tr><td>\(escaped($0.version))</td><td>\(fixed($0.atSeconds, 1))</td><td>\(escaped($0.ended))</td><td>\($0.roomsReached) of \($0.rooms)</td><td>\(cell($0.firstRoomMilliseconds))</td><td>\(cell($0.allRoomsMilliseconds))</td><td>\($0.traps)</td><td>\(cell($0.backMilliseconds))</td><td>\($0.disconnects)</td><td>\(escaped(([$0.why] + $0.rehearsal).joined(separator: "; ")))</td></tr>"
    }
    return """
      <h2>Releases, times in ms</h2>
      <table><tr><th>version</th><th>at, s</th><th>ended</th><th>rooms that ran it</th><th>first room</th><th>all rooms, from there</th><th>traps</th><th>last room back</th><th>disconnects</th><th>why</th></tr>\(rows.joined())</table>
      """
  }

  private var notesSection: String {
    let items = verdict.notes.map { "<li>\(escaped($0))</li>" }
    return items.isEmpty ? "" : "<h2>Findings</h2><ul>" + items.joined() + "</ul>"
  }

  /// Lines over the drill's time, all on one scale, with a mark for each fault.
  private func chart(_ lines: [(name: String, color: String, values: [Double])]) -> String {
    let (width, height, left, bottom) = (900.0, 220.0, 50.0, 24.0)
    let top = max(lines.flatMap(\.values).max() ?? 0, 1) * 1.05
    func x(_ at: Double) -> Double { left + at / Double(max(seconds, 1)) * (width - left - 8) }
    func y(_ value: Double) -> Double { height - bottom - value / top * (height - bottom - 8) }
    var svg = "<svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\">"
    for step in 0...4 {
      let value = top * Double(step) / 4
      svg +=
        "<line x1=\"\(left)\" x2=\"\(width - 8)\" y1=\"\(fixed(y(value), 1))\" y2=\"\(fixed(y(value), 1))\" stroke=\"var(--rule)\"/>"
      svg +=
        "<text x=\"\(left - 6)\" y=\"\(fixed(y(value) + 4, 1))\" text-anchor=\"end\">\(fixed(value, top < 10 ? 1 : 0))</text>"
    }
    for step in 0...5 {
      let at = Double(seconds) * Double(step) / 5
      svg += "<text x=\"\(fixed(x(at), 1))\" y=\"\(height - 8)\" text-anchor=\"middle\">\(fixed(at, 0)) s</text>"
    }
    for fault in faults {
      let at = fixed(x(fault.atSeconds), 1)
      svg +=
        "<line x1=\"\(at)\" x2=\"\(at)\" y1=\"8\" y2=\"\(height - bottom)\" stroke=\"var(--fault)\" stroke-dasharray=\"3 3\"><title>\(fault.kind.rawValue)</title></line>"
    }
    for line in lines {
      let points = line.values.enumerated().map { i, value in
        "\(fixed(x((Double(i) + 0.5) * Double(Self.momentMilliseconds) / 1_000), 1)),\(fixed(y(value), 1))"
      }
      svg +=
        "<polyline fill=\"none\" stroke=\"var(\(line.color))\" stroke-width=\"1.5\" points=\"\(points.joined(separator: " "))\"><title>\(line.name)</title></polyline>"
    }
    return svg + "</svg>"
  }

  private func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
    return result
  }
}
