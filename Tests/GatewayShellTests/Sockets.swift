// Sockets that a gateway is given, or connects to.
import Glibc
import ServerHarness

/// A socket bound to a free port of the loopback interface.
func boundSocket() throws -> (descriptor: CInt, port: UInt16) {
  let s = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
  var address = Socket.loopback(0)
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  try withUnsafeMutablePointer(to: &address) {
    try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      guard bind(s, $0, length) == 0, getsockname(s, $0, &length) == 0 else {
        throw Failure(description: "bind: \(errno)")
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
  guard result == 0, listen(s, 16) == 0 else { throw Failure(description: "\(path): \(errno)") }
  return s
}
