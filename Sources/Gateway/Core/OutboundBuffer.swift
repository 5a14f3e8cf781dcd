// What waits for one client: finished frames, each behind its 4-byte big-endian length.
import Core
import Wire

struct OutboundBuffer {
  private(set) var bytes: [UInt8] = []
  /// The transport could not take what waited at the end of a turn: from here on unreliable outputs are conflated.
  private(set) var isStalled = false
  /// Unreliable frames among `bytes`, while stalled: at most one per route.
  private var latest: [Latest] = []

  private struct Latest {
    var route: Route
    var offset: Int
    var count: Int
  }

  var count: Int { bytes.count }

  /// Appends one frame of bytes that `encode` appends.
  mutating func append(_ encode: (inout [UInt8]) -> Void) {
    let start = bytes.count
    bytes.put(UInt32(0))
    encode(&bytes)
    bytes.patch(UInt32(bytes.count - start - 4).byteSwapped, at: start)
  }

  /// Copies a finished frame and patches its recipient's fields.
  mutating func append(frame: UnsafeRawBufferPointer, joinID: JoinID, at joinIDOffset: Int, prev: OutSeq?) {
    let start = bytes.count
    bytes.put(UInt32(frame.count).byteSwapped)
    bytes.append(contentsOf: frame)
    bytes.patch(joinID.rawValue, at: start + 4 + joinIDOffset)
    if let prev { bytes.patch(prev.rawValue, at: bytes.count - 8) }
  }

  /// The same for an unreliable output: while stalled it replaces the route's older one.
  mutating func appendUnreliable(frame: UnsafeRawBufferPointer, route: Route, joinID: JoinID, at joinIDOffset: Int) {
    if isStalled {
      if let i = latest.firstIndex(where: { $0.route == route }) { remove(i) }
      latest.append(Latest(route: route, offset: bytes.count, count: frame.count + 4))
    }
    append(frame: frame, joinID: joinID, at: joinIDOffset, prev: nil)
  }

  private mutating func remove(_ i: Int) {
    let old = latest.remove(at: i)
    bytes.removeSubrange(old.offset..<old.offset + old.count)
    for k in latest.indices where latest[k].offset > old.offset { latest[k].offset -= old.count }
  }

  mutating func stall() { isStalled = true }

  /// Everything goes to the transport, or is dropped. The caller hands the storage on.
  mutating func takeAll() -> [UInt8] {
    var all: [UInt8] = []
    swap(&all, &bytes)
    isStalled = false
    if !latest.isEmpty { latest = [] }
    return all
  }
  /// Empty storage of another connection.
  mutating func give(storage: consuming [UInt8]) {
    precondition(bytes.isEmpty, "a buffer in use must keep its storage")
    bytes = storage
  }
}
