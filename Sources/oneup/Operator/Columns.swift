// Numbers and tables in a terminal.
import Control
import Foundation

enum Columns {
  /// Rows under a heading, each column as wide as its widest cell; `right`: the columns of numbers.
  static func table(_ heading: [String], _ rows: [[String]], right: Set<Int>) -> [String] {
    let rows = rows.map { $0.map(\.forTerminal) }
    var widths = heading.map(\.cells)
    for row in rows {
      for (i, cell) in row.enumerated() { widths[i] = max(widths[i], cell.cells) }
    }
    func line(_ cells: [String]) -> String {
      var text = ""
      for (i, cell) in cells.enumerated() {
        let gap = String(repeating: " ", count: widths[i] - cell.cells)
        text += right.contains(i) ? gap + cell : cell + gap
        text += "  "
      }
      while text.last == " " { text.removeLast() }
      return text
    }
    return [line(heading)] + rows.map(line)
  }

  static func milliseconds(_ ms: Double?) -> String {
    guard let ms else { return "–" }
    if ms >= 1_000 { return "\(rounded(ms / 1_000, 1)) s" }
    return ms >= 100 ? "\(Int(ms.rounded())) ms" : "\(rounded(ms, ms >= 10 ? 1 : 2)) ms"
  }
  static func bytes(_ bytes: Int64) -> String {
    bytes >= 1 << 30 ? "\(rounded(Double(bytes) / Double(1 << 30), 1)) GB" : "\(bytes >> 20) MB"
  }
  static func percent(_ part: Double?) -> String { part.map { "\(Int(($0 * 100).rounded())) %" } ?? "–" }
  static func rounded(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
  /// 12,345
  static func count(_ number: some BinaryInteger) -> String {
    var text = ""
    for (i, digit) in String(number).reversed().enumerated() {
      if i > 0, i % 3 == 0, digit != "-" { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }
  /// 1 room, 2 rooms
  static func count(_ number: some BinaryInteger, _ one: String) -> String {
    "\(count(number)) \(one)\(number == 1 ? "" : "s")"
  }
  /// With its day: what may be long ago.
  static func day(milliseconds: Int64) -> String {
    var (seconds, parts) = (time_t(milliseconds / 1_000), tm())
    localtime_r(&seconds, &parts)
    return String(format: "%04d-%02d-%02d ", parts.tm_year + 1_900, parts.tm_mon + 1, parts.tm_mday)
      + clock(microseconds: milliseconds * 1_000)
  }
  static func clock(microseconds: Int64) -> String {
    var seconds = time_t(microseconds / 1_000_000)
    var parts = tm()
    localtime_r(&seconds, &parts)
    return String(format: "%02d:%02d:%02d", parts.tm_hour, parts.tm_min, parts.tm_sec)
  }
  static func duration(milliseconds: Int64) -> String {
    let seconds = milliseconds / 1_000
    if seconds < 60 { return "\(seconds) s" }
    if seconds < 3_600 { return "\(seconds / 60) min" }
    return seconds < 172_800 ? "\(seconds / 3_600) h" : "\(seconds / 86_400) d"
  }

  static func processes(_ look: LiveVitals) -> [String] {
    let ranks = ["supervisor": 0, "gateway": 1, "control": 2, "worker": 3, "spare": 4]
    let sorted = look.processes.sorted {
      (ranks[$0.role] ?? 9, $0.instance) < (ranks[$1.role] ?? 9, $1.instance)
    }
    return table(
      ["PROCESS", "STATE", "PID", "BEAT", "CPU", "MEMORY", "TURN", "ROOMS", "UP", "SHARDS"],
      sorted.map { p in
        let isRoot = p.role == "supervisor"
        return [
          isRoot ? p.role : "\(p.role) \(p.instance)", p.state, String(p.pid), isRoot ? "" : "\(p.beatMilliseconds) ms",
          percent(p.cpu), bytes(p.memoryBytes), p.role == "worker" ? milliseconds(p.turnMilliseconds) : "",
          p.role == "worker" ? count(p.rooms) : "", isRoot ? "" : duration(milliseconds: p.upMilliseconds),
          p.shards.map(String.init).joined(separator: " "),
        ]
      }, right: [2, 3, 4, 5, 6, 7, 8])
  }

  static func numbers(_ look: LiveVitals) -> String {
    "\(count(look.players, "player"))  \(count(look.rooms, "room"))  \(count(Int(look.messagesPerSecond.rounded()))) messages/s  "
      + (look.p99Milliseconds.map { "99 % within \(milliseconds($0))  " } ?? "")
      + "worst pause \(look.worstPauseMilliseconds > 0 ? milliseconds(look.worstPauseMilliseconds) : "none")"
  }
}
