// The worker's end of the supervisor's channel.
internal import Core
internal import Glibc
internal import Wire

struct SupervisorLine {
  private let fd = SupervisorChannel.descriptor
  private var inbound = SupervisorChannelBuffer()
  private var out: [UInt8] = []
  private(set) var isOpen = true

  init() {
    let flags = fcntl(fd, F_GETFL)
    _ = fcntl(fd, F_SETFL, flags | O_NONBLOCK)
  }
  var descriptor: Int32 { fd }

  mutating func say(_ message: ToSupervisor) {
    message.encode(into: &out)
    flush()
  }
  /// What the socket does not take now is sent with the next beat.
  mutating func flush() {
    guard isOpen, !out.isEmpty else { return }
    let n = out.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
    if n > 0 { out.removeFirst(n) }
  }

  /// Everything that has come. The channel's end is the supervisor's: the worker ends with it.
  mutating func receive() -> [FromSupervisor] {
    var messages: [FromSupervisor] = []
    var bytes = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let n = bytes.withUnsafeMutableBytes { read(fd, $0.baseAddress, $0.count) }
      if n == 0 { isOpen = false }
      guard n > 0 else { break }
      bytes.withUnsafeBytes { inbound.append(UnsafeRawBufferPointer(rebasing: $0[..<n])) }
    }
    do {
      try inbound.drain { (kind, body) throws(DecodingError) in
        messages.append(try FromSupervisor(kind: kind, body))
      }
    } catch { isOpen = false }
    return messages
  }
}
