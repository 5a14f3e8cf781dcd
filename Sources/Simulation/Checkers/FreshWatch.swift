// I-6 on a client's wire: what is unreliable comes at most once and never goes back. A replay after a death or for a
// repair that says it again breaks the rise of its numbers.
import Core

struct FreshWatch {
  /// Marks the operations of waves that have no input number.
  static let unnumbered: UInt64 = 1 << 63

  private struct Stream: Hashable {
    var id: JoinID
    var timeline: Timeline
    /// Of a sender's page, or of the room's ticks (0).
    var source: UInt64
  }
  private var newest: [Stream: UInt64] = [:]

  /// Nil, or what is wrong.
  mutating func heard(_ id: JoinID, _ timeline: Timeline, _ payload: [UInt8]) -> String? {
    var source: UInt64 = 0
    var number: UInt64 = 0
    payload.withUnsafeBytes { bytes in
      var r = ByteReader(bytes)
      guard let kind: UInt8 = try? r.take(), let value: UInt64 = try? r.take() else { return }
      switch ScriptedOutput(rawValue: kind) {
      case .waved: (source, number) = (value >> 32, value)
      case .ticked: number = value
      default: break
      }
    }
    guard number > 0 else { return "membership \(id) gets an unreliable output that nobody sends" }
    let stream = Stream(id: id, timeline: timeline, source: source)
    if let last = newest[stream], last >= number {
      return "membership \(id) gets an unreliable output again or late: \(hex16(number)) after \(hex16(last))"
    }
    newest[stream] = number
    return nil
  }
}
