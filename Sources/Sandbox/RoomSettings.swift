// What a module says of its rooms, as it stands in its memory.
package import Core

extension ModuleSettings {
  /// Reads the structure that `oneup_settings` points to; docs/room-abi.md describes it.
  package mutating func read(_ bytes: UnsafeRawBufferPointer) throws(EngineError) {
    do throws(DecodingError) {
      var reader = ByteReader(bytes)
      let size: UInt32 = try reader.take()
      guard size >= 20 else { throw DecodingError("says it has \(size) bytes; 20 are the least") }
      ticksPerSecond = try reader.take()
      membersMax = try reader.take()
      let flags: UInt32 = try reader.take()
      ticksWhenEmpty = flags & 1 != 0
      clientsMayCreate = flags & 2 == 0
      let memoryKiB: UInt32 = try reader.take()
      if memoryKiB != 0 { limits.memoryBytes = try Self.limit(memoryKiB: memoryKiB) }
      guard size >= 32 else { return try check() }
      roomsMax = try reader.take()
      keepEmptySeconds = try reader.take()
      graceSeconds = try reader.take()
      try check()
    } catch { throw EngineError("the module's settings are not right: the structure \(error)") }
  }

  private func check() throws(DecodingError) {
    guard ticksPerSecond <= SandboxLimits.ticksPerSecondMax else {
      throw DecodingError(
        "wants \(ticksPerSecond) ticks a second; \(SandboxLimits.ticksPerSecondMax) are the most")
    }
    guard membersMax >= 1, membersMax <= UInt32(Limits.membersMax) else {
      throw DecodingError("wants \(membersMax) members; 1 to \(Limits.membersMax) are possible")
    }
    guard graceSeconds <= SandboxLimits.graceSecondsMax else {
      throw DecodingError(
        "wants a grace of \(graceSeconds) seconds; \(SandboxLimits.graceSecondsMax) are the most")
    }
  }

  private static func limit(memoryKiB: UInt32) throws(DecodingError) -> UInt32 {
    let (bytes, over) = memoryKiB.multipliedReportingOverflow(by: 1024)
    guard !over, bytes >= SandboxLimits.roomMemoryBytesMin, bytes <= SandboxLimits.roomMemoryBytesMax else {
      throw DecodingError(
        "asks for \(memoryKiB) KiB of memory; 64 to \(SandboxLimits.roomMemoryBytesMax / 1024) are possible")
    }
    return bytes
  }
}
