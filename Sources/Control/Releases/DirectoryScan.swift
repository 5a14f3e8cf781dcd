// The watched directory: a whole pair of files that was not there before is brought to the gates.
import Artifacts
import Core
import ReleaseCore

struct DirectoryScan: Sendable {
  /// Manifests that were brought, or need not be. Their hashes: one that was refused may be signed and come again.
  var seen: Set<ModuleHash> = []
}

extension ReleaseRunner {
  /// What cannot be brought now, because its module's release is on its way, is brought when that has ended.
  func scanDirectory() {
    for pair in OfferedArtifact.pairs(in: modules) {
      guard let manifest = OfferedArtifact.manifest(at: pair) else { continue }
      let mark = ModuleHash(of: manifest.json())
      guard !scan.seen.contains(mark), core.rollout(of: manifest.name) == nil else { continue }
      // Its rooms may run it already, or nobody wanted it.
      if core.builds(of: manifest.name).contains(where: { $0.build.hash == manifest.hash && $0.state != .refused }) {
        scan.seen.insert(mark)
        continue
      }
      guard let artifact = OfferedArtifact(pair: pair) else { continue }
      scan.seen.insert(mark)
      do throws(ReleaseError) {
        let rollout = try push(artifact, by: Self.directory, reason: "found in \(modules)", now: false, isOlder: false)
        if rollout.state == .refused { note("\(pair).json is refused: \(rollout.why)") }
      } catch { note("\(pair).json is not released: \(error)") }
    }
  }
}
