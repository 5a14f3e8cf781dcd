// From a room's name to its number and shard, the same in every process and for ever: SipHash-2-4 (Aumasson and
// Bernstein, "SipHash: a fast short-input PRF", 2012) under the data directory's key, so that nobody can aim for
// collisions or for one shard.

package struct ShardMap: Sendable, Hashable {
  package let count: Int
  package let key: (low: UInt64, high: UInt64)

  /// `count`: 1…`Limits.shardsMax`, fixed at the data directory's first start.
  package init(count: Int, key: (low: UInt64, high: UInt64)) {
    precondition(count >= 1 && count <= Limits.shardsMax, "shards must be 1…\(Limits.shardsMax)")
    self.count = count
    self.key = key
  }

  package func room(module: some Collection<UInt8>, key name: some Collection<UInt8>) -> RoomID {
    var bytes = Array(module)
    bytes.append(0)
    bytes.append(contentsOf: name)
    return RoomID(sipHash(bytes))
  }
  package func shard(of room: RoomID) -> ShardID { ShardID(UInt16(room.rawValue % UInt64(count))) }

  /// Of any bytes under the map's key.
  package func sipHash(_ bytes: [UInt8]) -> UInt64 {
    var v0 = key.low ^ 0x736f_6d65_7073_6575
    var v1 = key.high ^ 0x646f_7261_6e64_6f6d
    var v2 = key.low ^ 0x6c79_6765_6e65_7261
    var v3 = key.high ^ 0x7465_6462_7974_6573
    func rotate(_ x: UInt64, _ n: UInt64) -> UInt64 { x << n | x >> (64 - n) }
    func round() {
      v0 &+= v1
      v2 &+= v3
      v1 = rotate(v1, 13) ^ v0
      v3 = rotate(v3, 16) ^ v2
      v0 = rotate(v0, 32)
      v2 &+= v1
      v0 &+= v3
      v1 = rotate(v1, 17) ^ v2
      v3 = rotate(v3, 21) ^ v0
      v2 = rotate(v2, 32)
    }
    var i = 0
    while i + 8 <= bytes.count {
      var word: UInt64 = 0
      for k in 0..<8 { word |= UInt64(bytes[i + k]) << UInt64(8 * k) }
      v3 ^= word
      round()
      round()
      v0 ^= word
      i += 8
    }
    var last = UInt64(truncatingIfNeeded: bytes.count) << 56
    for k in 0..<(bytes.count - i) { last |= UInt64(bytes[i + k]) << UInt64(8 * k) }
    v3 ^= last
    round()
    round()
    v0 ^= last
    v2 ^= 0xff
    for _ in 0..<4 { round() }
    return v0 ^ v1 ^ v2 ^ v3
  }

  package static func == (a: Self, b: Self) -> Bool { a.count == b.count && a.key == b.key }
  package func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    hasher.combine(key.low)
    hasher.combine(key.high)
  }
}
