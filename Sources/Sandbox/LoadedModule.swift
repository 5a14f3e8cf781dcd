// A module that rooms can be made of.
internal import Artifacts
internal import CWasmtime
internal import Core

final class LoadedModule {
  let hash: ModuleHash
  let shape: ModuleShape
  let manifest: Manifest
  /// Compiled, and with its imports resolved.
  let compiled: OpaquePointer
  let prepared: OpaquePointer
  /// By `RoomExport`.
  let has: [Bool]
  /// Set when the module has been asked, right after it was prepared.
  var settings: ModuleSettings
  /// Pages of `SandboxLimits.imagePageBytes` that hold something in a fresh instance, ascending.
  var startPages: [Int] = []
  /// Where the file of source lines may be.
  var linesPaths: [String] = []
  /// Read when something failed for the first time; nil where there is no file, or another build's.
  private(set) lazy var sourceLines: SourceLines? = linesPaths.lazy.compactMap { SourceLines.read($0, for: self.hash) }
    .first

  init(
    _ manifest: Manifest, hash: ModuleHash, shape: ModuleShape, compiled: OpaquePointer, machine: Machine,
    limits: RoomLimits
  ) throws(EngineError) {
    var prepared: OpaquePointer?
    if let error = wasmtime_linker_instantiate_pre(machine.linker, compiled, &prepared) {
      wasmtime_module_delete(compiled)
      throw EngineError("the module does not fit the host: \(errorText(taking: error))")
    }
    guard let prepared else { preconditionFailure("wasmtime reported success without a prepared module") }
    self.hash = hash
    self.shape = shape
    self.manifest = manifest
    self.compiled = compiled
    self.prepared = prepared
    has = RoomExport.allCases.map { shape.roomExports.contains($0.name) }
    var limits = limits
    if manifest.isDevelopment { limits.fuel = SandboxLimits.fuel(limits.fuel, times: SandboxLimits.developmentFuel) }
    settings = ModuleSettings(
      name: manifest.name, version: manifest.version, hash: hash, ticksPerSecond: 0, membersMax: 0,
      ticksWhenEmpty: false, limits: limits)
  }

  deinit {
    wasmtime_instance_pre_delete(prepared)
    wasmtime_module_delete(compiled)
  }

  /// Reads the structure that `oneup_settings` points to; docs/room-abi.md describes it.
  func read(_ bytes: UnsafeRawBufferPointer) throws(EngineError) {
    do throws(DecodingError) {
      var reader = ByteReader(bytes)
      let size: UInt32 = try reader.take()
      guard size >= 20 else { throw DecodingError("says it has \(size) bytes; 20 are the least") }
      settings.ticksPerSecond = try reader.take()
      settings.membersMax = try reader.take()
      let flags: UInt32 = try reader.take()
      settings.ticksWhenEmpty = flags & 1 != 0
      settings.clientsMayCreate = flags & 2 == 0
      let memoryKiB: UInt32 = try reader.take()
      if memoryKiB != 0 { settings.limits.memoryBytes = try limit(memoryKiB: memoryKiB) }
      guard size >= 32 else { return try check() }
      settings.roomsMax = try reader.take()
      settings.keepEmptySeconds = try reader.take()
      settings.graceSeconds = try reader.take()
      try check()
    } catch { throw EngineError("the module's settings are not right: the structure \(error)") }
  }

  private func check() throws(DecodingError) {
    guard settings.ticksPerSecond <= SandboxLimits.ticksPerSecondMax else {
      throw DecodingError(
        "wants \(settings.ticksPerSecond) ticks a second; \(SandboxLimits.ticksPerSecondMax) are the most")
    }
    guard settings.membersMax >= 1, settings.membersMax <= UInt32(Limits.membersMax) else {
      throw DecodingError("wants \(settings.membersMax) members; 1 to \(Limits.membersMax) are possible")
    }
    guard settings.graceSeconds <= SandboxLimits.graceSecondsMax else {
      throw DecodingError(
        "wants a grace of \(settings.graceSeconds) seconds; \(SandboxLimits.graceSecondsMax) are the most")
    }
  }

  private func limit(memoryKiB: UInt32) throws(DecodingError) -> UInt32 {
    let (bytes, over) = memoryKiB.multipliedReportingOverflow(by: 1024)
    guard !over, bytes >= SandboxLimits.roomMemoryBytesMin, bytes <= SandboxLimits.roomMemoryBytesMax else {
      throw DecodingError(
        "asks for \(memoryKiB) KiB of memory; 64 to \(SandboxLimits.roomMemoryBytesMax / 1024) are possible")
    }
    return bytes
  }
}
