// What the sandbox's tests share: the two modules, built once, and an engine with one room in it.
import Artifacts
import Core
import Foundation
import ModuleBuilder
import Sandbox
import Testing

enum TestModules {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
  /// Gone when the tests end.
  static let output: String = {
    atexit { try? FileManager.default.removeItem(atPath: TestModules.output) }
    return NSTemporaryDirectory() + "oneup-sandbox-tests-\(getpid())"
  }()

  static let tally = build("tally")
  static let faulty = build("faulty")
  static let arena = build("arena")

  private static func build(_ name: String) -> (bytes: [UInt8], manifest: Manifest) {
    do {
      let built = try ModuleBuilder.build(
        directory: root + "/Modules/" + name, output: output, options: BuildOptions(withVariants: false))
      return (Array(try Data(contentsOf: URL(fileURLWithPath: built.module))), built.manifest)
    } catch { fatalError("\(name) does not build: \(error)") }
  }

  /// An empty directory of this test run alone.
  static func directory(_ name: String) throws -> String {
    let path = output + "/" + name + "-" + UUID().uuidString
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    return path
  }
}

/// An engine and one room; everything is given back at the end.
final class TestRoom {
  let engine: WasmEngine
  let settings: ModuleSettings
  var limits: RoomLimits
  var instance: any RoomInstance

  init(
    _ module: (bytes: [UInt8], manifest: Manifest), _ options: EngineOptions = EngineOptions(roomsMax: 4),
    create: Bool = true
  ) throws {
    engine = try WasmEngine(options)
    settings = try engine.load(module.bytes, module.manifest)
    limits = settings.limits
    instance = try engine.make(settings.hash, limits: limits)
    engine.context = RoomContext(time: 1_000_000, tick: 0, random: RandomState(seed: 7), nextTimer: TimerID(1))
    if create { _ = call(.create) }
  }
  deinit { engine.discard(instance) }

  func call(_ call: RoomCall, _ payload: [UInt8] = [], budget: RoomBudget = .live) -> RoomOutcome {
    payload.withUnsafeBytes { engine.call(instance, call, payload: $0, budget: budget) }
  }
  func message(_ bytes: [UInt8], from slot: UInt32 = 0, budget: RoomBudget = .live) -> RoomOutcome {
    call(.message(Slot(slot), stamp: 0), bytes, budget: budget)
  }
  func join(_ slot: UInt32, _ name: String) -> RoomOutcome {
    var payload: [UInt8] = []
    payload.putText(name)
    return call(.join(Slot(slot)), payload)
  }
  func image() -> [UInt8] {
    var bytes: [UInt8] = []
    engine.image(of: instance, into: &bytes)
    return bytes
  }
  func restore(_ image: [UInt8]) throws {
    let restored = try image.withUnsafeBytes { bytes in
      try engine.restore(settings.hash, limits: limits, image: bytes)
    }
    engine.discard(instance)
    instance = restored
  }
  func describe() throws -> [UInt8] {
    var bytes: [UInt8] = []
    try engine.describe(instance, as: .state(nil), into: &bytes)
    return bytes
  }
  /// What it finds wrong with itself; empty: nothing.
  func check() throws -> String {
    var bytes: [UInt8] = []
    try engine.describe(instance, as: .check, into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }
  /// Payloads of what the last call sent.
  var sent: [[UInt8]] {
    engine.effects.commands.compactMap { command in
      if case .send(_, _, let range) = command { return Array(engine.effects.bytes[range]) }
      return nil
    }
  }
}

func add(_ operation: UInt64) -> [UInt8] {
  var bytes: [UInt8] = [1]
  bytes.put(operation)
  return bytes
}

extension RoomOutcome {
  var fuel: UInt64? {
    switch self {
    case .applied(let fuel), .refused(let fuel): fuel
    case .failed: nil
    }
  }
  var fault: RoomFault? { if case .failed(let fault) = self { fault } else { nil } }
  var isApplied: Bool { if case .applied = self { true } else { false } }
  var isRefused: Bool { if case .refused = self { true } else { false } }
}
