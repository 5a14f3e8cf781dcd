// The players' listening sockets. The supervisor owns them, so the accept queue outlives a gateway.
import Glibc

/// Where to listen: HOST:PORT.
package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
  package var host: String
  package var port: UInt16
  package init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }
  /// `127.0.0.1:7777`, `[::1]:7777`, `:7777` (all IPv4 addresses); nil for anything else.
  package init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
    var host = String(text[..<colon])
    if host.hasPrefix("[") && host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    self.init(host: host.isEmpty ? "0.0.0.0" : host, port: port)
  }
  package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

package enum Listener {
  package static let backlog: Int32 = 4_096

  /// `count` sockets that share one port; with port 0 the kernel picks it. Returns them and where they listen.
  package static func open(_ endpoint: Endpoint, count: Int, option: String) throws(StartError) -> ([Int32], Endpoint) {
    var actual = endpoint
    var sockets: [Int32] = []
    do throws(StartError) {
      // Several sockets may share a port only if nobody else has it: without SO_REUSEPORT the first bind finds out.
      let probe = try bind(actual, shared: false, option: option)
      actual.port = port(of: probe)
      close(probe)
      for _ in 0..<count {
        let fd = try bind(actual, shared: true, option: option)
        sockets.append(fd)
        guard listen(fd, backlog) == 0 else { throw occupied(actual, option, errno) }
      }
    } catch {
      for fd in sockets { close(fd) }
      throw error
    }
    return (sockets, actual)
  }

  /// Finds out whether somebody could listen there, and on which port where 0 is asked for. The socket that comes back
  /// never listens: as long as it is open the kernel gives the port to no outgoing connection, and whoever reuses
  /// addresses can listen there.
  package static func reserve(_ endpoint: Endpoint, option: String) throws(StartError) -> (Int32, Endpoint) {
    let held = try bind(endpoint, shared: false, option: option)
    let actual = Endpoint(host: endpoint.host, port: port(of: held))
    do throws(StartError) {
      let probe = try bind(actual, shared: false, option: option)
      defer { close(probe) }
      // A bound socket finds a listener only when it listens itself.
      guard listen(probe, 1) == 0 else { throw occupied(actual, option, errno) }
    } catch {
      close(held)
      throw error
    }
    return (held, actual)
  }

  private static func bind(_ endpoint: Endpoint, shared: Bool, option: String) throws(StartError) -> Int32 {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(endpoint.host, String(endpoint.port), &hints, &found) == 0, let address = found else {
      throw StartError("\(endpoint.host) is no address of this machine. Give another one with --\(option) HOST:PORT.")
    }
    defer { freeaddrinfo(found) }
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let fd = socket(address.pointee.ai_family, type, 0)
    guard fd >= 0 else { throw StartError("No socket can be made: \(systemText(errno)).") }
    var yes: Int32 = 1
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    if shared { setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, socklen_t(MemoryLayout<Int32>.size)) }
    var tries = 0
    while Glibc.bind(fd, address.pointee.ai_addr, address.pointee.ai_addrlen) != 0 {
      let code = errno
      // The children of a supervisor that was killed a moment ago may still be on their way out.
      if code == EADDRINUSE, tries < 25 {
        tries += 1
        usleep(20_000)
        continue
      }
      close(fd)
      throw occupied(endpoint, option, code)
    }
    return fd
  }

  private static func occupied(_ endpoint: Endpoint, _ option: String, _ code: Int32) -> StartError {
    switch code {
    case EADDRINUSE:
      StartError(
        "Port \(endpoint.port) on \(endpoint.host) is taken. See who has it with: ss -ltnp 'sport = :\(endpoint.port)' "
          + "— or choose another one with --\(option) \(endpoint.host):PORT.")
    case EACCES:
      StartError(
        "Port \(endpoint.port) needs privileges this user does not have. Choose one from 1024 up with --\(option) "
          + "\(endpoint.host):PORT.")
    default:
      StartError(
        "Cannot listen on \(endpoint): \(systemText(code)). Choose another address with --\(option) HOST:PORT.")
    }
  }

  private static func port(of fd: Int32) -> UInt16 {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let port: UInt16? = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard getsockname(fd, address, &length) == 0 else { return nil }
        // In both families the port follows the family, in network order.
        return UnsafeRawPointer(address).loadUnaligned(fromByteOffset: 2, as: UInt16.self)
      }
    }
    return UInt16(bigEndian: port ?? 0)
  }
}
