// Each kind of violation, on a history made by hand, is found; a clean one is clean.
import Drill
import Testing

@Suite struct OracleTests {
  @Test func aCleanHistoryIsClean() {
    var history = History()
    let a = history.add(0)
    let b = history.add(1)
    history.told([a, b])
    history.acknowledge(a, b)
    #expect(history.oracle.isCaughtUp)
    let verdict = history.judge([a, b])
    #expect(verdict.sent == 2 && verdict.acked == 2)
    #expect(verdict.unacked == 0 && verdict.lost == 0 && verdict.duplicated == 0 && verdict.reordered == 0)
    #expect(verdict.outputsLost == 0 && verdict.outputsDoubled == 0 && verdict.resets == 0)
    #expect(verdict.errors == 0 && verdict.notes == [])
  }

  @Test func anAcknowledgedAddThatIsNotInTheRoomIsLost() {
    var history = History()
    let a = history.add(0)
    let b = history.add(0)
    history.told([a])
    history.acknowledge(a, b)
    #expect(!history.oracle.isCaughtUp)
    #expect(history.judge([a]).lost == 1)
  }

  @Test func whatIsNotAcknowledgedIsOpen() {
    var history = History()
    let a = history.add(0)
    let verdict = history.judge([])
    #expect(verdict.unacked == 1 && verdict.lost == 0)
    #expect(verdict.notes.isEmpty, "\(a)")
  }

  @Test func anAddInTheRoomTwiceIsDuplicated() {
    var history = History()
    let a = history.add(0)
    history.told([a, a])
    history.acknowledge(a)
    #expect(history.judge([a, a]).duplicated == 1)
  }

  @Test func aPlayersLaterAddFirstIsReordered() {
    var history = History()
    let a = history.add(0)
    let b = history.add(0)
    let other = history.add(1)
    history.told([b, other, a])
    history.acknowledge(a, b, other)
    let verdict = history.judge([b, other, a])
    #expect(verdict.reordered == 1 && verdict.lost == 0 && verdict.duplicated == 0)
  }

  @Test func anAddThatNobodySentIsAnError() {
    var history = History()
    let stranger = Oracle.operation(member: 0, count: 5)
    history.told([stranger])
    #expect(history.judge([stranger]).errors > 0)
  }

  @Test func aRefusedAddMustNotBeInTheRoom() {
    var history = History()
    let a = history.add(0)
    history.oracle.refuse(a, "quarantined")
    history.acknowledge(a)
    history.told([a])
    let verdict = history.judge([a])
    #expect(verdict.errors == 2 && verdict.lost == 0)
  }

  @Test func aMissingOutputIsLostByNumberAndByPosition() {
    var history = History()
    let (a, b, c) = (history.add(0), history.add(0), history.add(0))
    history.told([a, b, c], to: 0)
    history.output(1, seq: 1, prev: 0, position: 0, a)
    history.output(1, seq: 3, prev: 2, position: 2, c)
    history.acknowledge(a, b, c)
    #expect(history.judge([a, b, c]).outputsLost == 1)
  }

  @Test func aMissingLastOutputIsLost() {
    var history = History()
    let (a, b) = (history.add(0), history.add(0))
    history.told([a, b], to: 0)
    history.told([a], to: 1)
    history.acknowledge(a, b)
    #expect(!history.oracle.isCaughtUp)
    #expect(history.judge([a, b]).outputsLost == 1)
  }

  @Test func anOutputTwiceIsDoubled() {
    var history = History()
    let a = history.add(0)
    history.told([a])
    history.output(1, seq: 1, prev: 0, position: 0, a)
    history.acknowledge(a)
    let verdict = history.judge([a])
    #expect(verdict.outputsDoubled == 1 && verdict.outputsLost == 0)
  }

  @Test func aPositionUnderTwoNumbersIsDoubled() {
    var history = History()
    let a = history.add(0)
    history.told([a])
    history.output(1, seq: 2, prev: 1, position: 0, a)
    history.acknowledge(a)
    #expect(history.judge([a]).outputsDoubled == 1)
  }

  @Test func membersMustBeToldTheSame() {
    var history = History()
    let (a, b) = (history.add(0), history.add(1))
    history.told([a, b], to: 0)
    history.told([b, a], to: 1)
    history.acknowledge(a, b)
    #expect(history.judge([a, b]).outputsLost == 2)
  }

  @Test func outputsMustAgreeWithTheList() {
    var history = History()
    let (a, b) = (history.add(0), history.add(1))
    history.told([a, b])
    history.acknowledge(a, b)
    #expect(history.judge([b, a]).outputsLost == 2)
  }

  @Test func aStateReplacesOutputsAndIsCounted() {
    var history = History()
    let (a, b) = (history.add(0), history.add(0))
    history.told([a, b], to: 0)
    history.state(1, asOf: 2, [a, b])
    history.acknowledge(a, b)
    #expect(history.oracle.isCaughtUp)
    let verdict = history.judge([a, b])
    #expect(verdict.resets == 1 && verdict.outputsLost == 0 && verdict.errors == 0)
  }

  @Test func aStateOfAnotherListIsFound() {
    var history = History()
    let (a, b) = (history.add(0), history.add(1))
    history.told([a, b], to: 0)
    history.state(1, asOf: 2, [b, a])
    history.acknowledge(a, b)
    #expect(history.judge([a, b]).outputsLost == 1)
  }

  @Test func aBrokenChainIsAnError() {
    var history = History()
    let (a, b) = (history.add(0), history.add(1))
    history.told([a], to: 0)
    history.output(0, seq: 2, prev: 0, position: 1, b)
    history.told([a, b], to: 1)
    history.acknowledge(a, b)
    let verdict = history.judge([a, b])
    #expect(verdict.errors == 1 && verdict.outputsLost == 0)
  }

  @Test func anOutputBeforeItsTimelinesStateIsAnError() {
    var history = History()
    let a = history.add(0)
    history.told([a], to: 1)
    history.oracle.attached(member: 0, slot: 0, timeline: 2)
    history.output(0, seq: 1, prev: 0, position: 0, a)
    history.acknowledge(a)
    #expect(history.judge([a]).errors == 1)
  }

  @Test func whatWasThereBeforeTheDrillIsNotJudged() {
    let old = Oracle.operation(member: 0, count: 1)
    var history = History(old: [old, old])
    let a = history.add(0)
    history.output(0, seq: 9, prev: 0, position: 2, a)
    history.output(1, seq: 9, prev: 1, position: 2, a)
    history.acknowledge(a)
    let verdict = history.judge([old, old, a])
    #expect(verdict.duplicated == 0 && verdict.outputsLost == 0 && verdict.errors == 0 && verdict.lost == 0)
  }

  /// Both were told that the list is a, c; then the build that refused b was taken back, and the list is a, b, c.
  func takenBack(telling: Bool) -> OracleVerdict {
    var history = History()
    history.oracle.expectsRefusals = true
    let (a, b, c) = (history.add(0), history.add(0), history.add(1))
    history.told([a])
    for member in 0..<2 {
      history.oracle.upgraded(member: member)
      history.oracle.attached(member: member, slot: UInt32(member), timeline: 2)
      history.state(member, asOf: 1, [a], timeline: 2)
      history.output(member, seq: 2, prev: 1, position: 1, c)
    }
    history.oracle.refuse(b, "an unlucky number")
    history.acknowledge(a, c)
    for member in 0..<2 {
      history.oracle.attached(member: member, slot: UInt32(member), timeline: 3)
      history.oracle.wentBack(member: member, telling && member == 0 ? [b] : [])
      history.state(member, asOf: 2, [a, b, c], timeline: 3)
    }
    #expect(history.oracle.isCaughtUp)
    return history.judge([a, b, c])
  }

  @Test func anOutcomeThatChangesAndIsToldIsCounted() {
    let verdict = takenBack(telling: true)
    #expect(verdict.changed == 1 && verdict.untold == 0 && verdict.errors == 0, "\(verdict.notes)")
    #expect(verdict.lost == 0 && verdict.outputsLost == 0 && verdict.outputsDoubled == 0 && verdict.resets == 4)
  }

  @Test func anOutcomeThatChangesUnsaidIsFound() {
    let verdict = takenBack(telling: false)
    #expect(verdict.changed == 0 && verdict.untold == 1)
  }

  @Test func withoutABackTheListMayNotChange() {
    var history = History()
    let (a, b) = (history.add(0), history.add(1))
    history.told([b])
    for member in 0..<2 { history.state(member, asOf: 1, [a, b], timeline: 2) }
    history.acknowledge(a, b)
    #expect(history.judge([a, b]).outputsLost == 1)
  }

  @Test func whatWasToldBeforeABuildMustStandWhenItIsTakenBack() {
    var history = History()
    let (a, b, c) = (history.add(0), history.add(1), history.add(1))
    history.told([b])
    for member in 0..<2 {
      history.oracle.upgraded(member: member)
      history.state(member, asOf: 1, [b], timeline: 2)
      history.output(member, seq: 2, prev: 1, position: 1, c)
      history.oracle.attached(member: member, slot: UInt32(member), timeline: 3)
      history.oracle.wentBack(member: member, [])
      history.state(member, asOf: 2, [a, b, c], timeline: 3)
    }
    history.acknowledge(a, b, c)
    // What was told at position 0 before the build came; the state with which it came is its own.
    #expect(history.judge([a, b, c]).outputsLost == 1)
  }

  @Test func aRoomThatCannotBeReadIsLost() {
    var history = History()
    let a = history.add(0)
    history.told([a])
    history.acknowledge(a)
    let verdict = history.oracle.judge()
    #expect(verdict.lost == 1 && verdict.errors == 1)
  }
}

/// Two members of one room, both attached with the same state.
struct History {
  var oracle = Oracle(rooms: 1, roomOfMember: [0, 0])

  init(old: [UInt64] = []) {
    for member in 0..<2 {
      oracle.attached(member: member, slot: UInt32(member), timeline: 1)
      state(member, asOf: UInt64(old.count), old)
    }
  }
  mutating func add(_ member: Int) -> UInt64 { oracle.send(member: member) }
  mutating func acknowledge(_ operations: UInt64...) { for o in operations { oracle.acknowledge(o) } }
  /// Every one of them, in order, to one member or to both, as the room's first outputs.
  mutating func told(_ operations: [UInt64], to only: Int? = nil) {
    for member in only.map({ [$0] }) ?? [0, 1] {
      for (i, o) in operations.enumerated() {
        output(member, seq: UInt64(i + 1), prev: UInt64(i), position: UInt32(i), o)
      }
    }
  }
  mutating func output(_ member: Int, seq: UInt64, prev: UInt64, position: UInt32, _ operation: UInt64) {
    let payload = addOutput(position: position, operation, slot: UInt32(truncatingIfNeeded: operation >> 32))
    payload.withUnsafeBytes { oracle.output(member: member, seq: seq, prev: prev, payload: $0) }
  }
  mutating func state(_ member: Int, asOf: UInt64, _ list: [UInt64], timeline: UInt64 = 1) {
    tallyState(list).withUnsafeBytes { oracle.state(member: member, timeline: timeline, asOf: asOf, payload: $0) }
  }
  mutating func judge(_ list: [UInt64]) -> OracleVerdict {
    oracle.list(room: 0, list)
    return oracle.judge()
  }
}

func addOutput(position: UInt32, _ operation: UInt64, slot: UInt32) -> [UInt8] {
  [1] + littleEndian(position) + littleEndian(operation) + littleEndian(slot)
}
func tallyState(_ list: [UInt64]) -> [UInt8] { littleEndian(UInt32(list.count)) + littleEndian(fnv1a(list)) }
func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
  (0..<MemoryLayout<T>.size).map { UInt8(truncatingIfNeeded: value >> T($0 * 8)) }
}
