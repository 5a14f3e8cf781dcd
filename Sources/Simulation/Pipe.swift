// One direction of a stream: what was written arrives after a delay, in order; what arrived before its writer's death
// is still read after it.

import Core

final class Pipe {
  unowned let world: World
  private var lastArrival: Int64 = 0
  private(set) var isClosed = false
  /// Bytes that arrived and were not taken.
  var arrived: [UInt8] = []
  /// Bytes on their way.
  private(set) var inFlight = 0
  var delay: ClosedRange<Int64>
  /// Frames that arrived: `arrived` has more; or the end.
  var onArrival: () -> Void = {}
  var onEnd: () -> Void = {}

  init(_ world: World, delay: ClosedRange<Int64>) {
    self.world = world
    self.delay = delay
  }

  func write(_ bytes: [UInt8]) {
    guard !isClosed, !bytes.isEmpty else { return }
    inFlight += bytes.count
    // Sometimes the stream is cut into pieces anywhere.
    var rest = bytes[...]
    if bytes.count > 1, world.random.next() % 8 == 0 {
      let at = 1 + Int(world.random.next() % UInt64(bytes.count - 1))
      deliver(Array(rest.prefix(at)))
      rest = rest.dropFirst(at)
    }
    deliver(Array(rest))
  }

  private func deliver(_ bytes: [UInt8]) {
    world.after(arrival()) { [self] in
      inFlight -= bytes.count
      guard !isClosed else { return }
      arrived.append(contentsOf: bytes)
      onArrival()
    }
  }

  private func arrival() -> Int64 {
    lastArrival = max(lastArrival, world.time + world.pick(delay))
    return lastArrival - world.time
  }

  /// The writer is gone: the end follows what was written.
  func end() {
    world.after(arrival()) { [self] in
      guard !isClosed else { return }
      isClosed = true
      onEnd()
    }
  }

  /// The reader is gone.
  func drop() {
    isClosed = true
    arrived = []
  }
}
