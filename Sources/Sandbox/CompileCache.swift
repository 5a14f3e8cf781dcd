// Compiled code, kept per host. It is run as it is, so it is never taken from anywhere but a directory that only this
// user can enter.
internal import Artifacts
internal import CWasmtime
internal import Core

struct CompileCache {
  /// nil: nothing is kept.
  let directory: String?

  init(_ directory: String?) throws(EngineError) {
    self.directory = directory
    if let directory { try Files.makePrivateDirectory(directory) }
  }

  /// The compiled module; from the cache where this machine has compiled it before, as this engine would.
  func module(_ hash: ModuleHash, _ bytes: [UInt8], _ machine: Machine) throws(EngineError) -> OpaquePointer {
    let path = directory.map { $0 + "/" + fileName(hash, machine) }
    if let path, let module = kept(path, machine) { return module }
    var module: OpaquePointer?
    if let error = wasmtime_module_new(machine.engine, bytes, bytes.count, &module) {
      throw EngineError("the module could not be compiled: \(errorText(taking: error))")
    }
    guard let module else { preconditionFailure("wasmtime reported success without a module") }
    if let path { keep(module, path) }
    return module
  }

  private func fileName(_ hash: ModuleHash, _ machine: Machine) -> String {
    let key = ModuleHash(of: Array(machine.identity.utf8)).description.prefix(16)
    return "\(hash)-\(key).compiled"
  }

  /// nil also where the library finds that the code is for another processor or version: then it is compiled anew.
  private func kept(_ path: String, _ machine: Machine) -> OpaquePointer? {
    var module: OpaquePointer?
    if let error = wasmtime_module_deserialize_file(machine.engine, path, &module) {
      wasmtime_error_delete(error)
      Files.remove(path)
      return nil
    }
    return module
  }

  /// A cache that cannot be written costs time, nothing else.
  private func keep(_ module: OpaquePointer, _ path: String) {
    var bytes = wasm_bytes()
    if let error = wasmtime_module_serialize(module, &bytes) {
      wasmtime_error_delete(error)
      return
    }
    try? Files.write(UnsafeRawBufferPointer(start: bytes.data, count: bytes.size), to: path)
    wasm_byte_vec_delete(&bytes)
  }
}
