// Waiting for descriptors.
internal import CHost
internal import Glibc

/// A set of descriptors under tokens. Closed by `deinit`; the descriptors are not.
struct Poll: ~Copyable {
  struct Ready {
    var token: UInt64
    var isReadable: Bool
    var isHungUp: Bool
  }
  private let fd: Int32
  private var found = [oneup_event](repeating: oneup_event(), count: 64)

  init() throws(WorkerError) {
    fd = oneup_poll_create()
    guard fd >= 0 else { throw WorkerError("cannot wait for descriptors: \(String(cString: strerror(-fd)))") }
  }
  deinit { close(fd) }

  func add(_ descriptor: Int32, token: UInt64) { _ = oneup_poll_add(fd, descriptor, token, 0) }
  func change(_ descriptor: Int32, token: UInt64, wantsToWrite: Bool) {
    _ = oneup_poll_change(fd, descriptor, token, wantsToWrite ? 1 : 0)
  }
  func remove(_ descriptor: Int32) { _ = oneup_poll_remove(fd, descriptor) }

  /// Waits at most so long; nil: until something comes.
  mutating func wait(microseconds: Int64?, _ body: (Ready) -> Void) {
    let count = oneup_poll_wait(fd, &found, Int32(found.count), microseconds ?? -1)
    for i in 0..<max(0, Int(count)) {
      let bits = found[i].bits
      body(
        Ready(
          token: found[i].token, isReadable: bits & ONEUP_READABLE != 0, isHungUp: bits & ONEUP_HUNG_UP != 0))
    }
  }
}

/// What ends a worker, in words for whoever runs it.
package struct WorkerError: Error, Sendable, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}
