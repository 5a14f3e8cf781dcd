// An input read as a script: whatever is missing at its end is zero.
import Core

struct Script {
  private var reader: ByteReader

  init(_ bytes: UnsafeRawBufferPointer) { reader = ByteReader(bytes) }

  var isAtEnd: Bool { reader.isAtEnd }

  mutating func take<T: FixedWidthInteger>(_: T.Type = T.self) -> T {
    if let value: T = try? reader.take() { return value }
    _ = reader.takeRest()
    return 0
  }
  mutating func take<I: Identifier>(_: I.Type = I.self) -> I { I(take(I.RawValue.self)) }
  /// Up to `count` bytes.
  mutating func take(bytes count: Int) -> UnsafeRawBufferPointer {
    (try? reader.take(bytes: min(count, reader.left))) ?? UnsafeRawBufferPointer(start: nil, count: 0)
  }
  /// A u16 count, then the bytes.
  mutating func takePiece() -> UnsafeRawBufferPointer { take(bytes: Int(take(UInt16.self))) }
}

extension [UInt8] {
  mutating func putPiece(_ bytes: some Collection<UInt8>) {
    put(UInt16(bytes.count))
    append(contentsOf: bytes)
  }
}

/// Makes the compiler believe that somebody wants to know.
@inline(never)
func keep(_ value: UInt64) {}
