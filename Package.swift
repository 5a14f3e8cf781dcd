// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// The settings every target of ours is built with.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("InferIsolatedConformances"),
  .enableUpcomingFeature("ImmutableWeakCaptures"),
  .enableExperimentalFeature("Lifetimes"),
  .treatAllWarnings(as: .error),
  // Small functions of one target are inlined into another's loops.
  .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

/// Where `dev/setup-wasmtime` puts the sandbox's engine, and where a shipped binary looks for it. Whatever links Sandbox gets it.
let wasmtimeDirectory = Context.packageDirectory + "/.deps/wasmtime"
let wasmtimeLibrary: [LinkerSetting] = [
  .unsafeFlags(
    ["-L" + wasmtimeDirectory]
      + ["$ORIGIN", "$ORIGIN/../lib", wasmtimeDirectory].flatMap { ["-Xlinker", "-rpath", "-Xlinker", $0] })
]

/// A room module with its unit tests, as one target, as `oneup test` builds it: game code needs no `public`.
func module(_ name: String, _ path: String) -> Target {
  let beside = ["README.md", "module.json", "Page"]
  return .testTarget(
    name: name, dependencies: ["OneUpRoom"], path: path,
    exclude: beside.filter { FileManager.default.fileExists(atPath: "\(Context.packageDirectory)/\(path)/\($0)") },
    sources: ["Sources", "Tests"],
    swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
}
func library(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, path: path ?? "Sources/\(name)", swiftSettings: strict)
}
func tests(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, path: path ?? "Tests/\(name)", swiftSettings: strict)
}
func program(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies, path: path ?? "Sources/\(name)", swiftSettings: strict)
}

/// Arrows go down only; `dev/check` compares them with the imports.
var targets: [Target] = [
  // Words, limits and seams; no I/O of their own.
  .target(name: "CHost", path: "Sources/CHost"),
  library("Core", ["CHost"]),
  library("Wire", ["Core"]),
  library("ClientMessages", [protobuf]),
  library("Journal", ["Core", "CHost"]),
  library("SimulatedFiles", ["Core"]),
  library("Artifacts", path: "Sources/Releases/Artifacts", ["Core", crypto]),

  // What decides: pure cores, no NIO, no Foundation.
  library("WorkerCore", path: "Sources/Worker/Core", ["Core", "Wire"]),
  library("WorkerStore", path: "Sources/Worker/Store", ["Core", "Journal", "WorkerCore"]),
  library("GatewayCore", path: "Sources/Gateway/Core", ["Core", "Wire"]),
  library("SupervisionCore", path: "Sources/Supervision/Core", ["Core", "Wire"]),
  library("ReleaseCore", path: "Sources/Releases/Core", ["Core", "Artifacts"]),

  // What acts.
  .systemLibrary(name: "CWasmtime", path: "Sources/CWasmtime"),
  .target(
    name: "Sandbox", dependencies: ["Core", "Artifacts", "CWasmtime"], path: "Sources/Sandbox",
    swiftSettings: strict, linkerSettings: wasmtimeLibrary),
  library("ModuleBuilder", ["Core", "Artifacts", "Sandbox"]),
  library(
    "Rehearsal", path: "Sources/Releases/Rehearsal",
    ["Core", "Wire", "Journal", "Artifacts", "ReleaseCore", "WorkerCore", "Sandbox"]),
  library(
    "WorkerShell", path: "Sources/Worker/Shell",
    ["Core", "CHost", "Wire", "Journal", "Artifacts", "WorkerCore", "WorkerStore", "Sandbox"]),
  library(
    "GatewayShell", path: "Sources/Gateway/Shell",
    [
      "Core", "CHost", "Wire", "ClientMessages", "GatewayCore", nio, nioPosix, nioHTTP1, nioWebSocket, nioSSL, crypto,
      protobuf,
    ]),
  library("SupervisionShell", path: "Sources/Supervision/Shell", ["Core", "CHost", "Wire", "SupervisionCore"]),
  library(
    "Control",
    [
      "CHost", "Core", "Wire", "Journal", "Artifacts", "ReleaseCore", hummingbird, hummingbirdCore, nio, nioPosix,
      nioHTTP1, logging,
    ]),
  library("ClientCore", path: "Sources/OneUpClient/Core", ["Core"]),
  library(
    "OneUpClient", path: "Sources/OneUpClient/Shell",
    ["Core", "ClientCore", "ClientMessages", nio, nioPosix, protobuf]),
  library("Drill", ["Core", "ClientCore", nio, nioPosix, nioHTTP1]),
  library(
    "Simulation",
    [
      "Core", "ClientCore", "SimulatedFiles", "Wire", "Journal", "WorkerCore", "WorkerStore", "GatewayCore",
      "SupervisionCore",
    ]),
  .target(name: "OneUpRoom", path: "Sources/OneUpRoom", exclude: ["Support"], swiftSettings: strict),

  program(
    "oneup",
    [
      "CHost", "Core", "Wire", "Journal", "Artifacts", "ReleaseCore", "Sandbox", "ModuleBuilder", "Rehearsal",
      "WorkerCore", "WorkerShell",
      "GatewayCore", "GatewayShell",
      "SupervisionCore",
      "SupervisionShell", "Control", "Drill", arguments, configuration,
    ]),
  program("oneup-sim", path: "Sources/oneup-sim", ["Core", "Simulation"]),
  library(
    "Fuzzing", path: "Fuzz/Sources/Fuzzing",
    [
      "Core", "Wire", "Journal", "Artifacts", "SimulatedFiles", "WorkerCore", "GatewayCore", "GatewayShell",
      "ClientMessages", "Sandbox", "SupervisionShell", "Simulation", "Rehearsal", "Control", protobuf,
    ]),
  program("oneup-fuzz", path: "Fuzz/Sources/oneup-fuzz", ["Fuzzing"]),

  // What `make bench` compares with, and what it loads both with.
  program("echo-server", path: "Benchmarks/echo-server", [nio, nioPosix]),
  program("bench-load", path: "Benchmarks/bench-load", ["CHost"]),
  program(
    "bench-worker", path: "Benchmarks/bench-worker",
    ["Core", "Wire", "Journal", "WorkerCore", "WorkerStore", "Sandbox"]),

  tests("CoreTests", ["Core"]),
  .testTarget(
    name: "JournalTests", dependencies: ["Core", "Journal", "SimulatedFiles"], exclude: ["golden"],
    swiftSettings: strict),
  tests("SandboxTests", ["Core", "Artifacts", "Sandbox", "ModuleBuilder"]),
  .testTarget(
    name: "ArtifactsTests", dependencies: ["Core", "Journal", "SimulatedFiles", "Artifacts"], exclude: ["golden"],
    swiftSettings: strict),
  .testTarget(
    name: "RehearsalTests",
    dependencies: [
      "Core", "Wire", "Journal", "Artifacts", "ReleaseCore", "WorkerCore", "WorkerStore", "Sandbox", "ModuleBuilder",
      "Rehearsal",
    ],
    exclude: ["golden"], swiftSettings: strict),
  .testTarget(
    name: "ReleaseCoreTests", dependencies: ["Core", "Artifacts", "ReleaseCore"], exclude: ["golden"],
    swiftSettings: strict),
  tests("OneUpRoomTests", ["OneUpRoom"]),
  module("TallyTests", "Modules/tally"),
  module("FaultyTests", "Modules/faulty"),
  module("ArenaTests", "Modules/arena"),
  tests("WireTests", ["Core", "Wire", "ClientCore", "ClientMessages", protobuf]),
  tests("GatewayTests", ["Core", "Wire", "GatewayCore"]),
  // A real server, the program and plain sockets: what tests of whole processes share.
  library("ServerHarness", path: "Tests/ServerHarness"),
  tests(
    "GatewayShellTests",
    [
      "Core", "CHost", "Wire", "ClientMessages", "GatewayCore", "GatewayShell", "ServerHarness", nio, nioPosix, nioSSL,
      protobuf,
    ]),
  tests("ClientTests", ["Core", "ClientCore"]),
  tests("DrillTests", ["Core", "ClientCore", "Drill", "OneUpClient", nio, nioPosix]),
  program("supervised-child", path: "Tests/SupervisedChild", ["Wire", "SupervisionCore", "SupervisionShell"]),
  tests("SupervisionTests", ["Core", "CHost", "Wire", "SupervisionCore", "SupervisionShell", "supervised-child"]),
  .testTarget(
    name: "WorkerTests",
    dependencies: ["Core", "Wire", "Journal", "SimulatedFiles", "WorkerCore", "WorkerStore", "Simulation"],
    exclude: ["golden"], swiftSettings: strict),
  .testTarget(
    name: "SimulationTests", dependencies: ["Simulation"], exclude: ["traces"], swiftSettings: strict),
  // Of the program: ONEUP names another than the one that was just built.
  tests("ControlTests", ["Control", "ReleaseCore", "ServerHarness", nio]),
  tests("ServerTests", ["ServerHarness"]),
  tests("FuzzTests", ["Core", "Fuzzing"]),
]

// ONEUP_ONLY=Core,Journal,JournalTests builds a part of the package; the C shim is always in it.
if let only = ProcessInfo.processInfo.environment["ONEUP_ONLY"] {
  let names = Set(only.split(separator: ",").map(String.init)).union(["CHost"])
  targets = targets.filter { names.contains($0.name) }
}
let used = Set(
  targets.flatMap(\.dependencies).compactMap { dependency -> String? in
    if case .productItem(_, let package, _, _) = dependency { return package }
    return nil
  })
let dependencies: [(name: String, Package.Dependency)] = [
  ("swift-nio", .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2")),
  ("swift-nio-ssl", .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6")),
  ("swift-protobuf", .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0")),
  ("swift-argument-parser", .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2")),
  ("swift-crypto", .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2")),
  ("swift-log", .package(url: "https://github.com/apple/swift-log", exact: "1.16.2")),
  (
    "swift-configuration",
    .package(url: "https://github.com/apple/swift-configuration", exact: "1.4.0", traits: ["YAML"])
  ),
  ("hummingbird", .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: [])),
]

let package = Package(
  name: "oneup",
  dependencies: dependencies.filter { used.contains($0.name) }.map(\.1),
  targets: targets
)
