// The drill: load, faults, and a verdict.
import Core
import Glibc
import NIOCore
import NIOPosix

/// Runs a drill to its end. Throws where it could not be held: that is no verdict on the server.
package func runDrill(_ options: DrillOptions) async throws -> DrillReport {
  try options.check()
  signal(SIGPIPE, SIG_IGN)
  let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  do {
    let report: DrillReport
    switch options.target {
    case .running(let server, let http, let token):
      let control = ControlClient(address: http, token: token, group: group)
      report = try await Drill(options, server, control, nil, group).run()
    case .own(let program, let durability):
      let own = try OwnServer(program: program, durability: durability, arguments: options.serverArguments)
      if options.endsWithSignals { try onInterruption { own.abandon() } }
      report = try await holdWithOwnServer(options, own, group)
    }
    try await group.shutdownGracefully()
    return report
  } catch {
    try? await group.shutdownGracefully()
    throw error
  }
}

/// The server's directory stays behind where something is wrong, for a look at its log and its data.
private func holdWithOwnServer(
  _ options: DrillOptions, _ own: OwnServer, _ group: any EventLoopGroup
) async throws -> DrillReport {
  do {
    let any = Address(host: "127.0.0.1", port: 0)
    let ready = try await own.start(listen: any, http: any)
    let listen = try Address(argument: ready.listen)
    let control = ControlClient(
      address: try Address(argument: ready.http), token: try own.token(), group: group)
    var report = try await Drill(options, listen, control, own, group).run()
    report.durability = "\(own.durability)"
    if !report.isClean { report.verdict.notes.append("the server's log and data are kept in \(own.directory)") }
    await own.stop(keeping: !report.isClean)
    return report
  } catch {
    let end = own.unexpectedEnd().map { "\($0); " } ?? ""
    await own.stop(keeping: true)
    throw DrillError("\(end)\(error) (the server's log and data are kept in \(own.directory))")
  }
}

/// One drill against a server that is up.
struct Drill {
  let options: DrillOptions
  let server: Address
  let control: ControlClient
  let own: OwnServer?
  let fleet: Fleet
  static let joinSeconds: Int64 = 60
  static let drainSeconds: Int64 = 30
  /// For what a fault hits to die, and for control to be back.
  static let deathSeconds: Int64 = 30
  /// All is acknowledged and no output has come for so long: none will.
  static let quietMicroseconds: Int64 = 10_000_000
  /// Probes begin so long before a fault.
  static let probeLeadMicroseconds: Int64 = 50_000
  /// And go on for so long after it, longer in rooms where something still waits.
  static let probeMicroseconds: Int64 = 300_000

  init(
    _ options: DrillOptions, _ server: Address, _ control: ControlClient, _ own: OwnServer?, _ group: any EventLoopGroup
  ) throws {
    self.options = options
    self.server = server
    self.control = control
    self.own = own
    let makesTrouble = options.faults.contains { $0.kind.command != nil }
    fleet = Fleet(
      loop: group.next(), address: try SocketAddress.makeAddressResolvingHost(server.host, port: server.port),
      players: options.players, rooms: options.rooms, troublemakers: makesTrouble ? 1 : 0)
  }

  func run() async throws -> DrillReport {
    let progress = Progress(isShown: options.showsProgress)
    try await fleet.on { $0.start() }
    try await joinAll(progress)
    let places = try await Places(control, rooms: options.rooms)

    let start = Fleet.now() + 100_000
    let (rate, length) = (options.rate, Int64(options.seconds) * 1_000_000)
    try await fleet.on { $0.beginLoad(at: start, rate: rate, microseconds: length) }
    var marks: [FaultMark] = []
    var releases = ReleaseRuns(control: control, usesGates: options.usesGates, rooms: options.rooms)
    for (kind, at) in FaultPlan.schedule(options.faults, seconds: options.seconds) {
      let due = start + at * 1_000
      // One at a time: the next waits until the last is over.
      if kind.build != nil { try await releases.finish(&marks, fleet) }
      try await wait(until: due - Self.probeLeadMicroseconds, start, progress)
      progress.faults += 1
      if let build = kind.build {
        marks.append(try await releases.begin(kind, build, markNumber: marks.count, due, start + length, fleet))
      } else {
        marks.append(try await make(kind, due, places))
        try await watchProbes(marks[marks.count - 1], start, progress)
      }
    }
    try await wait(until: start + length, start, progress)
    try await releases.finish(&marks, fleet)
    try await drain(start, progress)
    let end = Fleet.now()
    try await readLists(progress)
    try own?.checkIsUp()
    progress.clear()
    let report = try await judge(marks, releases.courses, start: start, end: end)
    try await fleet.on { $0.stop() }
    return report
  }

  // MARK: Steps

  private func joinAll(_ progress: Progress) async throws {
    let deadline = Fleet.now() + Self.joinSeconds * 1_000_000
    while true {
      let (ready, all, notes) = try await fleet.on { ($0.readyCount, $0.bots.count, $0.oracle.notes) }
      progress.show("joining: \(ready) of \(all)")
      if ready == all { return }
      try own?.checkIsUp()
      guard Fleet.now() < deadline else {
        let why = notes.isEmpty ? "" : "; first of all: \(notes[0])"
        throw DrillError("only \(ready) of \(all) bots could join on \(server) within \(Self.joinSeconds) s\(why)")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  private func wait(until time: Int64, _ start: Int64, _ progress: Progress) async throws {
    while true {
      let left = time - Fleet.now()
      if left <= 0 { return }
      try own?.checkIsUp()
      try await Task.sleep(for: .microseconds(min(left, 200_000)))
      if progress.isDue { try await show(start, progress) }
    }
  }

  private func show(_ start: Int64, _ progress: Progress) async throws {
    let (sent, acked, p99, disconnects) = try await fleet.on {
      ($0.oracle.sent, $0.oracle.acknowledged, $0.histogram.percentile(0.99), $0.disconnects)
    }
    let elapsed = max(Double(Fleet.now() - start) / 1_000_000, 0)
    progress.show(
      "\(fixed(elapsed, 1)) s  sent \(sent)  acked \(acked)  p99 \(fixed(Double(p99) / 1_000, 1)) ms  faults \(progress.faults)  disconnects \(disconnects)"
    )
  }

  /// Until every player and probe has seen all, or nothing more comes, or no longer than the drain may last.
  private func drain(_ start: Int64, _ progress: Progress) async throws(DrillError) {
    let deadline = Fleet.now() + Self.drainSeconds * 1_000_000
    var (seen, seenAt) = (-1, Fleet.now())
    while Fleet.now() < deadline {
      guard
        let (open, isCaughtUp, outputs) = try? await fleet.on({
          ($0.openCount, $0.oracle.isCaughtUp, $0.oracle.outputsSeen)
        })
      else { return }
      if outputs != seen { (seen, seenAt) = (outputs, Fleet.now()) }
      if open == 0, isCaughtUp || Fleet.now() - seenAt > Self.quietMicroseconds { return }
      try own?.checkIsUp()
      try? await Task.sleep(for: .milliseconds(20))
      if progress.isDue { try? await show(start, progress) }
    }
  }

  // MARK: Faults

  private func make(_ kind: FaultKind, _ due: Int64, _ places: Places) async throws -> FaultMark {
    let rooms = options.rooms
    let all = Array(repeating: true, count: rooms)
    try await fleet.on { $0.probe(all) }
    var affected = all
    var workers: Set<Int> = []
    // Before it happens: a room whose worker has died is not listed.
    if kind.command != nil { affected = try await places.neighbours(of: "drill-faulty-0", control) }
    if kind == .nativeCrash { workers = try await control.workerPIDs() }
    let lead = due - Fleet.now()
    if lead > 0 { try await Task.sleep(for: .microseconds(lead)) }
    let at = Fleet.now()
    if let command = kind.command {
      try await fleet.on { $0.trouble(0, command: command) }
      if kind == .nativeCrash { try await seeDeath(of: workers) }
    } else if kind == .controlKill {
      try await killControl()
    } else {
      do {
        let killed = try await control.fault(kind)
        if !kind.hitsConnections { affected = places.rooms(in: Set(killed.flatMap { $0.shards ?? [] })) }
      } catch  where kind == .allKill {
        // Whether it was done shows below: the server must have ended.
      }
      if kind == .allKill { try await restart() }
    }
    let hit = affected
    try await fleet.on { $0.probe(hit) }
    return FaultMark(kind: kind, at: at, affected: affected)
  }

  /// One of these must have ended: else nothing was tried.
  private func seeDeath(of workers: Set<Int>) async throws {
    let deadline = Fleet.now() + Self.deathSeconds * 1_000_000
    while try await control.workerPIDs().isSuperset(of: workers) {
      guard Fleet.now() < deadline else {
        throw DrillError(
          "native-crash: no worker died; the server's faulty must be machine code, and signed by whom it trusts for that: "
            + "oneup build --native Modules/faulty --output DIR, and --modules DIR")
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  /// Until another process answers in its place.
  private func killControl() async throws {
    let before = try await control.controlPID()
    let deadline = Fleet.now() + Self.deathSeconds * 1_000_000
    // It is control itself that dies, so that the answer is often lost; whether it was done shows below.
    _ = try? await control.fault(.controlKill)
    while true {
      if let now = try? await control.controlPID(), now != before { return }
      guard Fleet.now() < deadline else {
        throw DrillError("control-kill: no other control answers \(Self.deathSeconds) s later")
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  private func restart() async throws {
    guard let own else { preconditionFailure("all-kill is refused without a server of our own") }
    guard try await own.exited(until: Fleet.now() + Self.deathSeconds * 1_000_000) else {
      throw DrillError("all-kill: the server lives on \(Self.deathSeconds) s later")
    }
    _ = try await own.start(listen: server, http: control.address)
  }

  private func watchProbes(_ mark: FaultMark, _ start: Int64, _ progress: Progress) async throws {
    try await wait(until: mark.at + Self.probeMicroseconds, start, progress)
    let deadline = mark.at + PauseJudge.windowMicroseconds
    while Fleet.now() < deadline, try await !fleet.on({ $0.settleProbes(at: Fleet.now()) }) {
      try await Task.sleep(for: .milliseconds(20))
    }
    try await fleet.on { $0.rest() }
  }

  // MARK: The verdict

  private func readLists(_ progress: Progress) async throws {
    let deadline = Fleet.now() + Self.drainSeconds * 1_000_000
    for room in 0..<options.rooms {
      progress.show("reading room \(room + 1) of \(options.rooms)")
      guard let list = try await readList(room, deadline) else { continue }
      try await fleet.on { $0.oracle.list(room: room, list) }
    }
  }

  /// Nil: no full answer by the deadline.
  private func readList(_ room: Int, _ deadline: Int64) async throws -> [UInt64]? {
    var list: [UInt64] = []
    while true {
      let from = UInt32(list.count)
      try await fleet.on { $0.query(room: room, from: from, count: 1_024) }
      var reply: [UInt8]?
      while reply == nil {
        reply = try await fleet.on { $0.bots[$0.players + room].replies.first }
        if reply == nil {
          if Fleet.now() >= deadline { return nil }
          try own?.checkIsUp()
          try await Task.sleep(for: .milliseconds(1))
        }
      }
      guard let reply, let part = ListPart(reply), part.from == from else { return nil }
      list += part.operations
      if list.count >= part.total || part.operations.isEmpty { return list }
    }
  }

  private func judge(
    _ marks: [FaultMark], _ courses: [ReleaseCourse], start: Int64, end: Int64
  ) async throws -> DrillReport {
    let options = options
    return try await fleet.on { fleet in
      var report = DrillReport()
      report.verdict = fleet.oracle.judge()
      (report.players, report.rooms, report.rate, report.seconds) =
        (options.players, options.rooms, options.rate, options.seconds)
      report.disconnects = fleet.disconnects
      fleet.measure(marks, start: start, end: end, seconds: options.seconds, into: &report)
      report.releases = courses.map { fleet.release($0, marks, start: start) }
      return report
    }
  }
}

/// A room's answer to a query.
struct ListPart: Equatable {
  var total: Int
  var from: UInt32
  var operations: [UInt64]

  init?(_ reply: [UInt8]) {
    let header = 13
    guard reply.count >= header, reply[0] == 2 else { return nil }
    let parts = reply.withUnsafeBytes { bytes in
      (1..<4).map { UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4 - 3, as: UInt32.self)) }
    }
    guard reply.count == header + 8 * Int(parts[2]) else { return nil }
    total = Int(parts[0])
    from = parts[1]
    operations = reply.withUnsafeBytes { bytes in
      (0..<Int(parts[2])).map {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: header + 8 * $0, as: UInt64.self))
      }
    }
  }
}
