// A TCP connection's socket, written to past the channel's pipeline: a tenth of what a message costs its gateway.
internal import Glibc
import NIOCore

/// Takes bytes only while nothing waits in the channel, so that nothing overtakes; what the socket does not take goes
/// through the channel, which knows how to wait for it. Confined to the channel's loop.
struct DirectSocket {
  private let handle: NIOBSDSocket.Handle
  /// Writes that the channel was given and has not finished.
  private var queued = 0

  /// nil: the channel has no socket of its own.
  init?(_ channel: any Channel) {
    let operations = channel.pipeline.syncOperations
    guard let handle = try? operations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self, { $0 }) else {
      return nil
    }
    self.handle = handle
  }

  /// How many of the bytes went out. An error takes none: the channel meets it again, and closes.
  func write(_ bytes: UnsafeRawBufferPointer, _ channel: any Channel) -> Int {
    // A channel that is not active has given its descriptor back.
    guard queued == 0, channel.isActive else { return 0 }
    return max(0, send(handle, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)))
  }
  mutating func noteQueued() { queued += 1 }
  mutating func noteFinished() { queued -= 1 }
}
