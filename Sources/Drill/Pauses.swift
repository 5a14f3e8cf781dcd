// How long a fault kept each player waiting.

/// One fault as the drill made it. Times are microseconds of the monotonic clock.
struct FaultMark {
  var kind: FaultKind
  var at: Int64
  /// By room: its players were hit.
  var affected: [Bool]
}

struct PauseJudge {
  static let windowMicroseconds: Int64 = 5_000_000

  let players: [Bot]
  let probes: [Bot]
  /// When the drill stopped waiting: what is still open waited until then.
  let end: Int64
  /// The median of all players' latencies: the base where one has none of its own before a fault.
  let usual: UInt32

  /// One pause per affected player, in microseconds: the longest wait for an acknowledgement from the fault to 5 s
  /// after (or to the next fault), minus that player's median over the 5 s before. Where a room was hit rather than a
  /// connection, a player waits as long as its room's probe, whether or not it happened to send just then.
  func pauses(_ faults: [FaultMark], _ i: Int) -> [UInt32] {
    let fault = faults[i]
    let next = i + 1 < faults.count ? faults[i + 1].at : Int64.max
    let until = min(fault.at + Self.windowMicroseconds, next)
    let byRoom = probes.map { fault.affected[$0.room] ? pause($0, from: fault.at, until: until) : 0 }
    return players.compactMap { player in
      guard fault.affected[player.room] else { return nil }
      let own = pause(player, from: fault.at, until: until)
      return fault.kind.hitsConnections ? own : max(own, byRoom[player.room])
    }
  }

  private func pause(_ bot: Bot, from: Int64, until: Int64) -> UInt32 {
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
    for waiting in bot.waiting[bot.waitingHead...] {
      if case .add(_, let scheduled) = waiting, scheduled < until { longest = max(longest, end - scheduled) }
    }
    before.sort()
    let median = before.isEmpty ? usual : percentile(before, 0.5)
    return UInt32(clamping: max(longest - Int64(median), 0))
  }

  /// Samples are in order of acknowledgement; the first at or after `time`.
  private func firstSample(_ bot: Bot, _ time: Int64) -> Int {
    var (low, high) = (0, bot.samples.count)
    while low < high {
      let middle = (low + high) / 2
      if bot.samples[middle].acknowledged < time { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
