// A channel's socket, written to past its pipeline, which would be a tenth of what a message costs its
// gateway.
internal import Glibc
import NIOCore

/// Takes bytes only while nothing waits in the channel, so that nothing overtakes; what the socket does not take goes
/// through the channel, which knows how to wait for it. Confined to the channel's loop.
final class DirectSocket {
  private let channel: any Channel
  /// nil: the channel has no socket of its own, and is given everything.
  private let handle: NIOBSDSocket.Handle?
  /// Writes that the channel was given and has not finished.
  private var queued = 0

  init(_ channel: any Channel) {
    self.channel = channel
    handle = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
  }

  func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>? = nil) {
    let sent = bytes.withUnsafeReadableBytes { send($0) }
    let left = bytes.readableBytes - sent
    guard left > 0 || promise != nil else { return }
    let rest = bytes.getSlice(at: bytes.readerIndex + sent, length: left)!
    queued += 1
    let written = promise ?? channel.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { _ in self.queued -= 1 }
    channel.writeAndFlush(rest, promise: written)
  }

  /// How many of the bytes went out. An error takes none: the channel meets it again, and closes.
  private func send(_ bytes: UnsafeRawBufferPointer) -> Int {
    // A channel that is not active has given its descriptor back.
    guard let handle, queued == 0, channel.isActive else { return 0 }
    return max(0, Glibc.send(handle, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)))
  }
}
