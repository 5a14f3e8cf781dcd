// The input that is being tried, in a mapped file: it outlives the process that dies of it.
import Glibc

/// u64 number of the input, u64 count of its bytes, the bytes.
final class CurrentInput {
  private let memory: UnsafeMutableRawPointer
  private let bytes: Int
  static let headerBytes = 16

  init(_ path: String, bytesMax: Int) throws(FuzzFailure) {
    bytes = Self.headerBytes + bytesMax
    let fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard fd >= 0, ftruncate(fd, bytes) == 0,
      let mapped = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), mapped != MAP_FAILED
    else { throw FuzzFailure("cannot map \(path): errno \(errno)") }
    close(fd)
    memory = mapped
  }
  deinit { munmap(memory, bytes) }

  /// Also the number of inputs that are done.
  var number: Int { Int(memory.load(as: UInt64.self)) }
  var input: [UInt8] {
    let count = min(Int(memory.load(fromByteOffset: 8, as: UInt64.self)), bytes - Self.headerBytes)
    return Array(UnsafeRawBufferPointer(start: memory + Self.headerBytes, count: count))
  }
  func put(_ number: Int, _ input: [UInt8]) {
    memory.storeBytes(of: UInt64(number), as: UInt64.self)
    memory.storeBytes(of: UInt64(input.count), toByteOffset: 8, as: UInt64.self)
    input.withUnsafeBytes { if !$0.isEmpty { memcpy(memory + Self.headerBytes, $0.baseAddress!, $0.count) } }
  }
}
