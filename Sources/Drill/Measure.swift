// From what the bots kept to the report's figures.

extension Fleet {
  /// Precondition: on the loop, after the load.
  func measure(_ marks: [FaultMark], start: Int64, end: Int64, seconds: Int, into report: inout DrillReport) {
    let all = bots[..<players].flatMap { $0.samples.map(\.latency) }
    report.latency = Spread(microseconds: all)
    let loadEnd = start + Int64(seconds) * 1_000_000
    let inTime = bots[..<(players + rooms)].reduce(0) { $0 + $1.samples.count { $0.acknowledged < loadEnd } }
    report.throughputPerSecond = Double(inTime) / Double(seconds)

    let judge = PauseJudge(
      players: bots[..<players].map(\.waits), probes: bots[players..<players + rooms].map(\.waits), end: end,
      usual: UInt32(report.latency.p50 * 1_000))
    var pauses: [UInt32] = []
    for (i, mark) in marks.enumerated() {
      let some = judge.pauses(marks, i)
      pauses += some
      report.faults.append(
        .init(
          kind: mark.kind, atSeconds: Double(mark.at - start) / 1_000_000, affected: some.count,
          pause: Spread(microseconds: some)))
    }
    report.pause = Spread(microseconds: pauses)
    report.moments = moments(start, seconds)
  }

  /// One release's figures. A release alone disconnects nobody.
  func release(_ course: ReleaseCourse, _ marks: [FaultMark], start: Int64) -> DrillReport.Release {
    func milliseconds(_ from: Int64?, _ to: Int64?) -> Double? {
      guard let from, let to else { return nil }
      return Double(to - from) / 1_000
    }
    let isBlameless = !marks.contains { $0.kind.hitsConnections }
    let disconnects = disconnectTimes.count { course.pushedAt <= $0 && $0 <= course.endedAt + 1_000_000 }
    var release = DrillReport.Release(
      version: course.build.version, atSeconds: Double(course.pushedAt - start) / 1_000_000, ended: course.state,
      why: course.why, rooms: course.rooms, roomsReached: course.roomsReached,
      firstRoomMilliseconds: milliseconds(course.pushedAt, course.firstRoomAt),
      allRoomsMilliseconds: milliseconds(course.firstRoomAt, course.allRoomsAt),
      backMilliseconds: course.backMicroseconds.map { Double($0) / 1_000 },
      traps: course.traps, backs: course.backs, disconnects: disconnects,
      isAsExpected: course.isAsExpected && (disconnects == 0 || !isBlameless))
    release.backSince = course.backSince
    if let rehearsal = course.rehearsal, rehearsal.skipped == nil {
      let rooms = rehearsal.rooms == 1 ? "1 room" : "\(rehearsal.rooms) rooms"
      let time = rehearsal.seconds.map { " in \(fixed($0, 1)) s" } ?? ""
      release.rehearsal =
        ["rehearsed as \(rehearsal.verdict) on copies of \(rooms) with \(rehearsal.events) events\(time)"]
        + rehearsal.problems.filter { $0 != course.why } + (rehearsal.notes ?? [])
    }
    return release
  }

  private func moments(_ start: Int64, _ seconds: Int) -> [DrillReport.Moment] {
    let width = Int64(DrillReport.momentMilliseconds) * 1_000
    var latencies = [[UInt32]](repeating: [], count: seconds * 1_000 / DrillReport.momentMilliseconds)
    for bot in bots[..<(players + rooms)] {
      for sample in bot.samples {
        let i = Int((sample.acknowledged - start) / width)
        if latencies.indices.contains(i) { latencies[i].append(sample.latency) }
      }
    }
    var moments = latencies.map { samples in
      let spread = Spread(microseconds: samples)
      var moment = DrillReport.Moment()
      (moment.acked, moment.p50, moment.p99, moment.max) = (samples.count, spread.p50, spread.p99, spread.max)
      return moment
    }
    for time in disconnectTimes {
      let i = Int((time - start) / width)
      if moments.indices.contains(i) { moments[i].disconnects += 1 }
    }
    return moments
  }
}
