// The watched directory: a whole pair of files that was not there before is brought to the gates.
import Artifacts
import Core
import ReleaseCore

struct DirectoryScan: Sendable {
  /// Manifests that were brought, or need not be. Their hashes: one that was refused may be signed and come again.
  var seen: Set<ModuleHash> = []
  /// Manifests whose module is as long as they say and another one: said once.
  var mismatched: Set<ModuleHash> = []
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
      guard let artifact = OfferedArtifact(pair: pair) else {
        // It may still be on its way; then it is looked at again when it has come.
        if OfferedArtifact.isWhole(pair, manifest), scan.mismatched.insert(mark).inserted {
          note("\(pair).json is not released: the module beside it is not the one it names: build or copy it again")
        }
        continue
      }
      scan.seen.insert(mark)
      if let why = stillRefused(artifact) {
        note("\(pair).json is still refused: \(why)")
        continue
      }
      do throws(ReleaseError) {
        let rollout = try push(artifact, by: Self.directory, reason: "found in \(modules)", now: false, isOlder: false)
        if rollout.state == .refused { note("\(pair).json is refused: \(rollout.why)") }
      } catch {
        if error.isOfDisk { scan.seen.remove(mark) }
        note("\(pair).json is not released: \(error)")
      }
    }
  }

  /// Why a build that was refused before would be refused again; nil: it was not, or another answer may come of it. What
  /// was rehearsed badly is not rehearsed again for lying there: somebody may push it.
  private func stillRefused(_ offered: OfferedArtifact) -> String? {
    let (name, hash) = (offered.manifest.name, offered.manifest.hash)
    guard let known = core.builds(of: name).last(where: { $0.build.hash == hash && $0.state == .refused }) else {
      return nil
    }
    let last = core.ended(of: name).last { $0.to.hash == hash }
    if let last, last.state == .refused, last.gate > .verify { return known.why }
    var artifact = offered
    if let key = options.trust.development { artifact.sign(with: key) }
    do throws(ArtifactRefusal) {
      _ = try VerifiedArtifact.judge(artifact.manifest, module: artifact.module, standing(of: name))
      return nil
    } catch { return error.description == known.why ? known.why : nil }
  }
}
