// One link to a worker, and who owns a shard.
import Core

struct Link {
  var life: UInt32
  var isOpen = true
  /// Records that wait for the worker.
  var out: [UInt8] = []
  var isDirty = false
  /// The transport could not take what waited.
  var isStalled = false
  /// Records with numbered outputs since the link began, and how many of them were confirmed.
  var outputs: UInt64 = 0
  var confirmed: UInt64 = 0
  /// Some attachment has lost inputs to the bound.
  var hasDropped = false

  init(life: UInt32) { self.life = life }
}

struct Shard {
  /// The highest epoch heard of; records of others are void.
  var epoch = ShardEpoch(0)
  /// The link's slot; nil: no owner known.
  var owner: Int?
}
