// What is sent to whoever is to look at a crash: an exported crash, and the source lines of a build.
import Artifacts
import Core
import Rehearsal
import Sandbox
import WorkerCore

extension FuzzTarget {
  private static var lines: SourceLines {
    var lines = SourceLines(module: ModuleHash(of: HandMadeModule.bytes))
    lines.names = ["Room.message", "Swift runtime failure: Index out of range", "Table.insert"]
    lines.files = ["Room.swift", "Table.swift"]
    lines.places = [
      .init(parent: nil, name: 0, file: 0, line: 12), .init(parent: 0, name: 2, file: 1, line: 300),
      .init(parent: 1, name: 1, file: nil, line: 0),
    ]
    lines.rows = [.init(offset: 40, place: 0), .init(offset: 47, place: 2), .init(offset: 700, place: 1)]
    return lines
  }

  static let sourceLines = FuzzTarget(
    name: "source-lines", bytesMax: 2_048,
    seeds: { [lines.encode(), SourceLines(module: ModuleHash(of: [])).encode()] },
    run: { bytes in
      guard let lines = try? SourceLines(bytes) else { return }
      for row in lines.rows.prefix(16) {
        keep(UInt64(lines.look(at: row.offset)?.frames.count ?? 0))
        keep(UInt64(lines.lines(for: ["a [0x\(String(row.offset, radix: 16))]", "[0x]", "]", ""]).count))
      }
      _ = lines.look(at: 0)
      _ = lines.look(at: .max)
      let again = lines.encode().withUnsafeBytes { try? SourceLines($0) }
      precondition(again?.rows == lines.rows && again?.places == lines.places, "lines written anew say something else")
    })

  /// With its build; the bundle alone is the target `crash-bundle`'s.
  static let crashFile = FuzzTarget(
    name: "crash-file", bytesMax: 32_768,
    seeds: {
      let manifest = Manifest(name: "tiny", version: "1.0.0", module: HandMadeModule.bytes)
      let build = CrashCase.Build(manifest: manifest, module: HandMadeModule.bytes, lines: lines.encode())
      return ([[]] + WorkerScripts.snapshots.prefix(3)).compactMap { snapshot in
        let bundle = CrashBundle(
          room: RoomID(1), shard: ShardID(2), module: manifest.hash, moduleName: "tiny", key: "a", event: EventSeq(4),
          fault: RoomFault(kind: .trap, text: "unreachable", backtrace: ["Room.message [0x2f]"]), engine: "wasmtime-1",
          snapshot: snapshot, tail: [], culprit: [])
        return try? CrashCase(bundle: bundle, build: build).exported()
      }
    },
    run: { bytes in
      guard let crash = try? CrashCase(Array(bytes)) else { return }
      keep(UInt64(crash.build?.sourceLines?.rows.count ?? 0))
      guard let exported = try? crash.exported() else { return }
      guard let again = try? CrashCase(exported) else { preconditionFailure("what was exported cannot be read") }
      precondition(again.bundle.fault == crash.bundle.fault, "an exported crash is another one")
      precondition((try? again.exported()) == exported, "exported twice, it says something else")
    })
}
