// Fixed little-endian encoding: what the journal, the link and the snapshots are written with.

extension [UInt8] {
  @inlinable package mutating func put<T: FixedWidthInteger>(_ value: T) {
    // Stored in place: appending the integer's bytes as a collection takes three times as long.
    append(addingCapacity: MemoryLayout<T>.size) { span in
      span.withUnsafeMutableBufferPointer { buffer, count in
        UnsafeMutableRawBufferPointer(buffer).storeBytes(of: value.littleEndian, as: T.self)
        count = MemoryLayout<T>.size
      }
    }
  }
  /// `count` more bytes, all of which `write` stores: growing once for several values takes a third of the time.
  @inlinable package mutating func append(count: Int, _ write: (UnsafeMutableRawPointer) -> Void) {
    append(addingCapacity: count) { span in
      span.withUnsafeMutableBufferPointer { buffer, filled in
        write(UnsafeMutableRawPointer(buffer.baseAddress!))
        filled = count
      }
    }
  }
  /// The standard library's own takes any sequence, and its time.
  @inlinable package mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else { return }
    append(addingCapacity: bytes.count) { span in
      span.withUnsafeMutableBufferPointer { buffer, count in
        UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
        count = bytes.count
      }
    }
  }
  @inlinable package mutating func put<I: Identifier>(_ value: I) { put(value.rawValue) }
  /// A 4-byte count, then the bytes.
  @inlinable package mutating func putBlob(_ bytes: some Collection<UInt8>) {
    put(UInt32(bytes.count))
    append(contentsOf: bytes)
  }
  @inlinable package mutating func putText(_ text: String) { putBlob(text.utf8) }
  /// Overwrites at `offset`, which must hold the value's width.
  @inlinable package mutating func patch<T: FixedWidthInteger>(_ value: T, at offset: Int) {
    precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count, "patch outside the buffer")
    withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self) }
  }
}

extension UnsafeMutableRawPointer {
  /// As `[UInt8].put` would at that offset.
  @inlinable package func put<T: FixedWidthInteger>(_ value: T, at offset: Int) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
  }
  @inlinable package func put<I: Identifier>(_ value: I, at offset: Int) { put(value.rawValue, at: offset) }
}

/// The bytes end before the value does, or say something impossible.
@usableFromInline package struct DecodingError: Error, Sendable, CustomStringConvertible {
  @usableFromInline package var description: String
  @inlinable package init(_ description: String) { self.description = description }
}

/// Reads what `put` wrote, from bytes that nobody vouches for. Valid only while the buffer is.
@usableFromInline package struct ByteReader {
  @usableFromInline package let bytes: UnsafeRawBufferPointer
  @usableFromInline package var offset: Int

  @inlinable package init(_ bytes: UnsafeRawBufferPointer, at offset: Int = 0) {
    precondition(offset >= 0 && offset <= bytes.count, "reader outside the buffer")
    self.bytes = bytes
    self.offset = offset
  }
  @inlinable package var left: Int { bytes.count - offset }
  @inlinable package var isAtEnd: Bool { left == 0 }

  @inlinable package mutating func take<T: FixedWidthInteger>(_: T.Type = T.self) throws(DecodingError) -> T {
    guard left >= MemoryLayout<T>.size else { throw DecodingError("ends in the middle of a number") }
    let value = bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
    offset += MemoryLayout<T>.size
    return T(littleEndian: value)
  }
  @inlinable package mutating func take<I: Identifier>(_: I.Type = I.self) throws(DecodingError) -> I {
    I(try take(I.RawValue.self))
  }
  @inlinable package mutating func take(bytes count: Int) throws(DecodingError) -> UnsafeRawBufferPointer {
    guard count >= 0, left >= count else { throw DecodingError("ends in the middle of \(count) bytes") }
    let slice = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    offset += count
    return slice
  }
  @inlinable package mutating func takeBlob() throws(DecodingError) -> UnsafeRawBufferPointer {
    let count: UInt32 = try take()
    return try take(bytes: Int(count))
  }
  /// Repairs what is not UTF-8.
  @inlinable package mutating func takeText() throws(DecodingError) -> String {
    String(decoding: try takeBlob(), as: UTF8.self)
  }
  @inlinable package mutating func takeRest() -> UnsafeRawBufferPointer {
    let slice = UnsafeRawBufferPointer(rebasing: bytes[offset...])
    offset = bytes.count
    return slice
  }
}
