// The twin test: what a room forgets when it is moved.
#if !arch(wasm32) && !ONEUP_NATIVE

  /// Two copies of a room that should never differ.
  ///
  /// One is played at random; now and then it is saved and a second copy restored from that, and from then on both are
  /// given the same events. A property that is missing from `fields` is lost in the second copy, which sooner or later
  /// does something else. `play` makes one random move and is called `moves` times for each seed:
  ///
  ///     try twinTest(Arena.self, seeds: 1...50) { twins in
  ///       switch twins.chance(below: 4) {
  ///       case 0: twins.join()
  ///       case 1: twins.leave()
  ///       case 2: twins.stream(Steer(to: Vec2(twins.chance(in: -1...1), twins.chance(in: -1...1))))
  ///       default: twins.advance(ticks: 3)
  ///       }
  ///     }
  ///
  /// Throws a `TwinDifference` that says where they parted and which property it probably is.
  public func twinTest<R: Room>(
    _ room: R.Type, seeds: ClosedRange<UInt64> = 1...50, moves: Int = 200, parameters: [UInt8] = [],
    _ play: (Twins<R>) throws -> Void
  ) throws {
    for seed in seeds {
      let twins = try Twins<R>(seed: seed, parameters: parameters)
      for move in 0..<moves {
        if twins.chance(below: 12) == 0 { twins.divide() }
        try play(twins)
        if let difference = twins.difference {
          throw TwinDifference(description: "seed \(seed), move \(move): \(difference)")
        }
      }
    }
  }

  public struct TwinDifference: Error, CustomStringConvertible {
    public var description: String
  }

  /// A room and, after the first time that it was saved, its restored copy; what is done to one is done to both. Moves
  /// that the room refuses are as good as others, as long as both refuse them.
  public final class Twins<R: Room> {
    private let first: RoomTest<R>
    private var second: RoomTest<R>?
    private var chanceState: UInt64
    private var names = 0
    /// Properties that were not the same right after the copy was restored.
    private var lost: [String] = []
    private(set) var difference: String?

    init(seed: UInt64, parameters: [UInt8]) throws(Refused) {
      first = try RoomTest<R>(seed: seed, parameters: parameters)
      chanceState = seed &* 0x9E37_79B9_7F4A_7C15
    }

    /// The room, to choose a move by: a gem that is there, say.
    public var room: R { first.room }
    public var members: [Slot] { first.members.sorted().map { Slot($0) } }

    public func chance(below bound: UInt64) -> UInt64 {
      precondition(bound > 0, "a random number below 0 does not exist")
      chanceState = chanceState &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (chanceState >> 33) % bound
    }
    public func chance(in range: ClosedRange<Float>) -> Float {
      range.lowerBound + (range.upperBound - range.lowerBound) * Float(chance(below: 1 << 24)) / Float(1 << 24)
    }
    public func pick<T>(_ list: [T]) -> T? { list.isEmpty ? nil : list[Int(chance(below: UInt64(list.count)))] }
    private func anybody(_ slot: Slot?) -> Slot? { slot ?? pick(members) }

    public func join(parameters: [UInt8] = []) {
      guard members.count < Int(R.settings.members) else { return }
      names += 1
      let name = "player \(names)"
      both { room throws(Refused) in "joined as \(try room.join(name, parameters: parameters))" }
    }
    public func leave(_ slot: Slot? = nil) {
      guard let slot = anybody(slot) else { return }
      both { room in
        room.leave(slot)
        return "\(slot) left"
      }
    }
    public func suspend(_ slot: Slot? = nil) {
      guard let slot = anybody(slot) else { return }
      both { room in
        room.suspend(slot)
        return "\(slot) was suspended"
      }
    }
    public func `return`(_ slot: Slot? = nil) {
      guard let slot = anybody(slot) else { return }
      both { room in
        room.return(slot)
        return "\(slot) returned"
      }
    }
    /// From whom it is, or from anybody; nobody being there, nothing happens.
    public func send<M: Message>(_ message: M, from slot: Slot? = nil) { send(encoded(message), from: slot) }
    public func send(_ message: [UInt8], from slot: Slot? = nil) {
      guard let slot = anybody(slot) else { return }
      both { room throws(Refused) in "reply \(try room.send(message, from: slot).bytes)" }
    }
    public func stream<M: Message>(_ message: M, from slot: Slot? = nil) { stream(encoded(message), from: slot) }
    public func stream(_ message: [UInt8], from slot: Slot? = nil) {
      guard let slot = anybody(slot) else { return }
      both { room throws(Refused) in
        try room.stream(message, from: slot)
        return "streamed"
      }
    }
    public func signal<M: Message>(_ message: M) {
      both { room throws(Refused) in "reply \(try room.signal(message).bytes)" }
    }
    /// Answers the oldest of what the room asked of other rooms; nothing being asked, nothing happens.
    public func answer(_ reply: [UInt8] = []) {
      both { room in
        guard let request = room.asked.first else { return "nothing to answer" }
        room.answer(request.id, reply)
        return "\(request) was done"
      }
    }
    public func answer<M: Message>(_ reply: M) { answer(encoded(reply)) }
    public func answer(refused reason: String) {
      both { room in
        guard let request = room.asked.first else { return "nothing to answer" }
        room.answer(request.id, refused: reason)
        return "\(request) was refused"
      }
    }
    public func advance(ticks: Int) {
      both { room in
        room.advance(ticks: ticks)
        return "\(ticks) ticks"
      }
    }
    public func advance(milliseconds: UInt64) {
      both { room in
        room.advance(milliseconds: milliseconds)
        return "\(milliseconds) ms"
      }
    }

    /// Saves the room and restores a copy of it, which takes the place of the one before.
    func divide() {
      _ = first.takeEverythingSaid()
      let copy: RoomTest<R>
      do throws(Refused) { copy = try first.twin() } catch {
        difference = "what was saved could not be restored: \(error.reason)"
        return
      }
      second = copy
      lost = []
      compare(first.room, copy.room, "", &lost)
      look("restoring it")
    }

    private func both(_ move: (RoomTest<R>) throws(Refused) -> String) {
      let one = result(of: move, first)
      guard let second else { return }
      let other = result(of: move, second)
      if one != other { return differ("answered \"\(one)\", its copy \"\(other)\"") }
      look(one)
    }
    private func result(of move: (RoomTest<R>) throws(Refused) -> String, _ room: RoomTest<R>) -> String {
      do throws(Refused) { return try move(room) } catch { return "refused: \(error.reason)" }
    }
    private func look(_ after: String) {
      guard let second, difference == nil else { return }
      let one = first.takeEverythingSaid()
      let other = second.takeEverythingSaid()
      if one != other { return differ("said something else than its copy after \"\(after)\"") }
      guard first.stateHash != second.stateHash else { return }
      var fields: [String] = []
      compare(first.room, second.room, "", &fields)
      differ("has another state than its copy after \"\(after)\"", fields.first)
    }
    private func differ(_ what: String, _ field: String? = nil) {
      guard difference == nil else { return }
      difference = "the room \(what)"
      if let suspect = lost.first {
        difference! += "; it forgot \"\(suspect)\" when it was saved: is that in `fields`?"
      } else if let field {
        difference! += "; \"\(field)\" is what differs"
      }
    }
  }

  extension RoomTest {
    /// A copy made from what is saved, in the same world.
    func twin() throws(Refused) -> RoomTest {
      let copy = RoomTest(like: self)
      try copy.restore(saved())
      return copy
    }
    /// All outputs and requests since the last time, the SDK's own too.
    func takeEverythingSaid() -> [String] {
      defer {
        host.outputs = []
        host.kicked = []
        host.logged = []
        host.counts = [:]
      }
      return host.outputs.map { "\($0)" } + host.kicked.map { "kick \($0)" } + host.logged
        + host.counts.sorted { $0.key < $1.key }.map { "\($0)" }
        + [host.label, "\(host.isLocked)", host.ended ?? ""]
        + host.properties.sorted { $0.key < $1.key }.map { "\($0)" }
        + host.timers.map { "timer \($0)" } + host.requests.map { "asks \($0)" }
        + ["chance \(host.seed)"]
    }
  }

  extension Table: CustomReflectable {
    /// By key, so that a path reads like code: ships.3.name.
    public var customMirror: Mirror {
      let children: [Mirror.Child] = map { (label: "\($0.key)", value: $0.row) }
      return Mirror(self, children: children, displayStyle: .dictionary)
    }
  }

  /// Adds the paths of the properties that differ.
  private func compare(_ one: Any, _ other: Any, _ path: String, _ differing: inout [String]) {
    let left = Array(Mirror(reflecting: one).children)
    let right = Array(Mirror(reflecting: other).children)
    guard !left.isEmpty, left.count == right.count else {
      if "\(one)" != "\(other)" { differing.append(path) }
      return
    }
    for (index, (a, b)) in zip(left, right).enumerated() {
      let name = a.label ?? "\(index)"
      compare(a.value, b.value, path.isEmpty ? name : "\(path).\(name)", &differing)
    }
  }
#endif
