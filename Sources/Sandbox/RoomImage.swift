// A room's whole mutable state as bytes: its memory without the pages that are zero, and its mutable globals. It is
// good for the same module only, and does not depend on the engine's version.
internal import Core
internal import Glibc

// Version 1: u8 version · u32 memory pages of 64 KiB · u16 globals, each u8 type and u64 bits · runs of pages of 256
// bytes, each u32 first, u32 count, bytes · an end mark: a run of 0 pages.
enum RoomImage {
  static let version: UInt8 = 1
  static let page = SandboxLimits.imagePageBytes
  static let wasmPage = 65_536

  static func append(_ block: UnsafeMutablePointer<InstanceBlock>, to bytes: inout [UInt8]) {
    let memory = block.pointee.wholeMemory()
    let globals = block.pointee.module.shape.mutableGlobals
    bytes.put(version)
    bytes.put(UInt32(memory.count / wasmPage))
    bytes.put(UInt16(globals.count))
    for (index, global) in globals.enumerated() {
      bytes.put(global.type.rawValue)
      bytes.put(block.pointee.globalBits(index))
    }
    let pages = memory.count / page
    var first = 0
    while first < pages {
      if isZero(memory, first) {
        first += 1
        continue
      }
      var end = first + 1
      while end < pages, !isZero(memory, end) { end += 1 }
      bytes.put(UInt32(first))
      bytes.put(UInt32(end - first))
      bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: memory[first * page..<end * page]))
      first = end
    }
    bytes.put(UInt32(0))
    bytes.put(UInt32(0))
  }

  /// Puts the state into a fresh instance of the same module. Where it throws, the instance is good for nothing.
  static func restore(
    _ image: UnsafeRawBufferPointer, into block: UnsafeMutablePointer<InstanceBlock>
  ) throws(EngineError) {
    do throws(DecodingError) {
      var reader = ByteReader(image)
      let memory = try header(&reader, block)
      try pages(&reader, block, memory)
      guard reader.isAtEnd else { throw DecodingError("has bytes after its end") }
    } catch { throw EngineError("the image cannot be restored: it \(error)") }
  }

  private static func header(
    _ reader: inout ByteReader, _ block: UnsafeMutablePointer<InstanceBlock>
  ) throws(DecodingError) -> UnsafeMutableRawBufferPointer {
    let version: UInt8 = try reader.take()
    guard version == RoomImage.version else {
      throw DecodingError("has version \(version); this build reads \(RoomImage.version)")
    }
    let bytes = Int(try reader.take(UInt32.self)) * wasmPage
    guard bytes >= block.pointee.memoryCount, bytes <= Int(block.pointee.limits.memoryBytes) else {
      throw DecodingError("has \(bytes) bytes of memory, outside of what its module and limits allow")
    }
    let globals = block.pointee.module.shape.mutableGlobals
    guard try reader.take(UInt16.self) == UInt16(globals.count) else {
      throw DecodingError("is another module's: its globals differ")
    }
    for (index, global) in globals.enumerated() {
      guard try reader.take(UInt8.self) == global.type.rawValue else {
        throw DecodingError("is another module's: its globals differ")
      }
      block.pointee.setGlobal(index, bits: try reader.take())
    }
    do throws(EngineError) { try block.pointee.grow(to: bytes) } catch { throw DecodingError("does not fit: \(error)") }
    return block.pointee.wholeMemory()
  }

  private static func pages(
    _ reader: inout ByteReader, _ block: UnsafeMutablePointer<InstanceBlock>, _ memory: UnsafeMutableRawBufferPointer
  ) throws(DecodingError) {
    let start = block.pointee.module.startPages
    var nextStart = 0
    var done = 0
    /// Pages that the module's start state fills and the image leaves out are zero.
    func clear(upTo end: Int) {
      while nextStart < start.count, start[nextStart] < end {
        if start[nextStart] >= done { memset(memory.baseAddress! + start[nextStart] * page, 0, page) }
        nextStart += 1
      }
    }
    while true {
      let first = Int(try reader.take(UInt32.self))
      let count = Int(try reader.take(UInt32.self))
      if count == 0 { break }
      guard first >= done, first + count <= memory.count / page else {
        throw DecodingError("has pages out of order or outside the memory")
      }
      let bytes = try reader.take(bytes: count * page)
      clear(upTo: first)
      for index in 0..<count { copy(bytes.baseAddress! + index * page, memory.baseAddress! + (first + index) * page) }
      done = first + count
    }
    clear(upTo: memory.count / page)
  }

  /// Makes a fresh instance equal to another of the same module, for looking at without touching it.
  static func copy(
    _ source: UnsafeMutablePointer<InstanceBlock>, to target: UnsafeMutablePointer<InstanceBlock>
  ) throws(EngineError) {
    let from = source.pointee.wholeMemory()
    try target.pointee.grow(to: from.count)
    let to = target.pointee.wholeMemory()
    let start = source.pointee.module.startPages
    var nextStart = 0
    for index in 0..<from.count / page {
      while nextStart < start.count, start[nextStart] < index { nextStart += 1 }
      let startsEmpty = nextStart == start.count || start[nextStart] != index
      if startsEmpty, isZero(from, index) { continue }
      copy(from.baseAddress! + index * page, to.baseAddress! + index * page)
    }
    for index in 0..<source.pointee.module.shape.mutableGlobals.count {
      target.pointee.setGlobal(index, bits: source.pointee.globalBits(index))
    }
  }

  /// Pages that hold something.
  static func usedPages(_ memory: UnsafeMutableRawBufferPointer) -> [Int] {
    (0..<memory.count / page).filter { !isZero(memory, $0) }
  }

  /// Looks before it writes: what is equal stays shared with all other rooms of the module.
  private static func copy(_ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer) {
    if memcmp(source, target, page) != 0 { memcpy(target, source, page) }
  }

  private static func isZero(_ memory: UnsafeMutableRawBufferPointer, _ index: Int) -> Bool {
    let start = memory.baseAddress! + index * page
    return start.load(as: UInt64.self) == 0 && memcmp(start, start + 8, page - 8) == 0
  }
}
