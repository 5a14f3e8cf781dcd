import OneUpRoom
import Testing

@Suite("What clients are told") struct SynchronisationTests {
  /// The readable form of what clients can see: hidden fields as in a fresh room, fixed-point numbers in their steps.
  func visible(_ board: Board) -> Board {
    var board = board
    board.secret = 0
    for at in board.pieces.indices {
      board.pieces[at: at].mood = 0
      board.pieces[at: at].turn = (board.pieces[at: at].turn * 100).rounded() / 100
    }
    return board
  }
  func agree(_ view: ClientView<Board>, _ room: RoomTest<Board>) -> Bool {
    "\(visible(view.state))" == "\(visible(room.room))"
  }

  @Test("However many changes are lost, each one tells the whole state", arguments: 1...20 as ClosedRange<UInt64>)
  func losses(seed: UInt64) throws {
    let room = try RoomTest<Board>(seed: seed)
    let ann = try room.join("ann")
    let view = ClientView<Board>()
    var keyframes = 0
    var stamp: UInt64 = 0
    var applied: UInt64 = 0
    for round in 0..<300 {
      room.advance(ticks: 1)
      let told = applied
      stamp += 1
      // A refused one is not an applied one.
      do {
        try room.stream(Nudge(piece: room.room.pieces.keys.first ?? 99, by: Vec2(1, 0)), from: ann)
        applied = stamp
      } catch {}
      let outputs = room.allOutputs()
      for output in outputs where output.bytes.first == 250 {
        #expect(output.reliable)
        #expect(view.take(output.bytes))
        keyframes += 1
      }
      guard let change = outputs.last(where: { $0.bytes.first == 251 }), !change.reliable else {
        Issue.record("no change in a tick")
        return
      }
      // Two of three are lost.
      guard round % 3 == 0 else { continue }
      #expect(view.take(change.bytes))
      #expect(view.tick == UInt64(round + 1))
      #expect(view.stamps[0] ?? 0 == told)
    }
    #expect(keyframes >= 2 && keyframes <= 16, "at most one a second: \(keyframes)")
    room.advance(ticks: 1)
    for output in room.allOutputs() { #expect(view.take(output.bytes)) }
    #expect(agree(view, room))
  }

  @Test("A joiner is given the keyframe and the state of now", arguments: [0, 1, 7, 60])
  func joiners(ticks: Int) throws {
    let room = try RoomTest<Board>(seed: 5)
    let ann = try room.join("ann")
    room.advance(ticks: ticks)
    let view = ClientView<Board>()
    #expect(view.take(room.describe(for: ann)))
    #expect(agree(view, room))
    _ = room.allOutputs()
    room.advance(ticks: 3)
    for output in room.allOutputs() { #expect(view.take(output.bytes)) }
    #expect(agree(view, room))
  }

  @Test("A state too large to be sent does not fail the tick: the log says so, and it is sent again once it fits")
  func tooLarge() throws {
    struct Attic: Room {
      static let settings = Settings(hz: 20)
      var boxes = Table<Crew>()
      mutating func fields<C: Coder>(_ c: inout C) { c(1, "boxes", &boxes) }
      mutating func tick(_ room: Context) {
        if room.tick == 2 { for _ in 0..<40 { boxes.append(Crew(name: String(repeating: "x", count: 5_000))) } }
        if room.tick == 5 { for key in boxes.keys where key > 3 { boxes.remove(key) } }
      }
    }
    let room = try RoomTest<Attic>()
    _ = try room.join("ann")
    room.advance(ticks: 4)
    let view = ClientView<Attic>()
    for output in room.allOutputs() {
      #expect(output.bytes.count < 130_000)
      #expect(view.take(output.bytes))
    }
    #expect(room.logged.contains { $0.contains("clients are not told") })
    room.advance(ticks: 1)
    for output in room.allOutputs() { #expect(view.take(output.bytes)) }
    #expect(view.state.boxes.count == room.room.boxes.count && view.state.boxes.count > 0)
  }

  @Test("What is unchanged is not sent again") func quiet() throws {
    struct Still: Room {
      static let settings = Settings(hz: 20)
      var pieces = Table<Piece>()
      mutating func fields<C: Coder>(_ c: inout C) { c(1, "pieces", &pieces) }
      mutating func create(_ room: Context) { for _ in 0..<50 { pieces.add(Piece()) } }
      mutating func tick(_ room: Context) { if room.tick == 3 { pieces[UInt32(17)].health = 99 } }
    }
    let room = try RoomTest<Still>()
    #expect(room.allOutputs().isEmpty)
    room.advance(ticks: 1)
    #expect(room.allOutputs().isEmpty, "nobody is here")
    _ = try room.join("ann")
    room.advance(ticks: 1)
    #expect(room.allOutputs().map { $0.bytes[0] } == [250, 251])
    room.advance(ticks: 1)
    let change = room.allOutputs()[0].bytes
    // id, keyframe 1, tick 3, time, no stamps; field 1: the row 17 (key << 1) with the field 3, 99 as zigzag.
    #expect(Array(change[0..<3]) == [251, 1, 3] && change[11] == 0)
    #expect(Array(change[12...]) == [1 << 2 | 2, 5, 34, 3, 3 << 2, 198, 1])
  }

  @Test("A room that does not tick tells each event that changed something, once and for certain") func turns() throws {
    let room = try RoomTest<Turns>()
    let ann = try room.join("ann")
    let view = ClientView<Turns>()
    _ = room.allOutputs()
    #expect(view.take(room.describe(for: ann)))
    #expect(view.state.board == [0, 0, 0, 0])
    try room.send([2], from: ann)
    let outputs = room.allOutputs()
    #expect(outputs.count == 1 && outputs[0].reliable)
    #expect(view.take(outputs[0].bytes))
    #expect(view.state.board == [0, 0, 1, 0])
    try room.send([2], from: ann)
    #expect(room.allOutputs().isEmpty, "nothing changed")
    #expect(throws: Refused.self) { try room.send([9], from: ann) }
    #expect(room.allOutputs().isEmpty)
  }
}
