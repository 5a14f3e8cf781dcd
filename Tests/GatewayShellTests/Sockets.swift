// Plain blocking sockets for the tests: they share no code with the gateway's transports.
import Core
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

struct SocketError: Error { var what: String }

/// A blocking stream socket whose reads end with nil after five seconds.
final class Stream: Sendable {
  private let descriptor: CInt
  init(_ descriptor: CInt) {
    self.descriptor = descriptor
    var timeout = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
  }
  deinit { close(descriptor) }

  static func connect(port: UInt16, receiveBytes: CInt? = nil) throws -> Stream {
    let s = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    if var receiveBytes {
      setsockopt(s, SOL_SOCKET, SO_RCVBUF, &receiveBytes, socklen_t(MemoryLayout<CInt>.size))
    }
    var address = loopback(port)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(s, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw SocketError(what: "connect: \(errno)") }
    return Stream(s)
  }

  func send(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let n = bytes[sent...].withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
      guard n > 0 else { return }
      sent += n
    }
  }
  /// As a client that goes.
  func hangUp() { shutdown(descriptor, CInt(SHUT_RDWR)) }
  /// Exactly `count` bytes, or nil where the stream ends or stays silent.
  func receive(_ count: Int) -> [UInt8]? {
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
  func receiveSome() -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let n = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
    return n > 0 ? Array(bytes[..<n]) : nil
  }
  /// Bytes up to and with a text.
  func receive(upTo end: String) -> String? {
    var bytes: [UInt8] = []
    while !bytes.suffix(end.utf8.count).elementsEqual(end.utf8) {
      guard let byte = receive(1) else { return nil }
      bytes += byte
    }
    return String(decoding: bytes, as: UTF8.self)
  }
  /// The other end has closed: nothing more comes, orderly.
  var isEnded: Bool {
    var byte: UInt8 = 0
    return recv(descriptor, &byte, 1, 0) == 0
  }
}

private func loopback(_ port: UInt16) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  return address
}

/// A socket bound to a free port of the loopback interface.
func boundSocket() throws -> (descriptor: CInt, port: UInt16) {
  let s = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
  var address = loopback(0)
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  try withUnsafeMutablePointer(to: &address) {
    try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      guard bind(s, $0, length) == 0, getsockname(s, $0, &length) == 0 else {
        throw SocketError(what: "bind: \(errno)")
      }
    }
  }
  return (s, UInt16(bigEndian: address.sin_port))
}

/// A listening Unix socket.
func listeningSocket(_ path: String) throws -> CInt {
  let s = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
  let result = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(s, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }
  guard result == 0, listen(s, 16) == 0 else { throw SocketError(what: "\(path): \(errno)") }
  return s
}
