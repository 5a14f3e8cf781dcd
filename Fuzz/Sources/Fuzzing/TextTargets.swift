// Small files: what a crash leaves, what a data directory says, what a module says of itself.
import Core
import SupervisionShell
import WorkerCore

extension FuzzTarget {
  static let crashBundle = FuzzTarget(
    name: "crash-bundle", bytesMax: 4_096,
    seeds: {
      let bundle = CrashBundle(
        room: RoomID(1), shard: ShardID(2), module: ModuleHash(Array(repeating: 3, count: 32)), moduleName: "tally",
        key: "a \"quoted\" key", event: EventSeq(4),
        fault: RoomFault(kind: .trap, text: "unreachable", backtrace: ["Room.message", "oneup_message"]),
        engine: "wasmtime-1", snapshot: [1, 2, 3], tail: [4, 5, 6], culprit: [7, 8])
      var calls = bundle
      calls.culprit = []
      calls.call = .carry
      calls.target = ModuleHash(Array(repeating: 4, count: 32))
      return [bundle.encode(), calls.encode()]
    },
    run: { bytes in
      guard let bundle = try? CrashBundle(bytes) else { return }
      _ = bundle.json(time: 0)
      let again = bundle.encode().withUnsafeBytes { try? CrashBundle($0) }
      precondition(again == bundle, "a bundle written anew says something else")
    })

  /// Snapshot records alone; what becomes of rooms that are restored from them is the target `adoption`'s.
  static let snapshot = FuzzTarget(
    name: "snapshot", bytesMax: 16_384,
    seeds: { WorkerScripts.snapshots },
    run: { bytes in
      guard let snapshot = try? RoomSnapshot(bytes) else { return }
      precondition(snapshot.image.count <= bytes.count, "an image is longer than its snapshot")
      precondition(snapshot.host.members.count <= Limits.membersMax, "more members than a room can have")
    })

  /// Checkpoint records alone; what becomes of the rooms that they name is the target `adoption`'s.
  static let checkpoint = FuzzTarget(
    name: "checkpoint", bytesMax: 4_096,
    seeds: {
      let some = Checkpoint(
        lastBatch: BatchNumber(9), scanFrom: LogPosition(4_096),
        rooms: [
          .init(room: RoomID(1), snapshot: LogPosition(64), tailStart: LogPosition(128), isActive: true),
          .init(
            room: RoomID(2), snapshot: LogPosition(96), tailStart: nil, isActive: false, wakesAtSecond: 1_700_000_060,
            build: ModuleHash(Array(repeating: 7, count: 32))),
        ])
      let none = Checkpoint(lastBatch: BatchNumber(1), scanFrom: LogPosition(0), rooms: [])
      return [some, none].map { checkpoint in Array(made: checkpoint.encode) }
        + WorkerScripts.records(of: MemoryStore.checkpointKind)
    },
    run: { bytes in
      guard let checkpoint = try? Checkpoint(bytes) else { return }
      precondition(
        checkpoint.rooms.count * 25 <= bytes.count, "a checkpoint names more rooms than its bytes can hold")
      let again = try? Checkpoint(bytes: Array(made: checkpoint.encode))
      precondition(again == checkpoint, "a checkpoint written anew says something else")
    })

  /// The data directory's `identity`, and the block that a child is started with.
  static let settingsFiles = FuzzTarget(
    name: "settings-files", bytesMax: 1_024,
    seeds: {
      [
        Array("version=1\nshards=8\nhash-key=00112233445566778899aabbccddeeff\n".utf8),
        Array("shards=256\nhash-key=ffffffffffffffffffffffffffffffff\n=\n\nx".utf8),
        Array("4f1d2c5e-1b2c-4d3e-8f90-a1b2c3d4e5f6\n".utf8),
      ]
    },
    run: { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      let values = RoleConfiguration(text: text)
      precondition(
        RoleConfiguration(text: values.text).values == values.values, "a block written anew says something else")
      let map = DataDirectory.Identity.map(
        shards: values.values["shards"].flatMap { Int($0) } ?? 0, hashKey: values.values["hash-key"] ?? "")
      if let map { keep(map.room(module: "tally".utf8, key: "a".utf8).rawValue) }
      if let boot = BootID(text: text) {
        precondition(BootID(text: boot.description) == boot, "a boot id is not its text")
      }
      _ = try? values.number("shards") as UInt16
    })
}

extension WorkerScripts {
  /// The snapshot records of the logs.
  static var snapshots: [[UInt8]] { records(of: RecordKind.snapshot) }

  static func records(of kind: UInt8) -> [[UInt8]] {
    logs.flatMap { log in
      log.withUnsafeBytes { bytes in
        var script = Script(bytes)
        _ = script.take(UInt8.self)
        let store = MemoryStore()
        _ = store.decode(&script)
        return store.records.filter { $0.kind == kind }.map(\.payload)
      }
    }
  }
}
