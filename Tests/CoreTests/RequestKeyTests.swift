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
  }
}
