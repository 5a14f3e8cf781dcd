// From what was seen to a verdict, by the rules that live rooms are judged by, too.
internal import ReleaseCore

struct Judge {
  let findings: Findings
  let settings: ReleaseSettings
  /// The versions' names.
  let old: String?
  let new: String
  let throttle: Throttle

  func report(crashes: Int) -> Report {
    let (before, after) = (findings.old.finished, findings.new.finished)
    let problems = restores + behaviour(before, after) + costs(before, after)
    let isThin = findings.rooms == 0 || after.events < UInt64(Rehearsal.eventsMin)
    var report = Report(verdict: !problems.isEmpty ? .bad : isThin ? .thin : .good)
    report.rooms = findings.rooms
    report.events = after.events
    report.crashes = crashes
    report.seconds = (throttle.seconds * 100).rounded() / 100
    (report.old, report.new) = (before, after)
    report.failedRestores = findings.failedRestores
    (report.crashesFixed, report.crashesLeft) = (findings.crashesFixed, findings.crashesLeft)
    report.outcomeDifferences = UInt64(findings.outcomeDifferences)
    report.outputDifferences = UInt64(findings.outputDifferences)
    report.stateDifferences = findings.stateDifferences
    let histories = findings.histories.sorted().map { (Double($0) / 100_000).rounded() / 10 }
    report.historySecondsMin = histories.first
    report.historySecondsMedian = histories.isEmpty ? nil : histories[histories.count / 2]
    report.problems = problems
    report.notes = notes(isThin, after.events) + findings.remarks
    return report
  }

  private var restores: [String] {
    var problems: [String] = []
    if findings.failedRestores > settings.failedUpgradesMax {
      problems.append(
        "\(new) cannot take over \(count(findings.failedRestores, "room")) of \(findings.rooms): "
          + (findings.firsts[.restore] ?? ""))
    }
    if let words = findings.firsts[.twin] { problems.append("\(new) loses state: \(words)") }
    if let words = findings.firsts[.chance] { problems.append("\(new) is not deterministic: \(words)") }
    return problems
  }

  private func behaviour(_ before: Stats, _ after: Stats) -> [String] {
    var problems: [String] = []
    if let most = settings.unsharedTrapsMax, UInt64(findings.ownTraps) > most {
      problems.append(
        "\(new) fails at \(count(findings.ownTraps, "event")) of \(after.events) that \(old ?? "the version before") "
          + "does not fail at; the first: \(findings.firsts[.trap] ?? "")")
    }
    if let most = settings.checkFailuresMax, after.checkFailures > before.checkFailures + most {
      problems.append("its own check() says after \(new): \(findings.firsts[.check] ?? "")")
    }
    let refused = percent(findings.refusedAnew, findings.requests)
    if let most = settings.refusalPercentMax, after.events >= settings.eventsMin, refused > most {
      problems.append(
        "\(new) refuses \(findings.refusedAnew) of \(findings.requests) messages and joins that "
          + "\(old ?? "the version before") takes")
    }
    let differing = percent(findings.outcomeDifferences - findings.cured, Int(after.events))
    if let most = settings.outcomePercentMax, problems.isEmpty, after.events >= settings.eventsMin, differing > most {
      problems.append("\(findings.outcomeDifferences - findings.cured) of \(after.events) events come out differently")
    }
    return problems
  }

  private func costs(_ before: Stats, _ after: Stats) -> [String] {
    guard before.events >= settings.eventsMin, after.events >= settings.eventsMin else { return [] }
    var problems: [String] = []
    func isMore(_ new: UInt64, _ old: UInt64, _ ratio: Double?, _ slack: UInt64) -> Bool {
      guard let ratio else { return false }
      return new > old && new - old > slack && Double(new) > Double(old) * ratio
    }
    if findings.isNative {
      let isEnough = min(before.events, after.events) >= settings.tailEventsMin
      if isEnough,
        isMore(after.microsecondsP99, before.microsecondsP99, settings.timeRatioMax, settings.timeSlackMicroseconds)
      {
        problems.append(
          "its dearest events take \(after.microsecondsP99) µs of processor time (99 %), those of "
            + "\(old ?? "the version before") \(before.microsecondsP99) µs")
      }
    } else if isMore(after.fuelP99, before.fuelP99, settings.fuelRatioMax, settings.fuelSlack) {
      problems.append(
        "its dearest events take \(after.fuelP99) fuel (99 %), those of \(old ?? "the version before") \(before.fuelP99)"
      )
    }
    if isMore(after.memoryBytes, before.memoryBytes, settings.memoryRatioMax, settings.memorySlackBytes) {
      problems.append(
        "its largest room has \(after.memoryBytes >> 10) KiB, with \(old ?? "the version before") \(before.memoryBytes >> 10) KiB"
      )
    }
    return problems
  }

  private func notes(_ isThin: Bool, _ events: UInt64) -> [String] {
    var notes: [String] = []
    if isThin {
      notes.append(
        findings.rooms == 0
          ? "no room could be rehearsed: there is nothing to compare"
          : "\(count(findings.rooms, "room")) with \(count(events, "event")) say little; \(Rehearsal.eventsMin) events are wanted"
      )
    }
    if findings.cured > 0 {
      notes.append(
        "\(count(findings.cured, "event")) that failed in live rooms \(findings.cured == 1 ? "does" : "do") not fail any more"
      )
    }
    if findings.crashesFixed > 0 {
      notes.append("\(findings.crashesFixed) of the kept crashes \(findings.crashesFixed == 1 ? "is" : "are") fixed")
    }
    if findings.crashesLeft > 0 {
      notes.append(
        "\(findings.crashesLeft) of the kept crashes still \(findings.crashesLeft == 1 ? "happens" : "happen"): "
          + (findings.firsts[.crash] ?? ""))
    }
    if findings.outputDifferences > 0 {
      notes.append("\(count(findings.outputDifferences, "event")) made rooms say something else than before")
    }
    if findings.isNative {
      notes.append(
        "machine code has no fuel: processor time is compared instead, and as memory what rooms save")
    }
    let histories = findings.histories.sorted()
    if let least = histories.first, let most = histories.last {
      let median = histories[histories.count / 2]
      notes.append(
        "played of each room's life: \(least / 1_000_000) to \(most / 1_000_000) s, the median \(median / 1_000_000) s")
    }
    if !findings.stateDifferences.isEmpty { notes.append("rooms' states differ in what is listed") }
    if let words = findings.firsts[.skipped] { notes.append("\(count(findings.skipped, "record")) left out: \(words)") }
    return notes
  }

  private func percent(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) * 100 / Double(whole) }
}

private func count(_ number: some BinaryInteger, _ noun: String) -> String {
  "\(number) \(noun)\(number == 1 ? "" : "s")"
}
