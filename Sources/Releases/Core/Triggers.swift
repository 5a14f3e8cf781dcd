// When a release takes itself back: its version compared with the one before, on the same events.

/// The new version's newest events, for rates.
struct ErrorWindow: Hashable, Sendable {
  private var samples: [(at: Int64, events: UInt64, errors: UInt64)] = []

  static func == (a: ErrorWindow, b: ErrorWindow) -> Bool { a.samples.map(\.at) == b.samples.map(\.at) }
  func hash(into hasher: inout Hasher) { for sample in samples { hasher.combine(sample.at) } }

  /// Totals at a time in microseconds; those older than `seconds` are forgotten, but for the last.
  mutating func add(events: UInt64, errors: UInt64, at time: Int64, seconds: Int) {
    samples.append((time, events, errors))
    let start = time - Int64(seconds) * 1_000_000
    while samples.count > 2, samples[1].at <= start { samples.removeFirst() }
  }
  /// Of the events in the window.
  var difference: (events: UInt64, errors: UInt64) {
    guard let first = samples.first, let last = samples.last else { return (0, 0) }
    return (last.events - min(last.events, first.events), last.errors - min(last.errors, first.errors))
  }
}

extension ReleaseSettings {
  /// Why the release must go back, or nil.
  func trigger(_ ledger: Ledger, _ window: ErrorWindow) -> String? {
    let (new, old) = (ledger.new, ledger.old)
    if let most = unsharedTrapsMax, ledger.unsharedTraps > most + ledger.expectedAlone(old.traps) {
      return "it failed at \(count(ledger.unsharedTraps, "event")) that the old version did not fail at"
    }
    // Nobody sends rooms back during a canary, so they went by themselves.
    if let most = unsharedTrapsMax, new.backs > most { return "\(count(new.backs, "room")) went back by themselves" }
    let wrong = old.checkFailures + ledger.expectedAlone(old.checkFailures)
    if let most = checkFailuresMax, new.checkFailures > wrong, new.checkFailures - wrong > most {
      return
        "its own check() found \(count(new.checkFailures, "room")) wrong, and \(old.checkFailures) of the old version's"
    }
    return rates(window) ?? differences(new, old) ?? costs(ledger)
  }

  private func rates(_ window: ErrorWindow) -> String? {
    let (events, errors) = window.difference
    guard let most = errorPercentMax, events >= eventsMin, percent(errors, events) > most else { return nil }
    return
      "\(text(percent(errors, events))) % of its events failed within \(errorSeconds) s; \(text(most)) % are allowed"
  }

  private func differences(_ new: Counts, _ old: Counts) -> String? {
    guard new.events >= eventsMin, old.events >= eventsMin else { return nil }
    let refused = percent(new.refusals, new.events) - percent(old.refusals, old.events)
    if let most = refusalPercentMax, refused > most {
      return "it refuses \(text(refused)) % more of the same events than the old version; \(text(most)) % are allowed"
    }
    // Where only the old version failed, the new one is better.
    let cured = old.traps - min(old.traps, new.sharedTraps)
    let worse = percent(old.outcomeDifferences - min(old.outcomeDifferences, cured), old.events)
    if let most = outcomePercentMax, worse > most {
      return "\(text(worse)) % of the same events came out differently; \(text(most)) % are allowed"
    }
    return nil
  }

  private func costs(_ ledger: Ledger) -> String? {
    let (new, old) = (ledger.new, ledger.old)
    guard new.events >= eventsMin else { return nil }
    if old.events >= eventsMin {
      let fuel = (new: new.fuel.p99, old: old.fuel.p99)
      // Native versions have none.
      if let most = fuelRatioMax, fuel.old > 0, new.events >= tailEventsMin,
        isMore(fuel.new, fuel.old, ratio: most, slack: fuelSlack)
      {
        return
          "its dearest events take \(fuel.new) fuel (99 %), the old version's \(fuel.old); \(text(most)) times that are allowed"
      }
      let time = (new: new.time.p99, old: old.time.p99)
      if let most = timeRatioMax, min(new.time.total, old.time.total) >= tailEventsMin,
        isMore(time.new, time.old, ratio: most, slack: timeSlackMicroseconds)
      {
        return
          "its slowest events take \(time.new) µs (99 %), the old version's \(time.old) µs; \(text(most)) times that are allowed"
      }
    }
    let memory = (new: ledger.newMemoryBytes, old: ledger.oldMemoryBytes)
    if let most = memoryRatioMax, memory.old > 0, isMore(memory.new, memory.old, ratio: most, slack: memorySlackBytes) {
      return
        "its largest room has \(memory.new >> 10) KiB, the old version's had \(memory.old >> 10) KiB; \(text(most)) times that are allowed"
    }
    return nil
  }

  private func isMore(_ new: UInt64, _ old: UInt64, ratio: Double, slack: UInt64) -> Bool {
    new > old && new - old > slack && Double(new) > Double(old) * ratio
  }
  private func percent(_ part: UInt64, _ whole: UInt64) -> Double {
    whole == 0 ? 0 : Double(part) * 100 / Double(whole)
  }
  /// One decimal at most.
  private func text(_ number: Double) -> String {
    let tenths = (number * 10).rounded()
    guard abs(tenths) < 1e15 else { return "\(number)" }
    let whole = Int64(tenths)
    return whole % 10 == 0 ? "\(whole / 10)" : "\(whole / 10).\(abs(whole % 10))"
  }
}

/// 1 event, 2 events.
func count(_ number: some BinaryInteger, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
