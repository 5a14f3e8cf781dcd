// One connection of the generator and its memberships.
import Glibc

/// A room that this connection is in. Echo connections have one, which no server knows of.
struct Membership {
  var isAttached = false
  /// Of the last input sent.
  var seq: UInt64 = 0
  /// Up to here everything is acknowledged.
  var acked: UInt64 = 0
  /// When the last input was sent, or was due; nanoseconds.
  var since: Int64 = 0
  var isWaiting: Bool { acked < seq }
}

final class Peer {
  let fd: Int32
  var memberships: [Membership]
  /// An incomplete frame; normally empty.
  var carry: [UInt8] = []
  /// Inputs that are due but wait for the answer to the one before.
  var backlog: [Int64] = []

  init(_ address: sockaddr_in, memberships: Int) throws(LoadError) {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard fd >= 0 else { throw LoadError("no socket") }
    self.fd = fd
    self.memberships = [Membership](repeating: Membership(), count: memberships)
    var address = address
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw LoadError("no connection") }
    var on: Int32 = 1
    setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    guard fcntl(fd, F_SETFL, O_NONBLOCK) == 0 else { throw LoadError("the socket cannot be set not to block") }
  }
  deinit { close(fd) }

  func write(_ bytes: UnsafeRawPointer, _ count: Int) throws(LoadError) {
    guard send(fd, bytes, count, Int32(MSG_NOSIGNAL)) == count else {
      throw LoadError("a socket did not take \(count) bytes at once")
    }
  }
}

struct LoadError: Error, CustomStringConvertible {
  var description: String
  /// Adds what the system says.
  init(_ text: String) { description = "\(text): \(String(cString: strerror(errno)))" }
  init(plain text: String) { description = text }
}

func nanoseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
