// The journal's store, with the log model looking on: what was given to it, what it promised to hold.
import Core
import Journal
import SimulatedFiles
import WorkerCore
import WorkerStore

typealias RealStore = JournalStore<SimulatedDisk, SimulatedBox>

final class WatchedStore: ShardStore {
  let store: RealStore
  private let model: LogModel
  private let index: Int
  /// Given to the journal since the last write, for the story.
  private var given: [(kind: UInt8, bytes: [UInt8])] = []

  init(_ store: RealStore, _ model: LogModel) {
    self.store = store
    self.model = model
    index = Int(store.shard.rawValue)
  }

  var epoch: ShardEpoch { store.epoch }
  var end: LogPosition { store.end }
  var oldest: LogPosition { store.oldest }
  var needsCheckpoint: Bool { store.needsCheckpoint }
  func hasRoom(bytes: Int, reserve: Bool) -> Bool { store.hasRoom(bytes: bytes, reserve: reserve) }
  func append(_ kind: UInt8, _ payload: UnsafeRawBufferPointer) throws(StoreError) -> LogPosition {
    strike(kind)
    let position = try store.append(kind, payload)
    if model.world.story != nil { given.append((kind, Array(payload))) }
    model.appended(index, epoch, position, kind, Array(payload))
    return position
  }
  func appendCheckpoint(_ payload: UnsafeRawBufferPointer) throws(StoreError) {
    strike(Journal.RecordKind.checkpoint)
    try store.appendCheckpoint(payload)
    model.world.tell("shard \(index) is written", "checkpoint")
  }
  /// Where the record is the one to die in, its write is the last.
  private func strike(_ kind: UInt8) {
    guard let fatal = model.world.fatalRecord, fatal.shard == index, fatal.kind == kind else { return }
    model.world.fatalRecord = nil
    model.world.strike(index, .deathBeforeEnd(64)) { $0.kind == .write && $0.path.hasSuffix(".segment") }
  }
  func write() throws(StoreError) {
    try store.write()
    model.world.tellWritten(given)
    given.removeAll(keepingCapacity: true)
    model.written(index, epoch)
  }
  func sync() throws(StoreError) {
    try store.sync()
    model.synced(index, epoch)
  }
  func read(at position: LogPosition) throws(StoreError) -> [UInt8] { try store.read(at: position) }
  @discardableResult
  func scan(
    from position: LogPosition, damage: (Range<LogPosition>) -> Void,
    _ body: (LogPosition, UInt8, UnsafeRawBufferPointer) throws(StoreError) -> Void
  ) throws(StoreError) -> Bool { try store.scan(from: position, damage: damage, body) }
  func giveUp(_ error: FileError) {
    model.world.tell("the owner of shard \(index) gives up: what it needs cannot be read")
    store.giveUp(error)
  }
  func tellNextOwner() { store.tellNextOwner() }
  func release(upTo position: LogPosition) throws(StoreError) { try store.release(upTo: position) }
  func close() throws(StoreError) {
    try store.close()
    model.synced(index, epoch)
  }
  func enter(_ room: RoomID, _ event: EventSeq) { store.enter(room, event) }
  func leave() { store.leave() }
  func countDeath(at room: RoomID, _ event: EventSeq) { store.countDeath(at: room, event) }
  func enter(_ call: Suspect, to target: ModuleHash?) { store.enter(call, to: target) }
  func putAside(_ call: Suspect) { store.putAside(call) }
  func forget(_ room: RoomID) { store.forget(room) }
}
