// A part of a file in memory that moves upwards with what is written: a store costs a copy, `pwrite` a system call.
internal import CHost
internal import Core
internal import Glibc

/// Of one file, used by the thread that writes it.
struct MappedWindow: ~Copyable {
  /// Small, so that a process that writes many files keeps few of their pages, and letting go of them takes no time.
  private static var windowBytes: Int { 1 << 20 }
  private static var alignment: Int { 64 << 10 }
  /// Larger writes are cheaper by `pwrite`: a page that is stored into first costs a fault.
  static var storeBytesMax: Int { 32 << 10 }

  private var base: UnsafeMutableRawPointer?
  private var start = 0
  private var count = 0
  /// The kernel would not map it; it is not asked again.
  private var isRefused = false

  deinit { if let base { oneup_unmap_window(base, count) } }

  /// False: write it otherwise, nothing was done. Throws if the disk fails, with a prefix stored.
  mutating func store(
    _ bytes: UnsafeRawBufferPointer, at offset: Int, of descriptor: Int32, path: String
  ) throws(FileError) -> Bool {
    guard bytes.count <= Self.storeBytesMax, let from = bytes.baseAddress else { return false }
    if offset < start || offset + bytes.count > start + count {
      guard !isRefused, move(to: offset, bytes.count, of: descriptor) else { return false }
    }
    guard let base else { return false }
    let status = oneup_store_upwards(base + (offset - start), from, bytes.count)
    guard status == 0 else { throw FileError(.write, path, code: status) }
    return true
  }

  private mutating func move(to offset: Int, _ wanted: Int, of descriptor: Int32) -> Bool {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return false }
    let first = offset / Self.alignment * Self.alignment
    let end = min(first + Self.windowBytes, Int(status.st_size))
    guard offset + wanted <= end else { return false }
    if let base { oneup_unmap_window(base, count) }
    base = oneup_map_window(descriptor, first, end - first)
    start = first
    count = base == nil ? 0 : end - first
    isRefused = base == nil
    return base != nil
  }
}
