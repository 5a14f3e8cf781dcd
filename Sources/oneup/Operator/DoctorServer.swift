// What `oneup doctor` asks the server itself.
import Control
import Foundation

enum DoctorServer {
  struct Module: Decodable {
    var name: String
    var version: String
  }

  static func findings(_ server: HTTPServer, _ look: inout LiveVitals?) -> [Finding] {
    var findings: [Finding] = []
    do throws(HTTPFailure) {
      let now = try LiveVitals(try LiveLooks.first(server))
      look = now
      findings.append(Finding(.ok, "server", "answers at \(server.endpoint): \(Columns.numbers(now))"))
      findings.append(
        Finding(
          now.served, "shards", now.served ? "every one has an owner" : "not every one has an owner", else: .bad,
          "Players of those shards wait. `oneup ps` shows who adopts; the log says what keeps it from it."))
      let spare = now.processes.contains { $0.role == "spare" && $0.state == "spare" }
      findings.append(
        Finding(
          spare, "spare", spare ? "stands ready" : "none stands ready",
          "The next death of a worker would wait for a new process. Ask again in some seconds; then look at the log."))
      let late = now.processes.filter { $0.beatMilliseconds > 1_000 && $0.state != "starting" }
      if let first = late.first {
        findings.append(
          Finding(
            .bad, "beats", "\(first.role) \(first.instance) has not beaten for \(first.beatMilliseconds) ms",
            "It hangs or the machine is overloaded; it is replaced after hang-milliseconds."))
      }
      let rooms = try server.get("/v1/rooms?limit=20000", [RoomLook].self)
      findings += try modules(server) + DoctorReleases.findings(server, rooms)
      findings += try frozen(rooms) + news(server, RoomNames(rooms))
    } catch {
      findings.append(Finding(.bad, "server", error.description, nil))
    }
    return findings
  }

  private static func modules(_ server: HTTPServer) throws(HTTPFailure) -> [Finding] {
    let list = try server.get("/v1/modules", [Module].self)
    let names = list.map { "\($0.name) \($0.version)" }.joined(separator: ", ")
    return [
      Finding(
        !list.isEmpty, "modules", list.isEmpty ? "the directory holds none" : names,
        "Nobody can join a room. Build one: oneup build Modules/tally --output DIR, and start the server with --modules DIR."
      )
    ]
  }

  private static func frozen(_ rooms: [RoomLook]) -> [Finding] {
    let frozen = rooms.filter { $0.frozen != nil }
    guard let first = frozen.first else { return [] }
    return [
      Finding(
        .bad, "frozen rooms",
        "\(Columns.count(frozen.count, "room")) of \(Columns.count(rooms.count)): "
          + frozen.prefix(3).map(\.name).joined(separator: ", ") + (frozen.count > 3 ? ", …" : ""),
        "Their state is kept and takes no more events. `oneup why \(first.name)` says why, and what to do.")
    ]
  }

  /// What the processes said within the last hour that somebody should look at.
  private static func news(_ server: HTTPServer, _ names: RoomNames) throws(HTTPFailure) -> [Finding] {
    let since = Int64(Date().timeIntervalSince1970 - 3_600) * 1_000_000
    let events = try server.get("/v1/events", [HappenedView].self).filter { $0.atMicroseconds > since }
    var findings: [Finding] = []
    func look(_ kind: String, _ grade: Finding.Grade, _ subject: String, _ advice: String) {
      let hits = events.filter { $0.kind == kind }
      guard let last = hits.last else { return }
      let times = hits.count == 1 ? "once" : "\(hits.count) times"
      findings.append(
        Finding(
          grade, subject, "\(kind) \(times) within the last hour; the last: \(names.put(into: last.text))", advice))
    }
    look(
      "module-refused", .warn, "modules",
      "Build that module again with this version of oneup, and start the server anew.")
    look("quarantined", .warn, "bugs", "The rooms went on. `oneup crash show last` says where the code failed.")
    look(
      "differs", .warn, "determinism",
      "That room's code does not do the same twice: after a death the room could stand otherwise. Look for what it takes "
        + "from elsewhere than its fields and its calls.")
    look(
      "version-failed", .warn, "new version",
      "It failed where the old one did not, and its rooms went back. `oneup crash list` has what failed; release a fix."
    )
    look(
      "twin-failed", .warn, "old version",
      "It failed where the new one did not, and only listens: nobody noticed. `oneup crash list` has what failed.")
    look("disk-full", .bad, "disk", "Free some space on the disk of the data directory; it goes on by itself.")
    look(
      "disk-failed", .bad, "disk", "The disk reported an error. Look at the kernel's log, and at the machine's disk.")
    let deaths = events.filter { $0.kind == "death" && !$0.text.hasPrefix("fault ") }
    if let last = deaths.last {
      findings.append(
        Finding(
          .warn, "deaths",
          "\(deaths.count) within the last hour that nobody asked for; the last: \(last.role) "
            + "\(last.instance) \(last.text)", "Look at crashes/ in the data directory and at the log."))
    }
    return findings
  }
}
