// What a scripted room holds, what it can be asked for, and what it says.
package import Core

/// What an input's first byte asks of a scripted room; a u64 operation follows, then what the kind needs.
package enum ScriptedCommand: UInt8, Sendable, CaseIterable {
  /// Puts the operation into the list and tells everybody.
  case append = 1
  /// The same, with a reply.
  case appendAndReply = 2
  case refuse = 3
  case trap = 4
  /// Uses three calls' fuel, more than the usual limit allows; else like `append`.
  case burn = 5
  /// Like `append`; the watchdog may fire at it.
  case slow = 6
  /// Like `append`; the process may die of it.
  case crash = 7
  /// u16 milliseconds: appends the operation by a timer.
  case later = 8
  /// u8 slot: kicks that member.
  case kick = 9
  /// Appends, with a random draw mixed into the room's state and sent along.
  case draw = 10
  /// Unreliable, to everybody.
  case wave = 11
  /// Appends; tells the sender and the others in two outputs.
  case split = 12
  /// u8 count: so many outputs after the append.
  case shower = 13
  /// Sends more than one event may.
  case flood = 14
  /// Appends; the room is over after it.
  case end = 15
  /// Appends; the room gets a label, a property and a count.
  case dress = 16
  /// Appends, with what the environment draws mixed into the room's state: not the same twice.
  case drift = 17
  /// u8 of `ScriptedAsk`: appends, and asks another room.
  case ask = 18
}

/// What a scripted room's reliable output says, by its first byte.
package enum ScriptedOutput: UInt8, Sendable {
  /// u32 index, u64 operation.
  case appended = 1
  case joined = 2
  case left = 3
  case suspended = 4
  case returned = 5
  case ticked = 6
  case filler = 7
  /// u64 operation; never numbered.
  case waved = 8
  /// u8 outcome, u64 operation.
  case answered = 9
}

package struct ScriptedRoom: Hashable, Sendable {
  package var operations: [UInt64] = []
  package var ticks: UInt64 = 0
  package var mixed: UInt64 = 0
  /// Operations that came as signals.
  package var signals: [UInt64] = []
  /// Asked and not answered yet.
  package var open: [Request] = []
  package var answers: [Answer] = []

  package struct Request: Hashable, Sendable {
    package var id: RequestID
    package var operation: UInt64
    /// Of `ScriptedAsk`.
    package var ask: UInt8
  }
  package struct Answer: Hashable, Sendable {
    package var operation: UInt64
    package var outcome: RequestOutcome
    package var ask: UInt8
  }

  package init() {}
  package func encode(into out: inout [UInt8]) {
    out.put(UInt32(operations.count))
    for operation in operations { out.put(operation) }
    out.put(ticks)
    out.put(mixed)
    out.put(UInt32(signals.count))
    for signal in signals { out.put(signal) }
    // What never asked is as short as it was.
    guard !open.isEmpty || !answers.isEmpty else { return }
    out.put(UInt32(open.count))
    for request in open {
      out.put(request.id)
      out.put(request.operation)
      out.append(request.ask)
    }
    out.put(UInt32(answers.count))
    for answer in answers {
      out.put(answer.operation)
      out.append(answer.outcome.rawValue)
      out.append(answer.ask)
    }
  }
  package init(_ bytes: UnsafeRawBufferPointer) throws(DecodingError) {
    var r = ByteReader(bytes)
    let count: UInt32 = try r.take()
    for _ in 0..<count { operations.append(try r.take()) }
    ticks = try r.take()
    mixed = try r.take()
    for _ in 0..<(try r.take(UInt32.self)) { signals.append(try r.take()) }
    guard !r.isAtEnd else { return }
    for _ in 0..<(try r.take(UInt32.self)) {
      open.append(Request(id: try r.take(), operation: try r.take(), ask: try r.take()))
    }
    for _ in 0..<(try r.take(UInt32.self)) {
      let operation: UInt64 = try r.take()
      guard let outcome = RequestOutcome(rawValue: try r.take()) else { throw DecodingError("has an unknown outcome") }
      answers.append(Answer(operation: operation, outcome: outcome, ask: try r.take()))
    }
  }
}
