// Bytes that are written again and again without being allocated again.

/// Grows and never shrinks; what is cleared is written over. One owner.
public final class Buffer {
  private(set) var start: UnsafeMutableRawPointer
  private var capacity: Int
  private(set) var count = 0

  init(capacity: Int = 256) {
    start = .allocate(byteCount: capacity, alignment: 8)
    self.capacity = capacity
  }
  deinit { start.deallocate() }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }
  var cursor: Cursor { Cursor(bytes) }

  func clear() { count = 0 }
  /// Forgets what was written after `count` bytes.
  func cut(to count: Int) { self.count = count }

  @inline(__always) private func reserve(_ more: Int) {
    if count + more > capacity { grow(more) }
  }
  @inline(never) private func grow(_ more: Int) {
    var larger = capacity * 2
    while larger < count + more { larger *= 2 }
    let made = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 8)
    made.copyMemory(from: start, byteCount: count)
    start.deallocate()
    start = made
    capacity = larger
  }

  @inline(__always) func byte(_ value: UInt8) {
    reserve(1)
    start.storeBytes(of: value, toByteOffset: count, as: UInt8.self)
    count &+= 1
  }
  @inline(__always) func varint(_ value: UInt64) {
    reserve(10)
    if value < 128 {
      start.storeBytes(of: UInt8(truncatingIfNeeded: value), toByteOffset: count, as: UInt8.self)
      count &+= 1
    } else {
      longVarint(value)
    }
  }
  @inline(never) private func longVarint(_ value: UInt64) {
    var value = value
    var place = start.assumingMemoryBound(to: UInt8.self) + count
    while value >= 128 {
      place.pointee = UInt8(truncatingIfNeeded: value) | 128
      place += 1
      value &>>= 7
    }
    place.pointee = UInt8(truncatingIfNeeded: value)
    count = UnsafeMutableRawPointer(place) - start &+ 1
  }
  @inline(__always) func four(_ value: UInt32) {
    reserve(4)
    start.storeBytes(of: value.littleEndian, toByteOffset: count, as: UInt32.self)
    count &+= 4
  }
  @inline(__always) func eight(_ value: UInt64) {
    reserve(8)
    start.storeBytes(of: value.littleEndian, toByteOffset: count, as: UInt64.self)
    count &+= 8
  }
  @inline(never) func raw(_ value: UnsafeRawBufferPointer) {
    guard let from = value.baseAddress else { return }
    reserve(value.count)
    (start + count).copyMemory(from: from, byteCount: value.count)
    count += value.count
  }
  @inline(never) func text(_ value: StaticString) {
    raw(UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
  }
  @inline(never) func text(_ value: String) {
    var value = value
    value.withUTF8 { raw(UnsafeRawBufferPointer($0)) }
  }

  /// Begins something whose length is written before it; `close` with what this gave.
  @inline(__always) func open() -> Int {
    byte(0)
    return count
  }
  @inline(__always) func close(_ opened: Int) {
    let length = count &- opened
    if length < 128 {
      start.storeBytes(of: UInt8(truncatingIfNeeded: length), toByteOffset: opened &- 1, as: UInt8.self)
    } else {
      closeLong(opened, length)
    }
  }
  /// The length needs more than the byte that was kept free: what it counts moves up.
  @inline(never) private func closeLong(_ opened: Int, _ length: Int) {
    var more = 0
    var rest = length >> 7
    while rest > 0 {
      more += 1
      rest >>= 7
    }
    reserve(more)
    (start + opened + more).copyMemory(from: start + opened, byteCount: length)
    count = opened - 1
    longVarint(UInt64(length))
    count = opened + more + length
  }

  var hash: UInt64 { hashed(bytes, 0) }
}

/// FNV-1a.
func hashed(_ bytes: UnsafeRawBufferPointer, _ seed: UInt64) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ seed
  for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
  return hash
}

@inline(__always) func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value &<< 1) ^ (value &>> 63)) }
@inline(__always) func unzigzag(_ value: UInt64) -> Int64 {
  Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1)
}
