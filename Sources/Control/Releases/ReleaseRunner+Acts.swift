// What follows from a change of state, done in order behind the state itself: on disk first, then the audit log, then the
// rest. What the disk does not take holds up all that is behind it, and is tried again with each look.
import Artifacts
import Core
import Journal
package import ReleaseCore

/// What is to be done and written. Entries are in it from when they happened, so that each state is saved with all of
/// those that belong to it.
package struct ReleaseWork: Sendable {
  /// In order, without the entries.
  package var todo: [ReleaseAction] = []
  var unwritten: [AuditEntry] = []
  /// So many of those belong to the state that was saved last: they may be written.
  var covered = 0

  package init() {}

  /// `isHeldUp`: the disk takes nothing just now. What would only be done several times over does not pile up: the state that
  /// is saved at last is the newest, and so is what watchers see.
  package mutating func add(_ actions: [ReleaseAction], at wall: Int64, isHeldUp: Bool = false) {
    for action in actions {
      switch action {
      case .audit(let entry): unwritten.append(AuditEntry(entry, at: wall))
      case .save where isHeldUp && todo.contains(.save): break
      case .changed(let rollout) where isHeldUp:
        todo.removeAll { if case .changed(let older) = $0 { older.id == rollout.id } else { false } }
        todo.append(action)
      default: todo.append(action)
      }
    }
    // No entry without a state that has it.
    if unwritten.count > covered, !todo.contains(.save) { todo.append(.save) }
  }
}

extension AuditEntry {
  init(_ entry: ReleaseAudit, at wall: Int64) {
    self.init(
      at: wall, who: entry.who, what: entry.what.rawValue, module: entry.module, build: entry.build, why: entry.why)
    rooms = entry.rooms
  }
}

extension ReleaseRunner {
  func handle(_ event: ReleaseEvent) {
    var actions: [ReleaseAction] = []
    core.handle(event, at: Self.now(), into: &actions)
    perform(actions)
  }

  /// In order. What an action leads to at once is done after those that there are.
  func perform(_ actions: [ReleaseAction]) {
    work.add(actions, at: Self.now().wall, isHeldUp: isDiskFailing && !isPerforming)
    guard !isPerforming else { return }
    isPerforming = true
    defer { isPerforming = false }
    var done = 0
    do {
      while done < work.todo.count {
        if work.todo[done] != .save { try writeEntries() }
        try perform(work.todo[done])
        done += 1
      }
      work.todo = []
      done = 0
      try writeEntries()
    } catch {
      // Nothing that follows may be done.
      work.todo.removeFirst(done)
      return standStill(error)
    }
    if isDiskFailing {
      note("releases go on: the disk takes what is written again")
      // What lies in the directory was not taken meanwhile.
      isToBeScanned = true
    }
    isDiskFailing = false
    sendOrders()
  }

  private func standStill(_ error: any Error) {
    if !isDiskFailing { note("releases stand still: \(error)") }
    isDiskFailing = true
  }

  /// What somebody asks for is on disk when this returns, or it throws and nothing has changed.
  func carryOut<Result>(
    _ change: (inout Rollouts, inout [ReleaseAction]) throws(ReleaseError) -> Result
  ) throws(ReleaseError) -> Result {
    // What a failing disk has held up comes first.
    perform([])
    guard !isDiskFailing else { throw Self.diskFails() }
    let before = (core: core, work: work)
    var actions: [ReleaseAction] = []
    let result = try change(&core, &actions)
    work.add(actions, at: Self.now().wall)
    guard work.todo.first == .save else {
      perform([])
      return result
    }
    do throws(ArtifactError) { try save() } catch {
      (core, work) = before
      // It may have come to the disk all the same: what there was goes there again before anything else.
      work.todo = [.save]
      standStill(error)
      throw Self.diskFails(error)
    }
    work.todo.removeFirst()
    perform([])
    return result
  }

  static func diskFails(_ error: ArtifactError? = nil) -> ReleaseError {
    ReleaseError(
      "nothing was done, because the disk does not take the state of releases\(error.map { " (\($0))" } ?? ""): give it "
        + "space, and say it again", isOfDisk: true)
  }

  /// Durable afterwards, with the entries that belong to it.
  func save() throws(ArtifactError) {
    try options.files.save(core, OwedEntries(after: audit.number, work.unwritten))
    work.covered = work.unwritten.count
  }

  private func writeEntries() throws(ArtifactError) {
    while work.covered > 0 {
      try audit.append(work.unwritten[0])
      work.unwritten.removeFirst()
      work.covered -= 1
    }
  }

  private func perform(_ action: ReleaseAction) throws {
    switch action {
    case .save: try save()
    case .audit: preconditionFailure("entries are not among what is done")
    case .verify(let id): try verify(id)
    case .rehearse(let id, let module, let from, let to, let prepareOnly):
      rehearsals[id] = Task {
        let event = await RehearsalChild(
          data: options.files.data, module: module, from: from, to: to, prepareOnly: prepareOnly,
          seconds: options.rehearseSeconds, judgedBy: options.rehearsalArguments
        ).hold(id)
        // When this is over, the state has it, or it is held anew.
        defer { RehearsalReport(data: options.files.data, id).remove() }
        guard !Task.isCancelled else { return }
        rehearsals[id] = nil
        handle(event)
        wake()
      }
    case .stopRehearsal(let id): rehearsals.removeValue(forKey: id)?.cancel()
    case .room(let module, let room, let order): waiting.append((module, room, order))
    case .offer(let module, let build): try offer(module, build)
    case .changed(let rollout): note(change: rollout)
    }
  }

  private func offer(_ module: String, _ build: Build) throws(ArtifactError) {
    if let why = options.files.manifest(build.hash).flatMap({ options.trust.refusal(of: $0) }) {
      note(why)
      return handle(.distrusted(module: module, build.hash, why))
    }
    var current = try options.files.current()
    current[module] = build.hash
    try options.files.setCurrent(current)
    offerAnew()
  }

  private func verify(_ id: RolloutID) throws {
    guard let rollout = core.running.first(where: { $0.id == id }) else { return }
    let hash = rollout.to.hash
    guard let artifact = options.files.staged(hash) ?? options.files.kept(hash) else {
      return handle(.unverified(id, "its files are gone: bring it again"))
    }
    var standing = standing(of: rollout.module)
    standing.olderIsAskedFor = core.isOlderAskedFor(id)
    let verified: VerifiedArtifact
    do throws(ArtifactRefusal) {
      verified = try VerifiedArtifact.judge(artifact.manifest, module: artifact.module, standing)
    } catch {
      options.files.dropStaged(hash)
      return handle(.unverified(id, error.description))
    }
    try options.files.keep(verified, lines: artifact.lines)
    options.files.dropStaged(hash)
    handle(.verified(id))
  }

  /// What a build of that name is judged by.
  func standing(of module: String) -> Standing {
    var standing = Standing(trusted: options.trust.trusted, now: Self.now().wall)
    standing.trustedNative = options.trust.trustedNative
    standing.current = core.current(of: module)
    standing.known = core.known(of: module)
    standing.banned = core.banned(of: module).map(\.build)
    return standing
  }
}
