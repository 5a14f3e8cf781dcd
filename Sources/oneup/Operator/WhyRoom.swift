// What the server knows of a room, put into sentences: where it is, what is wrong with it, and what to do.
import Control

struct WhyRoom {
  /// As it was asked for: of a room that sleeps the server knows only the number.
  let name: String
  let room: RoomLook
  let look: LiveVitals
  let recoveries: [RecoveryView]
  /// Seconds since 1970.
  let now: Int64

  /// Something is wrong with the room or with its worker.
  var isTroubled: Bool { !troubles.isEmpty }

  var sentences: [String] {
    let troubles = troubles
    if isAsleep, troubles.isEmpty { return [sleep] + past }
    let verdict = troubles.isEmpty ? ["Nothing is wrong with it."] : troubles
    return [place] + verdict + past
  }

  private var owner: LiveVitals.Process? { look.processes.first { $0.shards.contains(room.shard) } }

  private var place: String {
    let where_ =
      owner.map { "worker \($0.instance) (pid \($0.pid), \($0.state))" } ?? "no worker: its shard has no owner now"
    let away = room.membersList?.count { $0.suspended == true } ?? 0
    return
      "\(called) runs version \(room.version) in \(where_), shard \(room.shard), with "
      + "\(plural(room.members, "member"))\(away > 0 ? ", \(away) of them away" : "") and \(plural(room.events, "event")) "
      + "behind it."
  }

  /// With its id, if it is known by another name.
  private var called: String {
    let name = room.isNamed ? room.name : name
    guard name.lowercased() == room.id else { return "\(name) (\(room.id))" }
    return room.module.isEmpty ? "Room \(room.id)" : "Room \(room.id) of \(room.module)"
  }

  private var isAsleep: Bool { room.phase == "asleep" }
  private var sleep: String {
    let timer = room.wakesAt == nil ? "" : ", or the timer that it set,"
    return
      "\(called) sleeps on disk, in shard \(room.shard): nobody is in it, and the next join\(timer) wakes it "
      + "as it was."
  }

  private var troubles: [String] { ofRoom + ofWork + ofWorker }

  private var ofRoom: [String] {
    var lines: [String] = []
    if let frozen = room.frozen { lines += Self.frozen(frozen) }
    if let ended = room.ended {
      lines.append("It has ended: \(ended). Ten minutes after its end a join of its name begins a new room.")
    }
    if let check = room.check { lines.append("Its own check fails: \(check).") }
    if room.phase != "ready", !isAsleep, room.frozen == nil, room.ended == nil {
      lines.append("It is \(room.phase): its members wait until that is done.")
    }
    return lines
  }

  private static func frozen(_ reason: String) -> [String] {
    let failing =
      "Its state is kept, its members are told \"busy\". `oneup crash list` shows the failures; fix the module and release "
      + "it (`oneup release push`): the new build thaws the room."
    return switch reason {
    case "ticksFail": ["It is FROZEN: its ticks or timers keep failing.", failing]
    case "membersFail": ["It is FROZEN: messages of several members made its code fail within a minute.", failing]
    case "diverged":
      [
        "It is FROZEN: its history did not come out the same when it was replayed. Its record is intact: keep the data "
          + "directory, and start the server with the version of oneup that wrote it."
      ]
    case "moduleMissing":
      [
        "It is FROZEN: its build is not in the data directory's modules/, or this engine cannot run it. Restore that file "
          + "from a backup and start the server again."
      ]
    case "kills":
      [
        "It is FROZEN: a call of its native code that is no event killed two workers in a row. Its record is intact. "
          + "`oneup crash list` shows which call. Where it was the room's full state, release a fixed build: it thaws the "
          + "room. Else the room is not served: docs/operations.md says how it is tried once more."
      ]
    default: ["It is FROZEN (\(reason)). \(failing)"]
    }
  }

  private var ofWork: [String] {
    var lines: [String] = []
    if let queue = room.queue, queue > 64 {
      lines.append("\(plural(queue, "input")) wait in it: it gets more than it can take, or its worker is busy.")
    }
    if let requests = room.requests, requests.count >= 16 {
      lines.append(
        "\(plural(requests.count, "request")) of it to other rooms have no answer, and it can make no more; the oldest is to "
          + "\(requests[0].room).")
    }
    if let fuel = room.fuel, let limit = fuel.limit, limit > 0, Double(fuel.max) > Double(limit) / 2 {
      lines.append(
        "Its most expensive event used \(Int(Double(fuel.max) / Double(limit) * 100)) % of the fuel that one event may use: "
          + "one that needs more is undone.")
    }
    return lines
  }

  private var ofWorker: [String] {
    guard let owner else {
      return ["Its players wait until a worker has taken the shard over; that is a matter of moments."]
    }
    var lines: [String] = []
    if owner.beatMilliseconds > 1_000 {
      lines.append("Its worker has not beaten for \(owner.beatMilliseconds) ms: it hangs, and is replaced soon.")
    }
    if owner.state == "adopting" { lines.append("Its worker is just taking the shard over.") }
    if owner.turnMilliseconds > 20 {
      lines.append(
        "Its worker's longest turn of the last second took \(Columns.milliseconds(owner.turnMilliseconds)); all rooms of a worker "
          + "wait for each other. `oneup top` shows which are busy.")
    }
    if let cpu = owner.cpu, cpu > 0.9 {
      lines.append("Its worker uses a whole core; start the server with more --workers if the machine has more cores.")
    }
    return lines
  }

  /// What happened to it before; none of it is wrong now.
  private var past: [String] {
    var lines: [String] = []
    if let probation = room.probation {
      lines.append(
        "Its version is on trial until \(Columns.clock(microseconds: probation.endsAt)): \(probation.from) goes on silently "
          + "beside it, and takes over where it fails.")
    }
    if room.locked == true { lines.append("It is locked: it takes no new members.") }
    if let history = room.history, let last = history.last {
      lines.append(
        "\(plural(history.count, "of its events was undone", "of its events were undone")); the last one, event "
          + "\(last.seq)\(last.at.map { " at \(Columns.clock(microseconds: $0))" } ?? ""): \(last.fault): \(last.text)")
    }
    let repairs = recoveries.filter { $0.shards.contains(room.shard) && $0.atMicroseconds / 1_000_000 > now - 3_600 }
    if let last = repairs.last {
      lines.append(
        "Its shard changed hands \(repairs.count == 1 ? "once" : "\(repairs.count) times") within the last hour, last at "
          + "\(Columns.clock(microseconds: last.atMicroseconds)) within "
          + "\(Columns.milliseconds(Double(last.tookMicroseconds) / 1_000)), because of: \(last.cause).")
    }
    return lines
  }

  /// Where neither a worker nor a data directory knows its number.
  static func unknown(_ name: String) -> [String] {
    [
      "\(name) is in no worker's memory. It sleeps on disk, and the next join wakes it; or nobody has ever joined it. With "
        + "--data DIR, the server's data directory, it can be said which."
    ]
  }

  private func plural(_ count: some BinaryInteger, _ one: String, _ many: String? = nil) -> String {
    "\(Columns.count(count)) \(count == 1 ? one : many ?? one + "s")"
  }
}
