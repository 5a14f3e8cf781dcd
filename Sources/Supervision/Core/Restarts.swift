// When a process is started again, and when to give up: intensity and period as in Erlang/OTP.

/// Whose deaths count together: a role's, and of workers those of one place's owners. So what kills the owners of some
/// shards, one after the other, is not mistaken for a server that cannot run.
struct Post: Hashable, Sendable {
  var role: ChildRole
  /// Nil: a spare, or not a worker.
  var place: Int?

  init(of child: Child) { (role, place) = (child.role, child.place) }
}

struct Restarts: Sendable {
  /// Uninvited ones within the period that no event is to blame for, the oldest first.
  private var deaths: [(at: Int64, cause: String)] = []
  /// Uninvited deaths since the post was last well.
  private var attempts = 0

  /// What they died of, with how often in a row.
  var reasons: String {
    var rows: [(cause: String, count: Int)] = []
    for (_, cause) in deaths {
      if rows.last?.cause == cause { rows[rows.count - 1].count += 1 } else { rows.append((cause, 1)) }
    }
    return rows.map { $0.count > 1 ? "\($0.cause) (\($0.count) times)" : $0.cause }.joined(separator: ", then ")
  }

  /// After how many microseconds to start again, or nil to give up. `jitter`: any number, drawn at the death.
  mutating func died(of cause: String, at time: Int64, jitter: UInt32, _ settings: SupervisionSettings) -> Int64? {
    if let last = deaths.last, time - last.at > settings.wellMilliseconds * 1_000 { attempts = 0 }
    // The newest is kept for the line above, however old.
    let newest = deaths.last?.at
    deaths.removeAll { time - $0.at > settings.periodMilliseconds * 1_000 && $0.at != newest }
    deaths.append((time, cause))
    if deaths.count(where: { time - $0.at <= settings.periodMilliseconds * 1_000 }) >= settings.intensity { return nil }
    attempts += 1
    guard attempts > 1 else { return 0 }
    let doublings = min(attempts - 2, 20)
    let pause = min(settings.backoffMilliseconds << Int64(doublings), settings.backoffMaxMilliseconds) * 1_000
    // Half of it fixed, half of it jitter.
    return pause / 2 + Int64(jitter) * (pause / 2) / Int64(UInt32.max)
  }
  /// An event killed two owners in a row and was put aside: those deaths were its own, and it runs no more.
  mutating func forgiveEvent() {
    deaths.removeLast(min(2, deaths.count))
    attempts = max(0, attempts - 2)
  }
}
