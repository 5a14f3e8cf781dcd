// Plain blocking sockets: they share no code with the server's transports.
package import Glibc

/// A connected stream socket whose reads end with nil after some seconds of silence.
package final class Socket: Sendable {
  private let descriptor: CInt

  /// Takes the descriptor over.
  package init(_ descriptor: CInt, silenceSeconds: Int = 60) {
    self.descriptor = descriptor
    var timeout = timeval(tv_sec: silenceSeconds, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
  }
  deinit { close(descriptor) }

  /// To a port of the loopback interface. `receiveBytes`: how much the kernel keeps of what is not read.
  package convenience init(port: UInt16, silenceSeconds: Int = 60, receiveBytes: CInt? = nil) throws {
    self.init(socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0), silenceSeconds: silenceSeconds)
    if var receiveBytes {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBytes, socklen_t(MemoryLayout<CInt>.size))
    }
    try connect(to: Self.loopback(port), "port \(port)")
  }

  /// To a socket in the file system.
  package convenience init(path: String, silenceSeconds: Int = 60) throws {
    self.init(socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0), silenceSeconds: silenceSeconds)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    try connect(to: address, path)
  }

  private func connect<Address>(to address: Address, _ name: String) throws {
    let result = withUnsafeBytes(of: address) {
      Glibc.connect(descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
    }
    guard result == 0 else { throw Failure(description: "cannot connect to \(name): error \(errno)") }
  }

  package static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }

  /// False where the other end takes no more.
  @discardableResult
  package func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let n = bytes[sent...].withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
      guard n > 0 else { return false }
      sent += n
    }
    return true
  }

  /// As a client that goes.
  package func hangUp() { shutdown(descriptor, CInt(SHUT_RDWR)) }

  /// Exactly `count` bytes, or nil where the stream ends or stays silent.
  package func receive(_ count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var got = 0
    while got < count {
      let n = bytes[got...].withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
      guard n > 0 else { return nil }
      got += n
    }
    return bytes
  }
  /// Whatever is there, at least a byte; nil at the end.
  package func receiveSome() -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let n = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
    return n > 0 ? Array(bytes[..<n]) : nil
  }
  /// Something is here, be it the end.
  package var hasMore: Bool {
    var look = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&look, 1, 0) > 0
  }
  /// Bytes up to and with a text.
  package func receive(upTo end: String) -> String? {
    var bytes: [UInt8] = []
    while !bytes.suffix(end.utf8.count).elementsEqual(end.utf8) {
      guard let byte = receive(1) else { return nil }
      bytes += byte
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Waits for what comes next: it is the end, and an orderly one.
  package var isEnded: Bool {
    var byte: UInt8 = 0
    return recv(descriptor, &byte, 1, 0) == 0
  }
  /// The other end has closed by now; takes nothing.
  package var isClosed: Bool {
    var byte: UInt8 = 0
    let got = recv(descriptor, &byte, 1, CInt(MSG_PEEK) | CInt(MSG_DONTWAIT))
    return got == 0 || got < 0 && errno == ECONNRESET
  }
}
