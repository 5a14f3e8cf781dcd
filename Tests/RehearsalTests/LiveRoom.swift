// A worker with a real engine over a log in memory, and players of one room in it.
import Artifacts
import Core
import Rehearsal
import Sandbox
import Testing
import Wire
import WorkerCore

/// A log that keeps everything.
final class MemoryLog: ShardStore {
  let epoch = ShardEpoch(1)
  private var records: [LogPosition: [UInt8]] = [:]
  private(set) var end = LogPosition(0)
  let oldest = LogPosition(0)
  private(set) var needsCheckpoint = false

  /// So much log that the tails of rooms are shortened by snapshots.
  func grow() {
    end = LogPosition(end.rawValue + (64 << 20))
    needsCheckpoint = true
  }
  func hasRoom(bytes: Int, reserve: Bool) -> Bool { true }
  func append(_ kind: UInt8, _ payload: UnsafeRawBufferPointer) -> LogPosition {
    defer { end = LogPosition(end.rawValue + 1) }
    records[end] = Array(payload)
    return end
  }
  func appendCheckpoint(_ payload: UnsafeRawBufferPointer) { needsCheckpoint = false }
  func write() {}
  func read(at position: LogPosition) -> [UInt8] { records[position]! }
  func scan(
    from position: LogPosition, damage: (Range<LogPosition>) -> Void,
    _ body: (LogPosition, UInt8, UnsafeRawBufferPointer) throws(StoreError) -> Void
  ) -> Bool { false }
  func release(upTo position: LogPosition) {}
  func close() {}
  func enter(_ room: RoomID, _ event: EventSeq) {}
  func leave() {}
  func countDeath(at room: RoomID, _ event: EventSeq) {}
  func enter(_ call: Suspect, to target: ModuleHash?) {}
  func putAside(_ call: Suspect) {}
  func forget(_ room: RoomID) {}
}

final class LiveRoom {
  let engine: WasmEngine
  var worker: Worker
  /// Where it is in memory.
  let log = MemoryLog()
  private(set) var crashes: [CrashBundle] = []
  private var link = 0
  /// Heard on the link.
  private var outputs: UInt64 = 0
  private(set) var now = Now(wall: 1_700_000_000_000_000, monotonic: 1_000_000)
  private var numbers: [UInt32: UInt64] = [:]
  private let module: String

  /// `store`: its shard's log, if it is not one in memory.
  init(_ build: CrashCase.Build, store: (any ShardStore)? = nil, native directory: String? = nil) throws {
    var options = EngineOptions(roomsMax: 16, keptDirectory: directory)
    options.trustsNative = { _ in directory != nil }
    engine = try WasmEngine(options)
    try engine.load(build.module, build.manifest)
    module = build.manifest.name
    worker = Worker(engine: engine, map: ShardMap(count: 1, key: (1, 2)))
    worker.beginTurn(now)
    try worker.adopt(
      ShardID(0), store ?? log, ShardAdoption(cut: 0, checkpoint: nil, engineChanged: false))
    link = worker.openLink()
    say(.hello(gateway: GatewayEpoch(1), loop: 0, loops: 1))
  }

  var room: RoomID { worker.roomIDs[0] }

  private func say(_ record: LinkToWorker) {
    var bytes: [UInt8] = []
    record.encode(ShardID(0), ShardEpoch(1), into: &bytes)
    bytes.withUnsafeBytes { bytes in
      do { #expect(try worker.receive(link, bytes) == bytes.count) } catch { Issue.record(error) }
    }
  }

  func join(_ slot: UInt32, _ name: String) throws {
    Array(name.utf8).withUnsafeBytes { player in
      Array(module.utf8).withUnsafeBytes { module in
        Array("lobby".utf8).withUnsafeBytes { key in
          let membership = Membership(session: SessionID(0xFEED_0000_0000_0000 + UInt64(slot)), joinID: JoinID(1))
          say(
            .join(
              .init(
                route: Route(slot + 1), membership: membership,
                generation: Generation(epoch: GatewayEpoch(1), counter: slot + 1), player: player, module: module,
                key: key, parameters: UnsafeRawBufferPointer(start: nil, count: 0))))
        }
      }
    }
    try turn()
  }

  func message(_ payload: [UInt8], from slot: UInt32) throws {
    numbers[slot, default: 0] += 1
    payload.withUnsafeBytes { say(.input(Route(slot + 1), InputSeq(numbers[slot]!), stamp: 0, payload: $0)) }
    try turn()
  }

  /// Turns until nothing is left to do at once. What was said on the link is confirmed, as a gateway does it.
  func turn(after milliseconds: Int64 = 50) throws {
    repeat {
      worker.stage()
      try worker.write()
      worker.execute()
      try worker.upkeep()
      for report in worker.reports {
        switch report {
        case .quarantined(_, _, _, let bundle, _): crashes.append(bundle)
        case .rebuilt(_, let event, let image):
          let at = crashes.firstIndex { $0.event == event }
          if let at { crashes[at].stateHash = ModuleHash(of: image).bytes }
        default: break
        }
      }
      worker.reports.removeAll()
      worker.takeOutput(link) { bytes in
        var reader = LinkReader(bytes)
        while let (header, body) = try? reader.next() {
          if case .output? = try? LinkToGateway(header, body) { outputs += 1 }
        }
        return bytes.count
      }
      say(.confirm(records: outputs))
      now.monotonic += milliseconds * 1_000
      now.wall += milliseconds * 1_000
      worker.beginTurn(now)
    } while worker.hasUrgentWork
  }

  func bundle() throws -> CrashBundle { try CrashCase(worker.inspect("bundle \(room)")).bundle }
}
