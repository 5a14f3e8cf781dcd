// When a role's process is started again, and when to give up: intensity and period as in Erlang/OTP.

struct Restarts: Sendable {
  /// Uninvited deaths within the period.
  private(set) var deaths: [Int64] = []
  /// Uninvited deaths since the role was last well.
  private(set) var attempts = 0
  /// Of the newest deaths, the oldest first.
  private var causes = Recent<String>(bound: 5)

  /// What they died of, with how often in a row.
  var reasons: String {
    var rows: [(cause: String, count: Int)] = []
    for cause in causes.elements {
      if rows.last?.cause == cause { rows[rows.count - 1].count += 1 } else { rows.append((cause, 1)) }
    }
    return rows.map { $0.count > 1 ? "\($0.cause) (\($0.count) times)" : $0.cause }.joined(separator: ", then ")
  }

  /// After how many microseconds to start again, or nil to give up. `jitter`: any number, drawn at the death.
  mutating func died(of cause: String, at time: Int64, jitter: UInt32, _ settings: SupervisionSettings) -> Int64? {
    causes.append(cause)
    if let last = deaths.last, time - last > settings.wellMilliseconds * 1_000 { attempts = 0 }
    // The newest is kept for the line above, however old.
    let newest = deaths.last
    deaths.removeAll { time - $0 > settings.periodMilliseconds * 1_000 && $0 != newest }
    deaths.append(time)
    if deaths.count(where: { time - $0 <= settings.periodMilliseconds * 1_000 }) >= settings.intensity { return nil }
    attempts += 1
    guard attempts > 1 else { return 0 }
    let doublings = min(attempts - 2, 20)
    let pause = min(settings.backoffMilliseconds << Int64(doublings), settings.backoffMaxMilliseconds) * 1_000
    // Half of it fixed, half of it jitter.
    return pause / 2 + Int64(jitter) * (pause / 2) / Int64(UInt32.max)
  }
}
