// Looks at the whole server once a second, and at once when the supervisor says that something has changed.
import FoundationEssentials
import Glibc

actor Gatherer {
  private let ask: @Sendable (_ verb: String, _ body: [UInt8]) async -> [UInt8]
  /// The directory of crash bundles and reports.
  private let crashes: String
  nonisolated let watchers = Watchers()
  /// Where a thousand rooms change in a second, the supervisor's lists, which hold more than that brings meanwhile, are
  /// read ten times and not a thousand.
  private static let rest = Duration.milliseconds(100)
  private var book = VitalsBook()
  private var isLooking = false
  private var hasChanged = true
  /// The newest that was told.
  private var lastEvent: Int64 = 0
  private var lastRecovery: Int64 = 0
  private var knownCrashes: Set<String> = []
  private var knowsPast = false

  init(ask: @escaping @Sendable (_ verb: String, _ body: [UInt8]) async -> [UInt8], crashes: String) {
    self.ask = ask
    self.crashes = crashes
  }

  /// Until the task is cancelled.
  nonisolated func run() async {
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        while (try? await Task.sleep(for: .seconds(1))) != nil { await self.look() }
      }
      // Also while the supervisor does not answer.
      tasks.addTask {
        while (try? await Task.sleep(for: .seconds(5))) != nil { self.watchers.beat() }
      }
    }
  }

  /// The supervisor's word that something is not as it was.
  func changed() async {
    hasChanged = true
    await look()
  }

  var history: [HistoryPoint] { book.history }

  private func look() async {
    // Whoever looks sees what has changed meanwhile, too.
    guard !isLooking else { return }
    isLooking = true
    repeat {
      let tellsNews = hasChanged
      hasChanged = false
      if tellsNews { await tellNews() }
      await tellVitals()
      try? await Task.sleep(for: Self.rest)
    } while hasChanged
    isLooking = false
  }

  private func tellNews() async {
    if let events = await view("events", [HappenedView].self) {
      for event in events where knowsPast && event.number > lastEvent {
        watchers.tell("happened", Answer.encode(event))
      }
      lastEvent = events.last?.number ?? lastEvent
    }
    if let recoveries = await view("recoveries", [RecoveryView].self) {
      for recovery in recoveries where knowsPast && recovery.number > lastRecovery {
        watchers.tell("recovery", Answer.encode(recovery))
      }
      lastRecovery = recoveries.last?.number ?? lastRecovery
      book.note(recoveries)
    }
    tellCrashes()
    // What was before control began is no news.
    knowsPast = true
  }

  /// Oldest first. A report is there before the event that makes anybody look.
  private func tellCrashes() {
    let crashes = CrashEntry.list(in: crashes)
    for crash in crashes.reversed() where knowsPast && !knownCrashes.contains(crash.id) {
      watchers.tell("crash", Answer.encode(crash))
    }
    knownCrashes = Set(crashes.map(\.id))
  }

  private func tellVitals() async {
    guard let processes = await view("processes", ProcessesView.self) else { return }
    let supervisor = getppid()
    var usage: [Int32: ProcessUsage] = [:]
    for pid in processes.processes.map(\.pid) + [supervisor] where pid > 0 { usage[pid] = ProcessUsage(pid: pid) }
    let vitals = book.look(
      processes, supervisor: supervisor,
      VitalsBook.Totals(
        usage: usage, wall: Self.milliseconds(CLOCK_REALTIME), monotonic: Self.milliseconds(CLOCK_MONOTONIC)))
    watchers.tell("vitals", Answer.encode(vitals), first: true)
  }

  private func view<T: Decodable>(_ verb: String, _: T.Type) async -> T? {
    try? JSONDecoder().decode(T.self, from: Data(await ask(verb, [])))
  }

  private static func milliseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
  }
}
