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
  /// Asking for a room takes time from somebody who has better things to do.
  var isLive: Bool { get }
  /// Rooms that run the build, those that say most first; at most `most`.
  mutating func rooms(of module: ModuleHash, most: Int) throws(RehearsalError) -> [RoomID]
  /// A room as it is, without a culprit; nil: it is asleep or gone.
  mutating func bundle(_ room: RoomID) throws(RehearsalError) -> CrashBundle?
}

package struct Rehearsal {
  package static let roomsMax = 50
  package static let secondsMax = 30
  /// A worker that is asked for a room's record does nothing else meanwhile, for up to a millisecond: so seldom, nobody
  /// notices.
  static let roomEveryMilliseconds: Int64 = 100
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
      try runRooms(from, to, &source, &findings)
    }
    try runCrashes(crashes, to, &findings)
    let old = from.flatMap { builds.manifest($0) }
    return Judge(findings: findings, settings: settings, old: old?.version, new: new.version, throttle: throttle)
      .report(
        crashes: crashes.count)
  }

  private func runRooms(
    _ from: ModuleHash, _ to: ModuleHash, _ source: inout some RoomSource, _ findings: inout Findings
  ) throws(RehearsalError) {
    let rooms = try source.rooms(of: from, most: Self.roomsMax)
    for (index, room) in rooms.enumerated() {
      if index > 0 { throttle.pace(milliseconds: source.isLive ? Self.roomEveryMilliseconds : 0) }
      if throttle.isOver { break }
      // A worker that goes away takes its rooms elsewhere; the others are worth rehearsing.
      let bundle: CrashBundle?
      do throws(RehearsalError) { bundle = try source.bundle(room) } catch {
        findings.skipped += 1
        findings.note(.skipped, "\(error)")
        continue
      }
      guard let bundle else { continue }
      RoomRehearsal(bundle, builds, from: from, to: to, throttle, &findings)?.run(&findings)
      progress(
        RehearsalProgress(phase: .rooms, done: index + 1, of: rooms.count, events: findings.new.stats.events))
    }
  }

  private func runCrashes(
    _ crashes: [CrashCase], _ to: ModuleHash, _ findings: inout Findings
  ) throws(RehearsalError) {
    for (index, crash) in crashes.enumerated() {
      if throttle.isOver { break }
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
