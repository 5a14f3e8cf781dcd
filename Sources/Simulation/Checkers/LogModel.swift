// What was durable, remembered outside of the journal: nothing of it may be missing when the next owner reads it.
import Core
import Journal
import Wire
import WorkerCore
import WorkerStore

final class LogModel {
  unowned var world: World!
  private let shards: Int
  init(shards: Int) { self.shards = shards }
  func powerLost() {}
}

extension World {
  func adopted(_ s: Int, _ store: SimulatedStore, _ adoption: ShardAdoption) {
  }
  func outputHeard(_ room: RoomID, _ timeline: Timeline, _ seq: OutSeq, _ payload: [UInt8], _ verdict: ServerFrame.Verdict?) {}
}
