// How long a fault kept each player waiting.

/// One fault as the drill made it. Times are microseconds of the monotonic clock.
package struct FaultMark {
  package var kind: FaultKind
  package var at: Int64
  /// By room: its players were hit.
  package var affected: [Bool]
  /// When what the fault began was over, for those that say so: all of it is judged, whatever else happens meanwhile.
  package var end: Int64?
  package init(kind: FaultKind, at: Int64, affected: [Bool]) {
    self.kind = kind
    self.at = at
    self.affected = affected
  }
}

/// What a bot kept of its adds, in order of acknowledgement.
package struct Waits {
  package var room: Int
  package var samples: [WaitSample]
  /// When the adds that are still open were due.
  package var open: [Int64]
  package init(room: Int, samples: [WaitSample], open: [Int64]) {
    self.room = room
    self.samples = samples
    self.open = open
  }
}

/// One acknowledged add.
package struct WaitSample {
  package var scheduled: Int64
  package var latency: UInt32
  package var acknowledged: Int64 { scheduled + Int64(latency) }
  package init(scheduled: Int64, latency: UInt32) {
    self.scheduled = scheduled
    self.latency = latency
  }
}

package struct PauseJudge {
  package static let windowMicroseconds: Int64 = 5_000_000

  let players: [Waits]
  let probes: [Waits]
  /// When the drill stopped waiting: what is still open waited until then.
  let end: Int64
  /// The median of all players' latencies: the base where one has none of its own before a fault.
  let usual: UInt32

  package init(players: [Waits], probes: [Waits], end: Int64, usual: UInt32) {
    self.players = players
    self.probes = probes
    self.end = end
    self.usual = usual
  }

  /// One pause per affected player, in microseconds: the longest wait for an acknowledgement from the fault to 5 s
  /// after (or to the next fault), minus that player's median over the 5 s before. Where a room was hit rather than a
  /// connection, a player waits as long as its room's probe, whether or not it happened to send just then.
  package func pauses(_ faults: [FaultMark], _ i: Int) -> [UInt32] {
    let fault = faults[i]
    let next = i + 1 < faults.count ? faults[i + 1].at : Int64.max
    let until = fault.end ?? min(fault.at + Self.windowMicroseconds, next)
    let byRoom = probes.map { fault.affected[$0.room] ? pause($0, from: fault.at, until: until) : 0 }
    return players.compactMap { player in
      guard fault.affected[player.room] else { return nil }
      let own = pause(player, from: fault.at, until: until)
      return fault.kind.hitsConnections ? own : max(own, byRoom[player.room])
    }
  }

  private func pause(_ bot: Waits, from: Int64, until: Int64) -> UInt32 {
    var before: [UInt32] = []
    var longest: Int64 = 0
    for sample in bot.samples[firstSample(bot, from - Self.windowMicroseconds)...] {
      if sample.scheduled >= until { break }
      if sample.acknowledged < from {
        before.append(sample.latency)
      } else {
        longest = max(longest, Int64(sample.latency))
      }
    }
    for scheduled in bot.open where scheduled < until { longest = max(longest, end - scheduled) }
    before.sort()
    let median = before.isEmpty ? usual : percentile(before, 0.5)
    return UInt32(clamping: max(longest - Int64(median), 0))
  }

  /// Samples are in order of acknowledgement; the first at or after `time`.
  private func firstSample(_ bot: Waits, _ time: Int64) -> Int {
    var (low, high) = (0, bot.samples.count)
    while low < high {
      let middle = (low + high) / 2
      if bot.samples[middle].acknowledged < time { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
