// What `oneup doctor` sees in the data directory.
import Foundation

enum DoctorData {
  static func findings(_ place: ServerPlace) -> [Finding] {
    var findings = [token(place)]
    guard DataPlace.isThere(place.data) else {
      findings.append(
        Finding(
          .warn, "data", "\(place.data) is no data directory, or not of this machine",
          "Name the server's with --data DIR to have it looked at."))
      return findings
    }
    findings.append(keys(place.data))
    findings.append(space(place.data))
    findings.append(journals(place.data))
    findings.append(crashes(place.data))
    return findings
  }

  private static func mode(_ path: String) -> Int? {
    (try? FileManager.default.attributesOfItem(atPath: path))?[.posixPermissions] as? Int
  }

  private static func token(_ place: ServerPlace) -> Finding {
    guard let mode = mode(place.tokenPath) else {
      return Finding(
        .warn, "admin token", "\(place.tokenPath) is not there",
        "Without it only what the loopback interface gives for free can be asked. Name it with --token-file.")
    }
    return Finding(
      mode & 0o077 == 0, "admin token",
      mode & 0o077 == 0
        ? "only its owner reads it" : "others may read \(place.tokenPath) (mode \(String(mode, radix: 8)))",
      else: .bad,
      "Who reads it can kill and change things: chmod 600 \(place.tokenPath), then delete it and restart for a new one."
    )
  }

  private static func keys(_ data: String) -> Finding {
    let isClosed = ((mode(data + "/keys") ?? 0) & 0o077) == 0
    return Finding(
      isClosed, "session key", isClosed ? "only its owner reads it" : "others may read \(data)/keys", else: .bad,
      "Who reads it can take over sessions: chmod 700 \(data)/keys")
  }

  private static func space(_ data: String) -> Finding {
    var about = statvfs()
    guard statvfs(data, &about) == 0, about.f_blocks > 0 else {
      return Finding(.warn, "disk space", "the file system of \(data) does not say", "Look with: df \(data)")
    }
    let free = Int64(about.f_bavail) * Int64(about.f_frsize)
    let part = Int(100 * Double(about.f_bavail) / Double(about.f_blocks))
    return Finding(
      free > 1 << 30 && part >= 5, "disk space", "\(Columns.bytes(free)) free, \(part) %",
      else: free > 256 << 20 ? .warn : .bad,
      "A full disk stops inputs and joins until there is space; nothing acknowledged is lost. Free some.")
  }

  private static func journals(_ data: String) -> Finding {
    let shards = ((try? FileManager.default.contentsOfDirectory(atPath: data + "/shards")) ?? []).sorted()
    let sizes = shards.map { size(of: "\(data)/shards/\($0)") }
    let all = sizes.reduce(0, +)
    let largest = sizes.max() ?? 0
    return Finding(
      // Kept log, the segment in use, those that stand ready, and snapshots: far above it, old segments are not removed.
      largest < 1 << 30, "journals",
      "\(Columns.bytes(all)) in \(shards.count) shards, the largest \(Columns.bytes(largest))",
      "A shard keeps far more than it should: `oneup journal inspect \(data)` shows what; the log may say why.")
  }

  private static func size(of directory: String) -> Int64 {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return names.reduce(0) { sum, name in
      var about = stat()
      guard stat("\(directory)/\(name)", &about) == 0 else { return sum }
      // What it takes on the disk: prepared segments may be sparse.
      return sum + Int64(about.st_blocks) * 512
    }
  }

  private static func crashes(_ data: String) -> Finding {
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: data + "/crashes")) ?? []).filter {
      $0.hasSuffix(".json") || $0.hasSuffix(".bundle")
    }
    let recent = names.filter {
      let changed =
        (try? FileManager.default.attributesOfItem(atPath: "\(data)/crashes/\($0)"))?[.modificationDate] as? Date
      return changed.map { $0.timeIntervalSinceNow > -86_400 } ?? false
    }
    // A room's crash is a report and a bundle of the same name; a process's is a report alone.
    let rooms = recent.count { $0.hasSuffix(".bundle") }
    let processes =
      recent.count - rooms - recent.count { $0.hasSuffix(".json") && names.contains("\($0.dropLast(5)).bundle") }
    return Finding(
      recent.isEmpty, "crashes",
      recent.isEmpty
        ? "none within the last day" : "\(rooms) of rooms and \(processes) of processes within the last day",
      "`oneup crash list --data \(data)` lists those of rooms; reports of processes are in \(data)/crashes.")
  }
}
