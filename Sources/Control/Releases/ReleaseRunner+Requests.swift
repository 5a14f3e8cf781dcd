// What people ask of releases.
import Artifacts
import Core
import FoundationEssentials
import ReleaseCore

extension ReleaseRunner {
  // MARK: Brought

  /// Who brings what lies in the modules directory.
  static let directory = "directory"
  /// How long a developer's build waits for the one before it.
  private static let developmentPatience = Duration.seconds(10)

  /// The same, after a build that is just going into all rooms for development: saves follow each other fast.
  func pushNext(
    _ offered: OfferedArtifact, by who: String, reason: String, now: Bool, withTwins: Bool, isOlder: Bool
  ) async throws(ReleaseError) -> RolloutView {
    let deadline = ContinuousClock.now + Self.developmentPatience
    while let running = core.rollout(of: offered.manifest.name), quick.contains(running.id),
      ContinuousClock.now < deadline, (try? await Task.sleep(for: .milliseconds(10))) != nil
    {}
    return try push(offered, by: who, reason: reason, now: now, withTwins: withTwins, isOlder: isOlder)
  }

  func push(
    _ offered: OfferedArtifact, by who: String, reason: String, now: Bool, withTwins: Bool = true,
    isOlder: Bool
  ) throws(ReleaseError) -> RolloutView {
    var artifact = offered
    let name = artifact.manifest.name
    guard !artifact.manifest.isDevelopment || options.trust.development != nil else { throw ReleaseError(Intake.unfit) }
    var candidate = Candidate(module: name, build: artifact.manifest.build, who: who)
    candidate.reason = reason.isEmpty ? artifact.manifest.reason ?? "" : reason
    guard withTwins || options.trust.development != nil else {
      throw ReleaseError("a release without probation is for development: start the server with --dev, or leave it out")
    }
    candidate.now = now && !withTwins
    candidate.onTrial = now && withTwins
    candidate.olderIsAskedFor = isOlder
    if let key = options.trust.development, artifact.manifest.signature == nil {
      // What is built anew beside a server is to be seen at once.
      if renumber(&artifact.manifest, isOlder: isOlder), who == Self.directory { candidate.now = true }
      if candidate.now || candidate.onTrial, candidate.reason.isEmpty { candidate.reason = "development" }
      artifact.sign(with: key)
    }
    candidate.build = artifact.manifest.build
    candidate.scope = artifact.manifest.scope
    do throws(ArtifactError) { try options.files.stage(artifact) } catch {
      options.files.dropStaged(candidate.build.hash)
      throw Self.diskFails(error)
    }
    let rollout: Rollout
    do throws(ReleaseError) {
      // The first gate's answer is there when this is done.
      rollout = try carryOut { (core: inout Rollouts, actions: inout [ReleaseAction]) throws(ReleaseError) in
        try core.push(candidate, at: Self.now(), into: &actions)
      }
    } catch {
      // What is on its way already needs its files.
      if !core.running.contains(where: { $0.to.hash == candidate.build.hash }) {
        options.files.dropStaged(candidate.build.hash)
      }
      throw error
    }
    if candidate.now, core.running.contains(where: { $0.id == rollout.id }) { quick.insert(rollout.id) }
    return view(of: rollout)
  }

  /// For development: a build made anew under the version of another one, or under an older one, becomes the next hot-fix
  /// of its line. True where it did.
  private func renumber(_ manifest: inout Manifest, isOlder: Bool) -> Bool {
    guard let wanted = ReleaseName(manifest.version), !isOlder else { return false }
    let all = core.builds(of: manifest.name).map(\.build)
    guard !all.contains(where: { $0.hash == manifest.hash }) else { return false }
    let current = core.current(of: manifest.name).flatMap { ReleaseName($0.version) }
    let isTaken = all.contains { $0.version == manifest.version }
    let isLate = current.map { wanted.isOfTheLine(of: $0) && wanted < $0 } ?? false
    guard isTaken || isLate else { return false }
    var next = wanted.baseline
    next.hotfix =
      1
      + (all.compactMap { ReleaseName($0.version) }.filter { $0.isOfTheLine(of: wanted) }.compactMap(\.hotfix).max()
        ?? 0)
    manifest.version = next.description
    manifest.kind = .hotfix
    manifest.baseline = wanted.baseline.description
    return true
  }

  /// `file`: a pair's name in the shelf, without its end.
  func fromShelf(_ file: String) throws(ReleaseError) -> OfferedArtifact {
    guard ReleasesView.shelf(in: modules).contains(where: { $0.file == file }),
      let artifact = OfferedArtifact(pair: "\(modules)/shelf/\(file)")
    else {
      throw ReleaseError(
        "there is no whole pair \(file).json and its module on the shelf; GET /v1/releases lists them")
    }
    return artifact
  }

  // MARK: Said

  /// nil where no rollout comes of it.
  func order(
    _ order: ReleaseOrder, of module: String, by who: String, reason: String
  ) throws(ReleaseError) -> RolloutView? {
    let rollout = try carryOut { (core: inout Rollouts, actions: inout [ReleaseAction]) throws(ReleaseError) in
      try core.order(order, module: module, by: who, reason: reason, at: Self.now(), into: &actions)
    }
    return rollout.map(view(of:))
  }

  // MARK: Shown

  func view() -> ReleasesView {
    let modules = core.modules.map { name in
      ReleasesView.Module(
        name: name, current: core.current(of: name),
        rollout: core.rollout(of: name).map(view(of:)),
        versions: core.builds(of: name).map {
          .init(
            version: $0.build.version, sha256: $0.build.hash.description, state: $0.state.rawValue, at: $0.at,
            why: $0.why)
        })
    }
    return ReleasesView(modules: modules, shelf: ReleasesView.shelf(in: self.modules))
  }

  /// Ended rollouts, newest first.
  func history(of module: String) -> [RolloutView] {
    core.ended(of: module).reversed().map { RolloutView($0, costs[$0.id]) }
  }

  func versions() async -> [BuildStatistics] {
    BuildStatistics.sum(Statistics.read(await pool.inspect("versions").answers))
  }

  /// The module's file of a version that was taken.
  func modulePath(_ module: String, version: String) -> String? {
    core.builds(of: module).last { $0.build.version == version }.flatMap { options.files.modulePath($0.build.hash) }
  }

  /// As it is now.
  private func view(of rollout: Rollout) -> RolloutView {
    let now = core.rollout(of: rollout.module) ?? core.ended(of: rollout.module).last { $0.id == rollout.id } ?? rollout
    return RolloutView(now.id == rollout.id ? now : rollout, costs[rollout.id])
  }
}

extension Manifest {
  var build: Build { Build(version: version, hash: hash) }
}
