// A release on copies of live rooms and on the crashes that are kept: what it would have done, before it does.
internal import Artifacts
package import Core
package import ReleaseCore
package import WorkerCore

package struct RehearsalProgress: Sendable {
  package enum Phase: String, Sendable { case prepare, rooms, crashes }
  package var phase: Phase
  /// Of `of`.
  package var done: Int
  package var of: Int
  package var events: UInt64
}

/// Where rooms come from.
package protocol RoomSource {
  /// Rooms that run the build, those that say most first; at most `most`. `goesOn` is called after each piece of work,
  /// with the part of all of it that should be done then; false: there is no time for more of that part.
  mutating func rooms(
    of module: ModuleHash, most: Int, goesOn: (Double) -> Bool
  ) throws(RehearsalError) -> [RoomID]
  /// A room as it is, without a culprit; nil: it is asleep or gone. `asking` is called before somebody is asked who has
  /// better things to do.
  mutating func bundle(_ room: RoomID, before asking: () -> Void) throws(RehearsalError) -> CrashBundle?
  /// Of the rooms that were given, what the report should say. Sentences.
  var remarks: [String] { get }
}

package struct Rehearsal {
  package static let roomsMax = 50
  package static let secondsMax = 30
  /// A worker that is asked for a room's record does nothing else meanwhile, for up to a millisecond: so seldom, nobody
  /// notices.
  static let roomEveryMilliseconds: Int64 = 100
  /// Of the time, left for the kept crashes.
  private static let partOfCrashes = 0.2
  /// Of the time, at most, for finding out what live rooms went through.
  private static let partOfReading = 0.3
  /// Fewer events than these say little.
  package static let eventsMin = 20

  let builds: Builds
  let throttle: Throttle
  let settings: ReleaseSettings
  let progress: (RehearsalProgress) -> Void

  /// Load the new build before, by `builds`. Nothing of what rooms ask for leaves this.
  package init(
    _ builds: Builds, _ throttle: Throttle, settings: ReleaseSettings = ReleaseSettings(),
    progress: @escaping (RehearsalProgress) -> Void
  ) {
    (self.builds, self.throttle, self.settings, self.progress) = (builds, throttle, settings, progress)
  }

  /// Nil `from`: no room runs a build before it, and only the crashes are tried.
  package func run(
    from: ModuleHash?, to: ModuleHash, rooms source: inout some RoomSource, crashes: [CrashCase]
  ) throws(RehearsalError) -> Report {
    guard let new = builds.manifest(to) else { throw RehearsalError("the build \(to) was not loaded") }
    var findings = Findings()
    if let from {
      try builds.load(from)
      try runRooms(from, to, &source, hasCrashes: !crashes.isEmpty, &findings)
      findings.remarks += source.remarks
    }
    try runCrashes(crashes, to, &findings)
    let old = from.flatMap { builds.manifest($0) }
    findings.isNative = [old, new].contains { $0?.format == .native }
    return Judge(findings: findings, settings: settings, old: old?.version, new: new.version, throttle: throttle)
      .report(
        crashes: crashes.count)
  }

  private func runRooms(
    _ from: ModuleHash, _ to: ModuleHash, _ source: inout some RoomSource, hasCrashes: Bool,
    _ findings: inout Findings
  ) throws(RehearsalError) {
    let rooms = try source.rooms(
      of: from, most: Self.roomsMax, goesOn: throttle.allowance(of: Self.partOfReading))
    let part = hasCrashes ? 1 - Self.partOfCrashes : 1
    for (index, room) in rooms.enumerated() {
      if throttle.isOver {
        findings.remarks.append("there was no time for \(rooms.count - index) of \(rooms.count) rooms")
        break
      }
      // A worker that goes away takes its rooms elsewhere; the others are worth rehearsing.
      let bundle: CrashBundle?
      do throws(RehearsalError) {
        bundle = try source.bundle(room) { throttle.pace(milliseconds: Self.roomEveryMilliseconds) }
      } catch {
        findings.skipped += 1
        findings.note(.skipped, "\(error)")
        continue
      }
      guard let bundle else { continue }
      // What one room does not need is left to the others; none takes it from them.
      let end = throttle.time(of: part / (Double(rooms.count - index) * part + (1 - part)))
      RoomRehearsal(bundle, builds, from: from, to: to, throttle, until: end, &findings)?.run(&findings)
      progress(
        RehearsalProgress(phase: .rooms, done: index + 1, of: rooms.count, events: findings.new.stats.events))
    }
  }

  private func runCrashes(
    _ crashes: [CrashCase], _ to: ModuleHash, _ findings: inout Findings
  ) throws(RehearsalError) {
    for (index, crash) in crashes.enumerated() {
      if throttle.isOver { break }
      if builds.mayEndProcess(to, at: crash.bundle.fault.kind) {
        findings.skipped += 1
        findings.note(
          .skipped,
          "a kept crash could end the process, for nothing confines a native build: try it by oneup crash replay")
        continue
      }
      do throws(RehearsalError) {
        let replay = try CrashReplay.trying(to, on: crash, builds)
        if case .failed(let fault) = replay.outcome {
          findings.crashesLeft += 1
          let place = fault.backtrace.first.map { " in \($0)" } ?? ""
          findings.note(.crash, "\(fault.kind): \(fault.text)\(place)")
        } else {
          findings.crashesFixed += 1
        }
      } catch {
        findings.skipped += 1
        findings.note(.skipped, "a kept crash cannot be tried: \(error)")
      }
      throttle.breathe()
      progress(
        RehearsalProgress(
          phase: .crashes, done: index + 1, of: crashes.count, events: findings.new.stats.events))
    }
  }
}
