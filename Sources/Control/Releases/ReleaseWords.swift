// Between the core's words and those of workers and files.
import Artifacts
import Core
import FoundationEssentials
import Glibc
import ReleaseCore
import Wire

extension OwnedCommand {
  init(_ room: RoomID, _ order: RoomOrder) {
    self =
      switch order {
      case .upgrade(let to, let events, let seconds):
        .upgrade(room, to: to, probationEvents: events, probationSeconds: seconds)
      case .back(let reason): .back(room, reason: Array(Self.short(reason).utf8))
      case .settle: .settle(room)
      }
  }

  private static func short(_ reason: String) -> Substring {
    var reason = reason[...]
    while reason.utf8.count > Limits.reasonBytesMax { reason = reason.dropLast() }
    return reason
  }
}

extension RoomRefusal {
  /// nil: it was done. `answer`: nil where the worker gave none.
  init?(_ answer: CommandAnswer?) {
    switch answer {
    case .done: return nil
    case .refused(let sentence): self = RoomRefusal(sentence: sentence)
    case .notFound: self = .gone
    case .notMine: self = .later("its shard has just changed hands")
    case .busy(Limits.retryWithoutPlaceMilliseconds): self = .noPlace
    case .busy: self = .later("it is busy")
    case .failed(let text): self = .failed(text)
    case nil: self = .later("its worker does not answer just now")
    }
  }
}

enum Statistics {
  /// When the server began: instances are counted from 1 in each of its lives, and a worker's counts belong to one of them.
  private static let life: UInt64 = {
    let stat = FileManager.default.contents(atPath: "/proc/\(getppid())/stat").map {
      String(decoding: $0, as: UTF8.self)
    }
    // The name in parentheses may hold anything; the start time is the 20th field behind it.
    let fields = stat.flatMap { text in text.lastIndex(of: ")").map { text[$0...].split(separator: " ") } } ?? []
    return fields.count > 20 ? UInt64(fields[20]) ?? 0 : 0
  }()

  /// What is no answer is left out.
  static func read(_ answers: [(worker: UInt32, json: [UInt8])]) -> [WorkerStatistics] {
    answers.compactMap { answer in
      guard let builds = try? JSONDecoder().decode([BuildStatistics].self, from: Data(answer.json)) else { return nil }
      return WorkerStatistics(worker: life &<< 32 | UInt64(answer.worker), builds: builds)
    }
  }
}

/// How busy the machine's processors are.
struct ProcessorLoad: Sendable {
  private static let everyMicroseconds: Int64 = 1_000_000
  private var last: (at: Int64, busy: UInt64, all: UInt64)?

  /// In percent since the last answer; nil until a second has passed.
  mutating func percent(now: Int64) -> Int? {
    if let last, now - last.at < Self.everyMicroseconds { return nil }
    guard let text = FileManager.default.contents(atPath: "/proc/stat"),
      let line = text.split(separator: UInt8(ascii: "\n")).first
    else { return nil }
    let counts = line.split(separator: UInt8(ascii: " ")).dropFirst().prefix(8).compactMap {
      UInt64(String(decoding: $0, as: UTF8.self))
    }
    guard counts.count == 8 else { return nil }
    let all = counts.reduce(0, &+)
    // Idle and waiting for the disk.
    let busy = all &- counts[3] &- counts[4]
    defer { last = (now, busy, all) }
    guard let last, all > last.all, busy >= last.busy else { return nil }
    return Int((busy - last.busy) * 100 / (all - last.all))
  }
}
