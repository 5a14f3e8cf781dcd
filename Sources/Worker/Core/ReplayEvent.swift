// The events of a crash bundle, one by one, and what came of them.
package import Core

/// One event as the journal has it, with the context that its room gave it.
package struct ReplayEvent: Sendable {
  package let seq: EventSeq
  package let kind: UInt8
  package let time: Int64
  /// What the record says of it; nil: it ran in its room as it runs here.
  package private(set) var verdict: Annotation.Verdict?
  /// What it failed with, where there is a verdict.
  package private(set) var fault: RoomFault.Kind?
  package let bytes: [UInt8]
  /// What the room's tick was, where it was written down: a tick that was undone leaves its number behind.
  private(set) var roomTick: UInt64?

  /// Of the tail, in order.
  package static func all(of bundle: CrashBundle) throws(ReplayError) -> [ReplayEvent] {
    do throws(DecodingError) {
      let verdicts = Dictionary(bundle.annotations.map { ($0.event, $0) }) { $1 }
      return try bundle.tail.withUnsafe { (bytes) throws(DecodingError) in
        var reader = ByteReader(bytes)
        var events: [ReplayEvent] = []
        while !reader.isAtEnd {
          let item = try TailItem(&reader)
          var event = try ReplayEvent(item.event, time: item.time)
          event.verdict = verdicts[event.seq]?.verdict
          event.fault = verdicts[event.seq]?.fault
          events.append(event)
        }
        return events
      }
    } catch { throw ReplayError("its tail \(error)") }
  }

  /// Nil where the bundle is of a room that lives.
  package static func culprit(of bundle: CrashBundle) throws(ReplayError) -> ReplayEvent? {
    guard !bundle.culprit.isEmpty else { return nil }
    let time = bundle.time != 0 ? bundle.time : try all(of: bundle).last?.time ?? 0
    do throws(DecodingError) {
      var culprit = try bundle.culprit.withUnsafe { (bytes) throws(DecodingError) in
        try ReplayEvent(bytes, time: time)
      }
      if bundle.time != 0 { culprit.roomTick = bundle.tick }
      return culprit
    } catch { throw ReplayError("its culprit \(error)") }
  }

  private init(_ event: UnsafeRawBufferPointer, time: Int64) throws(DecodingError) {
    var reader = ByteReader(event)
    let (head, decoded) = try reader.takeEvent()
    guard time.magnitude <= ByteReader.timeMax else { throw DecodingError("has a time in no calendar") }
    seq = head.seq
    kind = decoded.kind
    self.time = time
    bytes = Array(event)
  }

  static let joinedKind: UInt8 = 2
  package var name: String { RoomEvent.name(ofKind: kind) }
  package var tick: UInt64? { (try? withEvent { $0.tickNumber }) ?? nil }
  /// Of a room's creation: its seed, and what it asks for.
  var creation: (seed: UInt64, (module: ModuleHash, limits: RoomLimits))? {
    let found = try? withEvent { event -> (UInt64, (module: ModuleHash, limits: RoomLimits))? in
      guard case .created(let creation) = event else { return nil }
      return (creation.seed, (creation.module, creation.limits))
    }
    return found ?? nil
  }
  /// Who is blamed for a failure of it; nil: the room itself.
  package var slot: Slot? { (try? withEvent { $0.blamed }) ?? nil }
  /// What the guest is given: a message's or a timer's bytes, a signal's, an answer's, a creation's or a joiner's
  /// parameters.
  package var payload: [UInt8] {
    let found = try? withEvent { event -> [UInt8] in
      switch event {
      case .created(let creation): Array(creation.parameters)
      case .joined(let joining): Array(joining.parameters)
      case .input(_, _, _, let payload), .timer(_, let payload), .signal(_, let payload),
        .answered(_, _, let payload):
        Array(payload)
      default: []
      }
    }
    return found ?? []
  }

  func withEvent<R>(_ body: (RoomEvent) -> R) throws(ReplayError) -> R {
    do throws(DecodingError) {
      return try bytes.withUnsafe { (bytes) throws(DecodingError) in
        var reader = ByteReader(bytes)
        return body(try reader.takeEvent().1)
      }
    } catch { throw ReplayError("event \(seq) \(error)") }
  }
}

/// What one call asked for, counted. Logs and counters are left out: they are no part of what players see.
package struct EffectsSummary: Sendable, Hashable {
  /// Sends and replies.
  package var outputs = 0
  package var outputBytes = 0
  /// FNV-1a of everything that was asked for; timers by their delays, requests by what they ask, not by
  /// their ids.
  package var hash: UInt64 = 0xCBF2_9CE4_8422_2325

  package init() {}

  init(_ effects: RoomEffects) {
    for command in effects.commands { add(command, effects.bytes) }
  }

  private mutating func add(_ command: RoomEffects.Command, _ bytes: [UInt8]) {
    switch command {
    case .send(let target, let reliable, let payload):
      outputs += 1
      outputBytes += payload.count
      put(reliable ? 1 : 2)
      add(target, bytes)
      add(bytes[payload])
    case .reply(let payload):
      outputs += 1
      outputBytes += payload.count
      put(3)
      add(bytes[payload])
    case .refuse(let reason):
      put(4)
      add(bytes[reason])
    case .after(_, let milliseconds, let payload):
      put(5)
      add(number: milliseconds)
      add(bytes[payload])
    case .cancel: put(6)
    case .kick(let slot, let reason):
      put(7)
      add(number: UInt64(slot.rawValue))
      add(bytes[reason])
    case .label(let text):
      put(8)
      add(bytes[text])
    case .property(let text):
      put(9)
      add(bytes[text])
    case .lock(let isLocked): put(isLocked ? 10 : 11)
    case .end(let reason):
      put(12)
      add(bytes[reason])
    case .ask(_, let kind, let target, let payload):
      put(kind == .open ? 13 : 14)
      add(bytes[target])
      add(bytes[payload])
    case .log, .count: break
    }
  }
  private mutating func add(_ target: RoomEffects.Target, _ bytes: [UInt8]) {
    switch target {
    case .all: put(1)
    case .only(let slot):
      put(2)
      add(number: UInt64(slot.rawValue))
    case .except(let slot):
      put(3)
      add(number: UInt64(slot.rawValue))
    case .some(let slots):
      put(4)
      add(bytes[slots])
    }
  }
  private mutating func put(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
  private mutating func add(number: UInt64) {
    for shift in stride(from: UInt64(0), to: 64, by: 8) { put(UInt8(truncatingIfNeeded: number >> shift)) }
  }
  private mutating func add(_ bytes: ArraySlice<UInt8>) {
    add(number: UInt64(bytes.count))
    for byte in bytes { put(byte) }
  }
}

extension RoomEngine {
  /// `deliver`, and what the host holds against an event that its guest applied.
  func deliverJudged(
    _ event: RoomEvent, to instance: any RoomInstance, returns: Bool, budget: RoomBudget
  ) -> RoomOutcome? {
    deliver(event, to: instance, returns: returns, budget: budget).map { judged($0, event) }
  }
  func judged(_ outcome: RoomOutcome, _ event: RoomEvent) -> RoomOutcome {
    if case .applied = outcome, let excess = excess(of: event) { return .failed(excess) }
    return outcome
  }

  /// The host's own bounds on what one event may ask for; nil: kept.
  func excess(of event: RoomEvent) -> RoomFault? {
    if effectCount > Limits.outputsPerEventMax {
      return RoomFault(kind: .output, text: "one event sent more than \(Limits.outputsPerEventMax) messages")
    }
    if case .signal = event, Worker.reply(effects).count > Limits.signalReplyBytesMax {
      return RoomFault(
        kind: .output, text: "a signal was answered with more than \(Limits.signalReplyBytesMax) bytes")
    }
    return nil
  }
}
