// The oracle: judges what players saw against what they did and what the rooms say in the end. It works on raw frames,
// before any client has sorted them, and shares no code with what it judges.
//
// Rooms are of the module `tally`: an add is appended to the room's list and told to every member with its position,
// so each member must see every position from its state on exactly once, and the list must hold each acknowledged add
// exactly once, each player's in the order of sending.

/// Everything is fed in the order in which it happened. Members are players and probes, by index.
package struct Oracle {
  /// Unique in a drill: the member's index, then its count of adds from 1.
  package static func operation(member: Int, count: UInt32) -> UInt64 { UInt64(member) << 32 | UInt64(count) }

  private enum Fate: UInt8 {
    case open, acknowledged, refused
  }
  private struct Member {
    let room: Int
    var fates: [Fate] = []
    var slot: UInt32?
    var isGone = false
    // The numbering: what the frames say of themselves.
    var timeline: UInt64 = 0
    /// Of the timeline in its room's `histories`.
    var history = 0
    var lastOut: UInt64 = 0
    var lastIsState = false
    var awaitsState = true
    var gaps = 0
    var numbersDoubled = 0
    // The positions: what the room says in its outputs.
    var states: [(total: UInt32, hash: UInt64, history: Int)] = []
    var next: UInt32 = 0
    var missing: Set<UInt32> = []
    var positionsDoubled = 0
    var contradictions = 0
    /// It was told that its room's build has changed; the next state says where.
    var awaitsFork = false
  }
  /// What members were told on one timeline.
  private struct History {
    let timeline: UInt64
    /// The operation at `base + i`, as the first member to see it was told; 0: nobody yet.
    var order: [UInt64] = []
    /// Where the build came in that was taken back on this timeline: from this position on the list may be another.
    var retoldFrom: UInt32?
  }
  private struct Room {
    /// The list's length before the drill's first add.
    var base: UInt32?
    var histories: [History] = []
    /// The list's length, as the newest timeline tells it.
    var (newest, end): (UInt64, UInt32) = (0, 0)
    /// The build that is on trial speaks from this position and on this timeline on.
    var trial: (position: UInt32, timeline: UInt64)?
    var acknowledged = 0
    var list: [UInt64]?

    mutating func history(of timeline: UInt64) -> Int {
      if let known = histories.lastIndex(where: { $0.timeline == timeline }) { return known }
      histories.append(History(timeline: timeline))
      return histories.count - 1
    }
    mutating func tell(_ length: UInt32, on timeline: UInt64) {
      if timeline > newest { (newest, end) = (timeline, length) }
      if timeline == newest { end = max(end, length) }
    }
  }

  private var members: [Member]
  private var rooms: [Room]
  package private(set) var sent = 0
  package private(set) var acknowledged = 0
  package private(set) var errors = 0
  package private(set) var notes: [String] = []
  /// A build is on trial that refuses adds: that alone is no finding. What became of them is judged in the end.
  package var expectsRefusals = false
  /// Adds whose senders were told that another outcome stands now.
  private var corrected: Set<UInt64> = []
  static let notesMax = 30
  private static let positionMax: UInt32 = 16_000_000

  package init(rooms: Int, roomOfMember: [Int]) {
    self.rooms = Array(repeating: Room(), count: rooms)
    members = roomOfMember.map { Member(room: $0) }
  }

  // MARK: What players do

  /// A member's next add leaves; returns its operation.
  package mutating func send(member: Int) -> UInt64 {
    members[member].fates.append(.open)
    sent += 1
    return Self.operation(member: member, count: UInt32(members[member].fates.count))
  }
  package mutating func acknowledge(_ operation: UInt64) { settle(operation, .acknowledged) }
  /// Decided otherwise, and the sender told so.
  package mutating func refuse(_ operation: UInt64, _ reason: String) {
    settle(operation, .refused)
    if !expectsRefusals { complain("add \(name(operation)) was not applied: \(reason)") }
  }
  private mutating func settle(_ operation: UInt64, _ fate: Fate) {
    let (member, index) = (Int(operation >> 32), Int(operation & 0xFFFF_FFFF) - 1)
    guard members[member].fates[index] == .open else { return }
    members[member].fates[index] = fate
    acknowledged += 1
    if fate == .acknowledged { rooms[members[member].room].acknowledged += 1 }
  }
  /// The membership is over: what comes later is not for it.
  package mutating func gone(member: Int, _ reason: String) {
    members[member].isGone = true
    complain("member \(member) lost its membership: \(reason)")
  }
  package mutating func complain(_ text: String) {
    errors += 1
    note(text)
  }
  private mutating func note(_ text: String) {
    if notes.count < Self.notesMax { notes.append(text) }
  }

  // MARK: What players receive

  /// The room runs another build from the next state on.
  package mutating func upgraded(member: Int) { members[member].awaitsFork = true }
  /// The room is back on the build before, whose outcome of these adds of the member's is another. The member has been
  /// attached to the new timeline already.
  package mutating func wentBack(member m: Int, _ operations: [UInt64]) {
    corrected.formUnion(operations)
    let r = members[m].room
    guard let trial = rooms[r].trial else { return }
    for h in rooms[r].histories.indices {
      let timeline = rooms[r].histories[h].timeline
      if timeline >= trial.timeline, timeline < members[m].timeline {
        rooms[r].histories[h].retoldFrom = trial.position
      }
    }
  }

  package mutating func attached(member: Int, slot: UInt32, timeline: UInt64) {
    members[member].slot = slot
    if members[member].timeline != timeline { members[member].awaitsState = true }
    members[member].timeline = timeline
  }

  package mutating func state(member m: Int, timeline: UInt64, asOf: UInt64, payload: UnsafeRawBufferPointer) {
    guard payload.count == 12 else { return complain("a state of \(payload.count) bytes for member \(m)") }
    let total = UInt32(littleEndian: payload.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
    let hash = UInt64(littleEndian: payload.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
    let r = members[m].room
    let before = members[m].history
    members[m].timeline = timeline
    members[m].history = rooms[r].history(of: timeline)
    rooms[r].tell(total, on: timeline)
    if members[m].awaitsFork {
      // The last to hear of it may have a longer list already than the first.
      if rooms[r].trial?.timeline != timeline { rooms[r].trial = (total, timeline) }
      members[m].awaitsFork = false
    }
    members[m].awaitsState = false
    members[m].lastOut = asOf
    members[m].lastIsState = true
    if members[m].states.isEmpty {
      if rooms[members[m].room].base == nil { rooms[members[m].room].base = total }
    } else if total < members[m].next, rooms[r].histories[before].retoldFrom == nil {
      complain("member \(m) got a state of \(total) adds after having seen \(members[m].next)")
    }
    members[m].states.append((total, hash, members[m].history))
    members[m].missing = members[m].missing.filter { $0 >= total }
    members[m].next = total
  }

  /// Any output; unnumbered ones have `seq` 0 and are not judged.
  package mutating func output(member m: Int, seq: UInt64, prev: UInt64, payload: UnsafeRawBufferPointer) {
    guard seq != 0 else { return }
    outputsSeen += 1
    checkNumber(m, seq, prev)
    guard payload.count == 17, payload[0] == 1 else { return }
    let position = UInt32(littleEndian: payload.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
    let operation = UInt64(littleEndian: payload.loadUnaligned(fromByteOffset: 5, as: UInt64.self))
    let slot = UInt32(littleEndian: payload.loadUnaligned(fromByteOffset: 13, as: UInt32.self))
    let sender = Int(operation >> 32)
    if sender < members.count, let known = members[sender].slot, known != slot {
      complain("add \(name(operation)) is told as from slot \(slot), its sender has \(known)")
    }
    place(m, position)
    record(m, position, operation)
  }

  /// Each number once, and each output's `prev` no later than what came last.
  private mutating func checkNumber(_ m: Int, _ seq: UInt64, _ prev: UInt64) {
    if members[m].awaitsState {
      complain("member \(m) got output \(seq) before the state of its timeline")
    } else if seq <= members[m].lastOut {
      members[m].numbersDoubled += 1
      note("member \(m) got output \(seq) after \(members[m].lastOut)")
      return
    } else if prev > members[m].lastOut {
      members[m].gaps += 1
      note("member \(m) got output \(seq) after \(members[m].lastOut), but \(prev) lies between")
    } else if prev < members[m].lastOut, !members[m].lastIsState {
      complain("output \(seq) names \(prev) as the one before it for member \(m), which got \(members[m].lastOut)")
    }
    members[m].lastOut = seq
    members[m].lastIsState = false
  }

  private mutating func place(_ m: Int, _ position: UInt32) {
    let next = members[m].next
    if position == next {
      members[m].next = next + 1
    } else if position < next {
      if members[m].missing.remove(position) == nil {
        members[m].positionsDoubled += 1
        note("member \(m) saw position \(position) again")
      } else {
        complain("member \(m) saw position \(position) after later ones")
      }
    } else if position < Self.positionMax {
      members[m].missing.formUnion(next..<position)
      members[m].next = position + 1
      note("member \(m) saw position \(position) when \(next) was due")
    } else {
      complain("member \(m) saw position \(position)")
    }
  }

  private mutating func record(_ m: Int, _ position: UInt32, _ operation: UInt64) {
    let r = members[m].room
    guard let base = rooms[r].base, position >= base, position < Self.positionMax else { return }
    rooms[r].tell(position + 1, on: members[m].timeline)
    let (i, h) = (Int(position - base), members[m].history)
    guard h < rooms[r].histories.count else { return }
    let count = rooms[r].histories[h].order.count
    if i < count {
      let known = rooms[r].histories[h].order[i]
      if known == 0 {
        rooms[r].histories[h].order[i] = operation
      } else if known != operation {
        members[m].contradictions += 1
        note("member \(m) saw \(name(operation)) at position \(position), another saw \(name(known))")
      }
    } else {
      rooms[r].histories[h].order.append(contentsOf: repeatElement(0, count: i - count))
      rooms[r].histories[h].order.append(operation)
    }
  }

  /// Rises with every numbered output.
  package private(set) var outputsSeen = 0
  /// Every add was told, and every member has seen all that any has.
  package var isCaughtUp: Bool {
    rooms.allSatisfy { Int($0.end) - Int($0.base ?? 0) >= $0.acknowledged }
      && members.allSatisfy { $0.isGone || $0.next == rooms[$0.room].end }
  }

  // MARK: In the end

  /// The room's whole list, from its first position, as it answered.
  package mutating func list(room: Int, _ operations: [UInt64]) { rooms[room].list = operations }

  /// The verdict over everything; call once, after the lists.
  package mutating func judge() -> OracleVerdict {
    var verdict = OracleVerdict()
    verdict.sent = sent
    verdict.acked = acknowledged
    var counts = members.map { [UInt8](repeating: 0, count: $0.fates.count) }
    for r in rooms.indices { judgeList(r, &counts, &verdict) }
    for m in members.indices {
      judgeFates(m, counts[m], &verdict)
      judgeSeen(m, &verdict)
    }
    verdict.errors = errors
    verdict.notes = notes
    return verdict
  }

  private mutating func judgeList(_ r: Int, _ counts: inout [[UInt8]], _ verdict: inout OracleVerdict) {
    guard let list = rooms[r].list else { return complain("the list of room \(r) could not be read") }
    let base = Int(rooms[r].base ?? 0)
    var latest: [Int: UInt64] = [:]
    for (position, operation) in list.enumerated().dropFirst(base) {
      let (member, count) = (Int(operation >> 32), operation & 0xFFFF_FFFF)
      guard member < members.count, members[member].room == r, count >= 1, count <= members[member].fates.count else {
        complain("room \(r) holds \(String(operation, radix: 16)) at \(position), which nobody sent to it")
        continue
      }
      if counts[member][Int(count) - 1] > 0 {
        verdict.duplicated += 1
        note("add \(name(operation)) was applied again, at position \(position)")
      } else if let last = latest[member], last > count {
        verdict.reordered += 1
        note("add \(name(operation)) comes after the later \(last)")
      }
      latest[member] = max(latest[member] ?? 0, count)
      counts[member][Int(count) - 1] += counts[member][Int(count) - 1] < 2 ? 1 : 0
      judgeTold(r, position, operation, &verdict)
    }
  }

  /// On every timeline members must have been told what the list says, but for what a build did that was taken back.
  private mutating func judgeTold(
    _ r: Int, _ position: Int, _ operation: UInt64, _ verdict: inout OracleVerdict
  ) {
    let i = position - Int(rooms[r].base ?? 0)
    for history in rooms[r].histories where i < history.order.count {
      let told = history.order[i]
      if told == 0 || told == operation { continue }
      if let from = history.retoldFrom, position >= Int(from) { continue }
      verdict.outputsLost += 1
      note("room \(r) holds \(name(operation)) at \(position), members were told \(name(told))")
    }
  }

  private mutating func judgeFates(_ m: Int, _ counts: [UInt8], _ verdict: inout OracleVerdict) {
    for (i, fate) in members[m].fates.enumerated() {
      let operation = Self.operation(member: m, count: UInt32(i + 1))
      switch fate {
      case .open: verdict.unacked += 1
      case .acknowledged:
        if counts[i] == 0, corrected.contains(operation) {
          verdict.changed += 1
        } else if counts[i] == 0 {
          verdict.lost += 1
          note("add \(name(operation)) was acknowledged and is not in the room")
        }
      case .refused:
        if counts[i] > 0, corrected.contains(operation) {
          verdict.changed += 1
        } else if counts[i] > 0 {
          verdict.untold += 1
          complain("add \(name(operation)) was refused and is in the room")
        }
      }
    }
  }

  private mutating func judgeSeen(_ m: Int, _ verdict: inout OracleVerdict) {
    verdict.resets += max(members[m].states.count - 1, 0)
    verdict.outputsDoubled += max(members[m].numbersDoubled, members[m].positionsDoubled)
    guard let list = rooms[members[m].room].list else { return }
    var unseen = members[m].missing.count
    if !members[m].isGone {
      let next = Int(members[m].next)
      if next > list.count {
        complain("member \(m) saw \(next) adds, the room holds \(list.count)")
      } else if next < list.count {
        unseen += list.count - next
        note("member \(m) saw adds up to \(next) of \(list.count)")
      }
    }
    verdict.outputsLost += max(unseen, members[m].gaps) + members[m].contradictions
    for state in members[m].states.sorted(by: { $0.total < $1.total }) where !isPrefix(state, of: list) {
      if let from = rooms[members[m].room].histories[state.history].retoldFrom, state.total >= from { continue }
      verdict.outputsLost += 1
      note("member \(m) got a state of \(state.total) adds whose hash is not that of the list")
    }
  }

  private func isPrefix(_ state: (total: UInt32, hash: UInt64, history: Int), of list: [UInt64]) -> Bool {
    guard state.total <= list.count else { return false }
    return fnv1a(list.prefix(Int(state.total))) == state.hash
  }

  private func name(_ operation: UInt64) -> String { "\(operation >> 32)#\(operation & 0xFFFF_FFFF)" }
}
