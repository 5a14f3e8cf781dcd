import Core
import Testing

/// Keys stand in snapshots and in other rooms' memories: they must come out the same for ever.
@Suite struct RequestKeyTests {
  private func key(
    event: UInt64 = 258, time: Int64 = 1_700_000_000_000_000, index: Int = 1, _ kind: RequestKind = .signal,
    _ target: String = "tally/other", _ payload: [UInt8] = [1, 2]
  ) -> RequestKey {
    RequestKey(
      event: EventSeq(event), time: time, index: index, kind, target: Array(target.utf8), payload: payload)
  }

  @Test func isTheSameForEver() {
    #expect(key() == RequestKey(event: EventSeq(258), digest: 0x5bed_c79d_ab33_3fdb))
    #expect(key().text(from: RoomID(0xab)) == "00000000000000ab.0000000000000102.5bedc79dab333fdb")
    #expect(key().text(from: RoomID(.max)).utf8.count <= Limits.idempotencyKeyBytesMax)
  }

  @Test func aRoomsSignalIsRememberedWithoutWhatItSaysOfOthers() {
    let room = RoomID(0xab)
    let identity = Array(key().text(from: room).utf8)
    for oldest in [0, 1, 200, 258, 259, UInt64.max] {
      let text = SignalName.text(key(), from: room, oldest: EventSeq(oldest))
      #expect(text.utf8.count <= Limits.idempotencyKeyBytesMax)
      let name = SignalName(Array(text.utf8))
      #expect(name.bytes == identity && name.isOfRoom)
      for event in [1, 199, 200, 257, 258, 300] as [UInt64] {
        let other = Array(key(event: event, index: 5).text(from: room).utf8)
        #expect(name.forgets(other) == (event < min(oldest, 258)), "\(oldest), \(event)")
        #expect(!name.forgets(Array(key(event: event).text(from: RoomID(0xac)).utf8)))
      }
    }
    #expect(!SignalName(identity).forgets(Array(key(event: 1).text(from: room).utf8)))
    #expect(SignalName(identity).bytes == identity && SignalName(identity).isOfRoom)
  }

  /// Nothing in front of a stranger's key is taken for a room's.
  @Test func othersKeysAreTheirOwn() {
    let room = key().text(from: RoomID(0xab))
    for text in [
      "", "k", "order-71", room + ".", room + ".x", room + ".A", room + ".103", room + ".11112222333344445",
      room + "-2", String(room.dropLast()) + "g.1", String(room.map { $0 == "." ? "-" : $0 }) + ".1",
    ] {
      let name = SignalName(Array(text.utf8))
      #expect(name.bytes == Array(text.utf8) && !name.isOfRoom, "\(text)")
      #expect(!name.forgets(Array(key(event: 1).text(from: RoomID(0xab)).utf8)))
      #expect(!SignalName(Array((room + ".0").utf8)).forgets(Array(text.utf8)), "\(text)")
    }
  }

  @Test func differsWithWhateverDiffers() {
    let others = [
      key(event: 259), key(time: 1), key(index: 0), key(.open), key(.signal, "tally/othe", [114, 1, 2]),
      key(.signal, "tally/other", [1]), key(.signal, "tally/other", []),
    ]
    #expect(Set(others + [key()]).count == 8)
  }

  @Test func aTargetNamesAModuleAndAKey() {
    let target = RequestTarget(Array("tally/a/b".utf8))
    #expect(target.map { Array($0.module) } == Array("tally".utf8) && target.map { Array($0.key) } == Array("a/b".utf8))
    for text in ["", "tally", "/a", "tally/", String(repeating: "m", count: 65) + "/a"] {
      #expect(RequestTarget(Array(text.utf8)) == nil, "\(text)")
    }
    #expect(RequestTarget(Array("tally/".utf8) + [0xff]) == nil)
  }
}
