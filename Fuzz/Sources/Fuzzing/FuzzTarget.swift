// What can be fuzzed: a decoder, or a core driven by a script of bytes.

/// One thing that must take any bytes. An input is the whole of a run: what it did can be repeated from it alone.
package struct FuzzTarget: Sendable {
  package let name: String
  /// Inputs are not longer.
  package let bytesMax: Int
  /// What a process that fuzzes it may map for data; an input that wants more kills it.
  package var memoryBytesMax = 1 << 30
  /// Good inputs, made with our own encoders, to start from.
  package let seeds: @Sendable () -> [[UInt8]]
  /// Must return, whatever the bytes are, soon, and without much memory. What it finds wrong it traps on.
  package let run: @Sendable (UnsafeRawBufferPointer) -> Void

  init(
    name: String, bytesMax: Int, seeds: @escaping @Sendable () -> [[UInt8]],
    run: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
  ) {
    self.name = name
    self.bytesMax = bytesMax
    self.seeds = seeds
    self.run = run
  }

  package func run(_ input: [UInt8]) { input.withUnsafeBytes(run) }

  package static let all: [FuzzTarget] = [
    .clientFrame, .clientMessage, .sessionToken, .serverFrame, .linkRecords, .supervisorChannel, .crashBundle,
    .snapshot, .checkpoint, .settingsFiles, .moduleCheck, .moduleManifest, .auditLog, .roomImage, .gateway, .worker,
    .adoption,
    .journal, .sourceLines, .crashFile, .roomQuery, .roomJSON, .moduleSettings,
  ]
  package static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}

extension Array where Element == UInt8 {
  /// The bytes that `write` appends to nothing.
  init(made write: (inout [UInt8]) -> Void) {
    self = []
    write(&self)
  }
}
