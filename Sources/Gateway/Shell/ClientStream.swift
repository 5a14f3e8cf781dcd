// What the transports have in common: the bytes between the wire and the core, in both directions.
//
//   open ── core says close ──▶ finishing (output is sent, input dropped) ── closed or 2 s ──▶ gone
//
// Confined to its loop.
import Core
import GatewayCore
import NIOCore

class ClientStream: ClientTransport {
  let loop: GatewayLoop
  private(set) var id: ConnectionID!
  private(set) var channel: (any Channel)!
  /// Incomplete frames; normally none.
  private var carry: ByteBuffer?
  private var isPaused = false
  private(set) var isFinishing = false
  /// The loop has been told; its place may be another's by now.
  private var isGone = false

  /// A client that does not read its last frame is cut off after this.
  private static let lingerTime = TimeAmount.seconds(2)
  private static let receiveBytes = 1_024
  private static let receiveBytesOfLargeFrames = 16_384

  init(_ loop: GatewayLoop) { self.loop = loop }

  /// Takes over a connection that began with another transport.
  init(_ other: ClientStream) {
    loop = other.loop
    id = other.id
    channel = other.channel
    isGone = other.isGone
    isFinishing = other.isFinishing
    if !isGone { loop.replaceTransport(of: id, by: self) }
  }

  /// Once, when the channel is active.
  func open(_ channel: any Channel) {
    self.channel = channel
    id = loop.open(self, from: channel.remoteAddress)
  }
  func closed() {
    isFinishing = true
    guard let id, !isGone else { return }
    isGone = true
    loop.close(id)
  }

  // MARK: In

  /// Frames behind their lengths. Never keeps `buffer`.
  func receive(_ buffer: ByteBuffer) {
    guard !isFinishing else { return }
    if carry == nil, !isPaused {
      let received = buffer.withUnsafeReadableBytes { loop.receive(id, $0) }
      if received.consumed < buffer.readableBytes {
        let left = buffer.readableBytes - received.consumed
        var carry = channel.allocator.buffer(capacity: max(left, Self.receiveBytes))
        carry.writeImmutableBuffer(buffer.getSlice(at: buffer.readerIndex + received.consumed, length: left)!)
        self.carry = carry
        setReceiveBytes(Self.receiveBytesOfLargeFrames)
      }
      pause(received.pauseMicroseconds)
      return
    }
    var joined = carry ?? channel.allocator.buffer(capacity: buffer.readableBytes)
    carry = nil
    joined.writeImmutableBuffer(buffer)
    carry = joined
    if !isPaused { receiveCarried() }
  }

  private func receiveCarried() {
    guard var joined = carry else { return }
    carry = nil
    let received = joined.withUnsafeReadableBytes { loop.receive(id, $0) }
    joined.moveReaderIndex(forwardBy: received.consumed)
    if joined.readableBytes > 0 {
      joined.discardReadBytes()
      carry = joined
    } else {
      setReceiveBytes(Self.receiveBytes)
    }
    pause(received.pauseMicroseconds)
  }

  /// The client is over its rate: nothing is read until it may go on.
  private func pause(_ microseconds: Int64) {
    guard microseconds > 0 else { return }
    isPaused = true
    setAutoRead(false)
    // Longer than to the next frame, so that a fast client costs few wake-ups.
    loop.eventLoop.assumeIsolated().scheduleTask(in: .microseconds(max(microseconds, 5_000))) { [weak self] in
      guard let self, isPaused else { return }
      isPaused = false
      receiveCarried()
      if !isPaused { setAutoRead(true) }
    }
  }

  private func setAutoRead(_ value: Bool) {
    // Fails only when the channel is closed already.
    try? channel.syncOptions?.setOption(.autoRead, value: value)
  }
  private func setReceiveBytes(_ count: Int) {
    try? channel.syncOptions?.setOption(
      .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: count))
  }

  // MARK: Out

  func flush() {
    guard !isFinishing else { return }
    guard channel.isWritable || loop.isClosing(id) else { return loop.stall(id) }
    let (closing, hasBytes) = loop.takeOutput(id)
    guard closing else {
      if hasBytes { write(loop.scratch, promise: nil) }
      return
    }
    isFinishing = true
    let sent = loop.eventLoop.makePromise(of: Void.self)
    sent.futureResult.assumeIsolated().whenComplete { [weak self] _ in self?.endOutput() }
    write(loop.scratch, promise: sent)
    loop.eventLoop.assumeIsolated().scheduleTask(in: Self.lingerTime) { [weak self] in
      self?.channel.close(promise: nil)
    }
  }

  func writabilityChanged() {
    if channel.isWritable, !isFinishing { loop.writable(id) }
  }

  /// Writes and flushes whole frames, each behind its length. `frames` must not be kept in a way that copies it.
  func write(_ frames: ByteBuffer, promise: EventLoopPromise<Void>?) {
    preconditionFailure("a transport says how it writes")
  }

  /// Everything is written: no more comes. The client sees the end of the stream behind its last frame, not a reset.
  func endOutput() { channel.close(mode: .output, promise: nil) }
}
