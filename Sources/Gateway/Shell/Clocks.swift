// The gateway's clocks, read once a turn, and what else it asks of the system.
import Core
import GatewayCore
import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

enum Clocks {
  static func now() -> Now { Now(wall: read(CLOCK_REALTIME), monotonic: read(CLOCK_MONOTONIC)) }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    let result = clock_gettime(clock, &time)
    precondition(result == 0, "the system has no such clock")
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
  }
}

enum Descriptors {
  /// How many this process may have open.
  static var max: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
    return Int(clamping: limit.rlim_cur)
  }
}

extension ClientAddress {
  /// Connections over Unix sockets count as one address.
  init(_ address: SocketAddress?) {
    self.init(high: 0, low: 0)
    // Read by offset: the fields' declarations belong to a private module of NIO.
    switch address {
    case .v4(let v4):
      withUnsafeBytes(of: v4.address) {
        low = 0xffff_0000_0000 | UInt64(UInt32(bigEndian: $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
      }
    case .v6(let v6):
      withUnsafeBytes(of: v6.address) {
        high = UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        low = UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
      }
      // Whoever has one IPv6 address has 2^64 of them, and counts as one; IPv4's, mapped, keep theirs.
      if high != 0 { low = 0 }
    default: break
    }
  }
}
