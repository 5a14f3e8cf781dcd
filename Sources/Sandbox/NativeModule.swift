// A module that is machine code in this process: a shared library with the functions of docs/room-abi.md, "Native".
internal import Artifacts
internal import Core
internal import Glibc

/// Never unloaded: a build has a file name of its own, and what is in use cannot be replaced.
final class NativeModule {
  let manifest: Manifest
  let functions: NativeFunctions
  /// Set when the module has been asked.
  var settings: ModuleSettings
  var hash: ModuleHash { manifest.hash }

  init(_ path: String, _ manifest: Manifest, _ limits: RoomLimits) throws(EngineError) {
    guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
      let why = dlerror().map { String(cString: $0) } ?? "no reason was given"
      throw EngineError("the native module could not be loaded: \(why)")
    }
    self.manifest = manifest
    functions = try NativeFunctions(library)
    guard functions.abi() == roomABIVersion else {
      throw EngineError(
        "the module says it speaks version \(functions.abi()) of the room interface, not \(roomABIVersion)")
    }
    settings = ModuleSettings(
      name: manifest.name, version: manifest.version, hash: manifest.hash, ticksPerSecond: 0, membersMax: 0,
      ticksWhenEmpty: false, limits: limits)
  }
}

/// Each is given the room first. Those that a room can do without are nil where it has none.
struct NativeFunctions {
  typealias Room = UnsafeMutableRawPointer
  let abi: @convention(c) () -> UInt32
  let make: @convention(c) (UnsafeRawPointer) -> Room?
  let free: @convention(c) (Room) -> Void
  let settings: @convention(c) (Room) -> UnsafeRawPointer
  let buffer: @convention(c) (Room, UInt32) -> UnsafeMutableRawPointer?
  let save: @convention(c) (Room) -> Void
  let restore: @convention(c) (Room, UInt32) -> UInt32
  let create: (@convention(c) (Room, UInt32) -> UInt32)?
  let join: (@convention(c) (Room, UInt32, UInt32) -> UInt32)?
  let leave: (@convention(c) (Room, UInt32, UInt32) -> Void)?
  let suspended: (@convention(c) (Room, UInt32) -> Void)?
  let returned: (@convention(c) (Room, UInt32) -> Void)?
  let message: (@convention(c) (Room, UInt32, UInt64, UInt32) -> UInt32)?
  let tick: (@convention(c) (Room, UInt64, UInt32) -> Void)?
  let timer: (@convention(c) (Room, UInt32, UInt32) -> Void)?
  let signal: (@convention(c) (Room, UInt32) -> UInt32)?
  let answered: (@convention(c) (Room, UInt32, UInt32, UInt32) -> Void)?
  let describe: (@convention(c) (Room, Int32) -> Void)?
  let check: (@convention(c) (Room) -> UInt32)?
  let json: (@convention(c) (Room) -> Void)?
  let schema: (@convention(c) (Room) -> Void)?

  init(_ library: UnsafeMutableRawPointer) throws(EngineError) {
    func find<Function>(_ name: String, _ type: Function.Type = Function.self) -> Function? {
      dlsym(library, "oneup_" + name).map { unsafeBitCast($0, to: Function.self) }
    }
    func required<Function>(_ name: String, _ type: Function.Type = Function.self) throws(EngineError) -> Function {
      guard let found = find(name, type) else { throw EngineError("the native module lacks oneup_\(name)") }
      return found
    }
    abi = try required("abi")
    make = try required("make")
    free = try required("free")
    settings = try required("settings")
    buffer = try required("buffer")
    save = try required("save")
    restore = try required("restore")
    create = find("create")
    join = find("join")
    leave = find("leave")
    suspended = find("suspended")
    returned = find("returned")
    message = find("message")
    tick = find("tick")
    timer = find("timer")
    signal = find("signal")
    answered = find("answered")
    describe = find("describe")
    check = find("check")
    json = find("json")
    schema = find("schema")
  }
}

/// A handle on a native room.
final class NativeInstance: RoomInstance {
  let module: NativeModule
  let limits: RoomLimits
  let room: UnsafeMutableRawPointer
  /// Where the room takes payloads, and how large one may be before it must be asked again.
  var input: UnsafeMutableRawPointer?
  var inputCapacity = 0
  /// A call failed in it: its state is void.
  var isSpoiled = false

  init(_ module: NativeModule, _ limits: RoomLimits, _ room: UnsafeMutableRawPointer) {
    self.module = module
    self.limits = limits
    self.room = room
  }
}
