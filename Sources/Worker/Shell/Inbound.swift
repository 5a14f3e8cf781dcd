// Bytes read from a descriptor that are not consumed yet.
internal import Glibc

/// A fixed buffer: what does not fit stays in the kernel until there is room.
struct Inbound: ~Copyable {
  static let capacity = 256 * 1024
  private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Inbound.capacity, alignment: 16)
  private(set) var count = 0

  deinit { memory.deallocate() }

  enum Read {
    case some
    case nothing
    case end
  }
  /// One read.
  mutating func fill(from fd: Int32) -> Read {
    guard count < Self.capacity else { return .nothing }
    let n = read(fd, memory.baseAddress! + count, Self.capacity - count)
    if n > 0 {
      count += n
      return .some
    }
    if n == 0 { return .end }
    return errno == EAGAIN || errno == EINTR ? .nothing : .end
  }
  /// Gives what is there; `body` returns how much it took.
  mutating func consume<E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> Int) throws(E) {
    guard count > 0 else { return }
    let taken = try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[0..<count]))
    if taken == count {
      count = 0
    } else if taken > 0 {
      memmove(memory.baseAddress!, memory.baseAddress! + taken, count - taken)
      count -= taken
    }
  }
}
