// What the tests share: modules built once, and rooms whose records are made by running them.
import Artifacts
import Core
import Foundation
import ModuleBuilder
import Rehearsal
import Sandbox
import WorkerCore

enum Modules {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
  /// Gone when the tests end.
  static let output: String = {
    atexit { try? FileManager.default.removeItem(atPath: Modules.output) }
    return NSTemporaryDirectory() + "oneup-rehearsal-tests-\(getpid())"
  }()
  static let faulty = build(root + "/Modules/faulty", "faulty")
  static let tally = build(root + "/Modules/tally", "tally")
  static let nativeTally = build(root + "/Modules/tally", "native-tally", .native)

  /// tally with some of its text replaced, as another version.
  static func tally(
    _ version: String, _ changes: [(file: String, from: String, to: String)], format: Manifest.Format = .wasm
  ) throws -> CrashCase.Build {
    let directory = output + "/sources-" + version
    let files = FileManager.default
    try files.createDirectory(atPath: output, withIntermediateDirectories: true)
    try? files.removeItem(atPath: directory)
    try files.copyItem(atPath: root + "/Modules/tally", toPath: directory)
    let version = (file: "module.json", from: "\"1.0.0\"", to: "\"\(version)\"")
    for change in changes + [version] {
      let path = URL(fileURLWithPath: directory + "/" + change.file)
      let text = try String(contentsOf: path, encoding: .utf8)
      precondition(text.contains(change.from), "\(change.file) does not hold \(change.from)")
      try text.replacingOccurrences(of: change.from, with: change.to).write(to: path, atomically: true, encoding: .utf8)
    }
    return build(directory, version.to, format)
  }

  private static func build(
    _ directory: String, _ name: String, _ format: Manifest.Format = .wasm
  ) -> CrashCase.Build {
    do {
      let built = try ModuleBuilder.build(
        directory: directory, output: output + "/" + name.filter { $0 != "\"" },
        options: BuildOptions(sdk: root + "/Sources/OneUpRoom", withVariants: false, format: format))
      return try Builds.read(module: built.module)
    } catch { fatalError("\(directory) does not build: \(error)") }
  }

  /// A data directory that keeps these builds.
  static func data(_ builds: [CrashCase.Build]) throws -> String {
    let data = output + "/data-" + UUID().uuidString
    for folder in ["/modules", "/crashes"] {
      try FileManager.default.createDirectory(atPath: data + folder, withIntermediateDirectories: true)
    }
    for build in builds {
      let path = data + "/modules/\(build.manifest.hash)"
      try Data(build.manifest.json()).write(to: URL(fileURLWithPath: path + ".json"))
      try Data(build.module).write(to: URL(fileURLWithPath: path + "." + build.manifest.format.fileExtension))
    }
    return data
  }
}

/// A room's record, made event by event as a worker would.
struct Record {
  var bundle: CrashBundle
  private var seq: UInt64 = 0
  private var time: Int64 = 1_700_000_000_000_000
  static let room = RoomID(0x0123_4567_89AB_CDEF)

  init(_ build: CrashCase.Build, _ engine: WasmEngine) throws {
    let settings = try engine.load(build.module, build.manifest)
    bundle = CrashBundle(
      room: Self.room, shard: ShardID(3), module: build.manifest.hash, moduleName: build.manifest.name, key: "lobby",
      event: EventSeq(0), fault: RoomFault(kind: .trap, text: ""), engine: engine.identity, snapshot: [], tail: [],
      culprit: [])
    var body: [UInt8] = []
    body.append(contentsOf: build.manifest.hash.bytes)
    body.put(settings.limits.fuel)
    body.put(settings.limits.memoryBytes)
    body.put(settings.limits.stackBytes)
    body.put(settings.limits.outputBytes)
    body.put(UInt64(99))
    body.putText(build.manifest.name)
    body.putText("lobby")
    body.putText("")
    remember(1, body)
  }

  private mutating func event(_ kind: UInt8, _ body: [UInt8]) -> [UInt8] {
    seq += 1
    time += 50_000
    var bytes: [UInt8] = [kind]
    bytes.put(Self.room)
    bytes.put(seq)
    return bytes + body
  }
  private mutating func remember(_ kind: UInt8, _ body: [UInt8]) {
    let bytes = event(kind, body)
    bundle.tail.put(seq)
    bundle.tail.put(time)
    bundle.tail.putBlob(bytes)
    bundle.event = EventSeq(seq)
  }
  mutating func join(_ slot: UInt32, _ name: String, session: UInt64 = 0xFEED_0000_0000_0001) {
    var body: [UInt8] = []
    body.put(slot)
    body.put(session)
    body.put(UInt32(1))
    body.put(UInt64(1))
    body.putText(name)
    body.putText("")
    remember(2, body)
  }
  private func input(_ message: [UInt8], _ slot: UInt32) -> [UInt8] {
    var body: [UInt8] = []
    body.put(slot)
    body.put(seq)
    body.put(UInt64(0))
    body.putBlob(message)
    return body
  }
  mutating func message(_ message: [UInt8], from slot: UInt32 = 0) { remember(4, input(message, slot)) }
  mutating func tick(_ number: UInt64) {
    var body: [UInt8] = []
    body.put(number)
    body.put(UInt32(0))
    remember(9, body)
  }

  /// The same with a crash at its end, which is run to find out what it is.
  mutating func crash(_ message: [UInt8], from slot: UInt32 = 0, _ engine: WasmEngine) throws -> CrashBundle {
    var crashed = bundle
    crashed.culprit = event(4, input(message, slot))
    crashed.event = EventSeq(seq)
    crashed.time = time
    let guest = try GuestReplay(bundle, on: engine)
    for event in try ReplayEvent.all(of: bundle) { _ = try guest.play(event, budget: .live) }
    crashed.stateHash = ModuleHash(of: guest.image()!).bytes
    if case .failed(let fault)? = try guest.play(ReplayEvent.culprit(of: crashed)!, budget: .live).outcome {
      crashed.fault = fault
    }
    return crashed
  }
}

func add(_ operation: UInt64) -> [UInt8] {
  var bytes: [UInt8] = [1]
  bytes.put(operation)
  return bytes
}
