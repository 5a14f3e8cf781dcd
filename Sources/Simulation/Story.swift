// What happened in a run, for people: one line for each thing that matters, with repeats drawn together. Scenarios keep
// theirs, and a change of it is reviewed as a difference (`Tests/SimulationTests/traces`).
//
// Numbered things (inputs journaled, outputs and acknowledgements heard) collect by whom they concern, until a line of
// its own comes, or the second changes in which nothing was told.
import Core

final class Story {
  /// Beyond, the middle is left out: the first and the last lines say enough.
  static let firstLines = 96
  static let lastLines = 24
  /// A pause that is told.
  private static let pauseMicroseconds: Int64 = 2_000_000

  private struct Run {
    var what: String
    /// Ranges of numbers, in the order in which they came.
    var ranges: [ClosedRange<UInt64>] = []
    var plain = 0
  }
  private var told: [String] = []
  private var repeats = 0
  private var subjects: [(name: String, runs: [Run])] = []
  private var lastTime: Int64 = 0

  init(at time: Int64) { lastTime = time }

  /// A line of its own.
  func tell(_ text: String, at time: Int64) {
    flush()
    notePause(time)
    append(text)
  }

  /// One more of a numbered kind, for the subject's line. Number 0: the kind has none.
  func add(_ subject: String, _ what: String, _ number: UInt64, at time: Int64) {
    if time - lastTime >= Self.pauseMicroseconds { flush() }
    notePause(time)
    let s = subjects.firstIndex { $0.name == subject } ?? subjects.count
    if s == subjects.count { subjects.append((subject, [])) }
    let r = subjects[s].runs.firstIndex { $0.what == what } ?? subjects[s].runs.count
    if r == subjects[s].runs.count { subjects[s].runs.append(Run(what: what)) }
    guard number > 0 else {
      subjects[s].runs[r].plain += 1
      return
    }
    if let last = subjects[s].runs[r].ranges.last, last.upperBound &+ 1 == number {
      subjects[s].runs[r].ranges[subjects[s].runs[r].ranges.count - 1] = last.lowerBound...number
    } else {
      subjects[s].runs[r].ranges.append(number...number)
    }
  }

  /// The newest of a kind that says all before it, for the subject's line.
  func replace(_ subject: String, _ what: String, _ number: UInt64, at time: Int64) {
    add(subject, what, number, at: time)
    guard let s = subjects.firstIndex(where: { $0.name == subject }),
      let r = subjects[s].runs.firstIndex(where: { $0.what == what })
    else { return }
    subjects[s].runs[r].ranges = [number...number]
  }

  private func notePause(_ time: Int64) {
    defer { lastTime = time }
    guard time - lastTime >= Self.pauseMicroseconds else { return }
    append("… \((time - lastTime + 500_000) / 1_000_000) s")
  }

  private func flush() {
    for subject in subjects {
      append("  \(subject.name): \(subject.runs.map(describe).joined(separator: "; "))")
    }
    subjects = []
  }

  private func describe(_ run: Run) -> String {
    guard !run.ranges.isEmpty else { return run.plain > 1 ? "\(run.what) ×\(run.plain)" : run.what }
    var ranges = run.ranges.prefix(8).map {
      $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)–\($0.upperBound)"
    }
    if run.ranges.count > 8 { ranges.append("…") }
    return "\(run.what) \(ranges.joined(separator: ", "))"
  }

  private func append(_ line: String) {
    if told.last == line {
      repeats += 1
      return
    }
    closeRepeats()
    told.append(line)
  }
  private func closeRepeats() {
    guard repeats > 0 else { return }
    told[told.count - 1] += " ×\(repeats + 1)"
    repeats = 0
  }

  /// The whole of it, shortened in the middle.
  func lines() -> [String] {
    flush()
    closeRepeats()
    guard told.count > Self.firstLines + Self.lastLines else { return told }
    return Array(told.prefix(Self.firstLines)) + ["… (more of the same kind) …"] + Array(told.suffix(Self.lastLines))
  }
}

extension World {
  /// A line of the story, where one is kept.
  func tell(_ text: @autoclosure () -> String) {
    if violation == nil { story?.tell(text(), at: time) }
  }
  func tell(_ subject: @autoclosure () -> String, _ what: @autoclosure () -> String, _ number: UInt64 = 0) {
    if violation == nil { story?.add(subject(), what(), number, at: time) }
  }
  /// As a run's places are numbered.
  func name(_ room: RoomID) -> String {
    for n in 0..<options.rooms where place(n).id == room { return "room \(n)" }
    return "room \(room)"
  }
  package var storyLines: [String] { story?.lines() ?? [] }
}
