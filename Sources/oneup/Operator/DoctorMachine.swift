// What `oneup doctor` sees of the machine.
import CHost
import Control
import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

enum DoctorMachine {
  static func findings(_ look: LiveVitals?) -> [Finding] {
    let pids = look?.processes.map(\.pid) ?? []
    return [clock(), openFiles(look), acceptQueue(), maps(), memory(), swap(pids)]
  }

  private static func text(_ path: String) -> String? {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
  }
  private static func number(_ path: String) -> Int? {
    text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }

  private static func clock() -> Finding {
    let isSteered = oneup_clock_is_steered() == 1
    return Finding(
      isSteered, "clock", isSteered ? "is kept right by the network" : "is not kept right by anybody",
      "Rooms and tokens go by the wall clock: a jump is felt as timers that fire early or late. Run chrony or systemd-timesyncd."
    )
  }

  /// Of the gateway that runs, or of this shell.
  private static func openFiles(_ look: LiveVitals?) -> Finding {
    let gateway = look?.processes.first { $0.role == "gateway" }
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    var count = Int(clamping: limit.rlim_max)
    if let gateway, let lines = text("/proc/\(gateway.pid)/limits"),
      let line = lines.split(separator: "\n").first(where: { $0.hasPrefix("Max open files") }),
      let soft = line.split(separator: " ").dropFirst(3).first.flatMap({ Int($0) })
    {
      count = soft
    }
    return Finding(
      count >= 16_384, "open files", "\(Columns.count(count)) \(gateway == nil ? "at most" : "for the gateway")",
      "Each player is one. Raise the hard limit before starting the server: ulimit -Hn 65536, or LimitNOFILE= in systemd."
    )
  }

  private static func acceptQueue() -> Finding {
    let most = number("/proc/sys/net/core/somaxconn") ?? 0
    return Finding(
      most >= 4_096, "accept queue", "holds \(Columns.count(most)) connections",
      "Thousands of players who come back at once need more: sysctl -w net.core.somaxconn=4096")
  }

  private static func maps() -> Finding {
    let most = number("/proc/sys/vm/max_map_count") ?? 0
    return Finding(
      most >= 65_530, "memory maps", "\(Columns.count(most)) for a process",
      "A worker with thousands of rooms needs more: sysctl -w vm.max_map_count=262144")
  }

  private static func memory() -> Finding {
    let lines = text("/proc/meminfo") ?? ""
    func kilobytes(_ name: String) -> Int64 {
      lines.split(separator: "\n").first { $0.hasPrefix(name + ":") }
        .flatMap { Int64($0.split(separator: " ").dropFirst().first ?? "") } ?? 0
    }
    let (free, all) = (kilobytes("MemAvailable"), kilobytes("MemTotal"))
    return Finding(
      all == 0 || free * 10 > all, "memory", "\(Columns.bytes(free << 10)) of \(Columns.bytes(all << 10)) available",
      "When it is used up the kernel kills a process; a worker's rooms come back, but all together need the memory.")
  }

  private static func swap(_ pids: [Int32]) -> Finding {
    let out = pids.reduce(Int64(0)) { sum, pid in
      let line = text("/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix("VmSwap:") }
      return sum + (line.flatMap { Int64($0.split(separator: " ").dropFirst().first ?? "") } ?? 0)
    }
    let areas = (text("/proc/swaps") ?? "").split(separator: "\n").count - 1
    return Finding(
      out == 0, "swap",
      out > 0
        ? "\(Columns.bytes(out << 10)) of the server is swapped out"
        : areas > 0 ? "none of the server is in it" : "there is none",
      "What is swapped out is a pause when it is needed. Give the machine more memory, or the server less to do.")
  }
}
