// A rehearsal from a data directory, as `oneup rehearse` holds it in a process of its own.
internal import Artifacts
package import Core
package import ReleaseCore
internal import WorkerCore

package struct RehearsalRun {
  /// Kept crashes that are tried, the newest.
  static let crashesMax = 50
  /// A new rehearsal is for one build; an old one's rooms, two at a time, and what is looked at.
  static let placesMax = 12

  package var data: String
  package var module: String
  package var from: ModuleHash?
  package var to: ModuleHash
  package var seconds = Rehearsal.secondsMax
  /// By what the build is judged.
  package var settings = ReleaseSettings()
  /// Nil: those that the data directory's server has.
  package var sockets: [String]?
  /// Instead of live rooms.
  package var files: [String] = []

  package init(data: String, module: String, from: ModuleHash?, to: ModuleHash) {
    (self.data, self.module, self.from, self.to) = (data, module, from, to)
  }

  /// Compiles the build into the data directory's cache, where workers find it.
  package func prepare() throws(RehearsalError) -> Builds {
    var isNative = false
    for hash in [from, to] {
      if let hash, try Builds.kept(hash, data: data).manifest.format == .native { isNative = true }
    }
    let builds = try Builds(
      data: data, cache: data + "/cache", roomsMax: Self.placesMax, runsNative: isNative)
    Throttle.boundMemory()
    let settings = try builds.load(to)
    guard settings.name == module else {
      throw RehearsalError("the build \(to) is one of \(settings.name), not of \(module)")
    }
    return builds
  }

  package func run(progress: @escaping (RehearsalProgress) -> Void) throws(RehearsalError) -> Report {
    let builds = try prepare()
    progress(RehearsalProgress(phase: .prepare, done: 1, of: 1, events: 0))
    // Its time is for what is rehearsed: to compile may take long where the players leave little of the processors.
    let throttle = Throttle(seconds: seconds)
    let rehearsal = Rehearsal(builds, throttle, settings: settings, progress: progress)
    guard files.isEmpty else {
      var kept: [CrashCase] = []
      for file in files { kept.append(try CrashStore.read(file)) }
      var rooms = KeptRooms(kept.filter { $0.bundle.culprit.isEmpty && $0.bundle.call == nil }.map(\.bundle))
      return try rehearsal.run(from: from, to: to, rooms: &rooms, crashes: kept.filter { !$0.bundle.culprit.isEmpty })
    }
    var rooms = LiveRooms(sockets: sockets ?? WorkerSockets.found(data: data), data: data)
    return try rehearsal.run(from: from, to: to, rooms: &rooms, crashes: crashes())
  }

  /// Of this module, as far as their builds are here.
  private func crashes() -> [CrashCase] {
    var found: [CrashCase] = []
    for stored in CrashStore(data: data).list() where found.count < Self.crashesMax {
      guard let crash = try? CrashStore.read(stored.path), crash.bundle.moduleName == module,
        crash.bundle.call?.leavesState ?? true
      else { continue }
      found.append(crash)
    }
    return found
  }
}
