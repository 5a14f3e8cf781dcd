// A long list that grows in fixed pieces, so that adding never copies what is there and leaves old pages untouched.

import OneUpRoom

struct OperationList: Fields {
  /// What fits the usual 16 MiB of a room with some to spare.
  static let countMax: UInt32 = 1_500_000
  /// With its header, a piece of the guest's heap of about one page of an image.
  static let perChunk: UInt32 = 500

  private var chunks: [[UInt64]] = []
  private(set) var count: UInt32 = 0
  /// FNV-1a of all operations in order, each as 8 bytes, little endian.
  private(set) var hash: UInt64 = fnvStart

  mutating func fields<C: Coder>(_ c: inout C) {
    c.hidden(1, "chunks", &chunks)
    c.hidden(2, "count", &count)
    c.hidden(3, "hash", &hash)
  }

  subscript(position: UInt32) -> UInt64 {
    chunks[Int(position / Self.perChunk)][Int(position % Self.perChunk)]
  }

  mutating func append(_ operation: UInt64) {
    if count % Self.perChunk == 0 {
      var chunk: [UInt64] = []
      chunk.reserveCapacity(Int(Self.perChunk))
      chunks.append(chunk)
    }
    #if FORGETS
      chunks[chunks.count - 1].append(isUnlucky(operation, oneOf: 64) ? 0 : operation)
    #else
      chunks[chunks.count - 1].append(operation)
    #endif
    count += 1
    hash = fnv(hash, operation)
  }

  /// The hash, from the list itself.
  func recount() -> UInt64 {
    var result = fnvStart
    for chunk in chunks { for operation in chunk { result = fnv(result, operation) } }
    return result
  }
}

let fnvStart: UInt64 = 0xCBF2_9CE4_8422_2325

func fnv(_ hash: UInt64, _ operation: UInt64) -> UInt64 {
  var hash = hash
  for shift in stride(from: UInt64(0), to: 64, by: 8) {
    hash = (hash ^ (operation >> shift & 0xFF)) &* 0x100_0000_01B3
  }
  return hash
}
