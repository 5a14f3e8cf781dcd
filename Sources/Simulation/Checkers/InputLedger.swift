// I-3 from outside: what each sender was told of each of its inputs, against what the rooms hold in the end.
import ClientCore
import Core
import WorkerCore

final class InputLedger {
  enum Fate: UInt8 {
    /// Nothing is known yet.
    case sent
    case acknowledged
    case refused
    /// A power loss at `process` can take the verdict and leave the input: then it is decided anew.
    case quarantined
    /// Decided, but how was not told.
    case unknown
    /// Acknowledged, and then told to be cut from the history.
    case lost
    /// The sender went away or the membership ended before an answer.
    case abandoned
    /// Told to never be decided.
    case never
  }
  struct Entry {
    var command: ScriptedCommand
    var room: RoomID
    var stream: UInt64
    var fate = Fate.sent
    /// Its membership is over: of a later loss its sender cannot be told.
    var isUntold = false
  }
  unowned var world: World!
  private var entries: [UInt64: Entry] = [:]
  /// Quarantined after their outputs may have left: their senders got a new timeline and the full state.
  private var undone: Set<UInt64> = []
  /// Decided otherwise by the silent version: what became of them depends on whether the room went back to it.
  private var differing: Set<UInt64> = []
  func differs(_ event: RoomEvent) { if let operation = operation(of: event) { differing.insert(operation) } }
  func undo(_ event: RoomEvent) { if let operation = operation(of: event) { undone.insert(operation) } }
  private func operation(of event: RoomEvent) -> UInt64? {
    switch event {
    case .input(_, _, _, let payload), .signal(_, let payload):
      payload.count < 9 ? nil : UInt64(littleEndian: payload.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
    default: nil
    }
  }
  /// Whether nothing has happened to it that leaves open what became of it.
  func isCertain(_ operation: UInt64) -> Bool { !differing.contains(operation) && !undone.contains(operation) }
  /// Whether a player's input asked for it, of the odd build or not.
  func asked(_ operation: UInt64) -> Bool { entries[operation & ~(1 << 63)]?.command == .ask }

  func sent(
    _ operation: UInt64, _ command: ScriptedCommand, by client: SimulatedClient, in m: SimulatedClient.Membership
  ) {
    entries[operation] = Entry(
      command: command, room: m.room,
      stream: UInt64(client.index) << 40 | client.incarnation << 32 | UInt64(m.id.rawValue))
  }
  func acknowledged(_ operation: UInt64) {
    guard let entry = entries[operation] else { return }
    if entry.fate == .sent { entries[operation]!.fate = .acknowledged }
  }
  func verdict(_ operation: UInt64, _ kind: Verdict.Kind) {
    guard let entry = entries[operation] else { return }
    if kind != .applied {
      if entry.fate == .acknowledged { world.fail("I-3", "\(operation) was acknowledged before its verdict \(kind)") }
      entries[operation]!.fate = kind == .quarantined ? .quarantined : .refused
    }
  }
  func unknown(_ operation: UInt64) { entries[operation]?.fate = .unknown }
  func lost(_ operation: UInt64) {
    entries[operation]?.fate = .lost
    if world.lossIsForbidden { world.fail("I-3", "\(operation) was acknowledged and is lost, although nothing may be") }
  }
  func abandoned(_ m: SimulatedClient.Membership) {
    for operation in m.pending where operation != 0 { settle(operation, .abandoned) }
    forget(m)
  }
  /// Nobody is left to be told of a loss.
  private func forget(_ m: SimulatedClient.Membership) {
    for (_, operation) in m.acknowledged where entries[operation]?.fate == .acknowledged {
      entries[operation]!.isUntold = true
    }
  }
  func ended(_ m: SimulatedClient.Membership, last: UInt64, isKnown: Bool) {
    for (i, operation) in m.pending.enumerated() where operation != 0 {
      settle(operation, isKnown && m.base + UInt64(i) + 1 > last ? .never : .abandoned)
    }
    forget(m)
  }
  private func settle(_ operation: UInt64, _ fate: Fate) {
    if entries[operation]?.fate == .sent { entries[operation]!.fate = fate }
  }

  /// The rooms' lists, at the end, when nothing is on its way.
  func compare(_ rooms: [RoomID: [UInt64]]) {
    var counts: [UInt64: Int] = [:]
    for (room, operations) in rooms {
      var last: [UInt64: UInt64] = [:]
      for operation in operations {
        counts[operation, default: 0] += 1
        guard let entry = entries[operation], entry.room == room else {
          return world.fail("I-3", "room \(room) holds \(operation), which nobody sent to it")
        }
        if entry.command == .later { continue }
        if let before = last[entry.stream], before >= operation {
          return world.fail("I-3", "room \(room) holds \(operation) after \(before), out of its sender's order")
        }
        last[entry.stream] = operation
      }
    }
    for (operation, entry) in entries.sorted(by: { $0.key < $1.key }) {
      let count = counts[operation] ?? 0
      guard count <= 1 else { return world.fail("I-3", "\(operation) was applied \(count) times") }
      guard rooms[entry.room] != nil else { continue }
      let isPresent = count == 1
      let mayBe: Bool
      let must: Bool
      switch (entry.fate, entry.command) {
      case _ where differing.contains(operation): (mayBe, must) = (true, false)
      case (.refused, _), (.lost, _), (.never, _): (mayBe, must) = (false, false)
      case (.quarantined, _): (mayBe, must) = (!world.lossIsForbidden, false)
      // Their timers may be on their way, cancelled with a cut, or end with the run.
      case (_, .later): (mayBe, must) = (true, false)
      case (.acknowledged, .wave): (mayBe, must) = (false, false)
      case (.acknowledged, _):
        (mayBe, must) = (true, !undone.contains(operation) && (world.lossIsForbidden || !entry.isUntold))
      case (_, .refuse), (_, .trap), (_, .flood): (mayBe, must) = (false, false)
      case (.sent, _), (.unknown, _), (.abandoned, _): (mayBe, must) = (true, false)
      }
      if isPresent && !mayBe {
        return world.fail(
          "I-3", "\(operation) (\(entry.command)) is in room \(entry.room), but its sender was told: \(entry.fate)")
      }
      if !isPresent && must {
        return world.fail("I-3", "\(operation) (\(entry.command)) was acknowledged and is not in room \(entry.room)")
      }
    }
  }
}
