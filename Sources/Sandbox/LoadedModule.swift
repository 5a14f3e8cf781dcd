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
}
