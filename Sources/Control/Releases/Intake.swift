// What a server does with its directory of modules before it runs the first room: modules that it has no build of are taken
// from there. Everything that comes later goes through the gates.
package import Artifacts
import Core
import Glibc

package struct Intake {
  let files: ReleaseFiles
  let directory: String
  let trust: ReleaseTrust

  package struct Outcome {
    package var taken: [Manifest] = []
    /// By the manifest's file, with why.
    package var refused: [(file: String, why: String)] = []
    /// Builds that new rooms got, and get no more: why not, and what to do.
    package var withdrawn: [String] = []
    /// Nothing can be run: builds were refused only because nobody signed them and nobody is trusted. Nothing was
    /// changed.
    package var needsKeys = false
  }

  package init(_ files: ReleaseFiles, directory: String, trust: ReleaseTrust) {
    (self.files, self.directory, self.trust) = (files, directory, trust)
  }

  /// Writes the registry and `current.json`. Precondition: no worker runs.
  package func run() throws(ArtifactError) -> Outcome {
    var outcome = Outcome()
    var current: [String: ModuleHash] = [:]
    let written = try files.current()
    for (name, hash) in written.sorted(by: { $0.key < $1.key }) {
      guard files.modulePath(hash) != nil, let manifest = files.manifest(hash) else { continue }
      if let why = trust.refusal(of: manifest) { outcome.withdrawn.append(why) } else { current[name] = hash }
    }
    let before = current
    var isForWantOfKeys = false
    for pair in OfferedArtifact.pairs(in: directory) {
      let file = pair.split(separator: "/").last.map { "\($0).json" } ?? pair
      guard let artifact = OfferedArtifact(pair: pair) else {
        outcome.refused.append((file, Self.fault(pair)))
        continue
      }
      let name = artifact.manifest.name
      guard before[name] == nil else { continue }
      guard trust.development != nil || !artifact.manifest.isDevelopment else {
        outcome.refused.append((file, Self.unfit))
        continue
      }
      guard current[name] == nil else {
        outcome.refused.append(
          (file, "there is another build of \(name) beside it: keep the one that new rooms shall have"))
        continue
      }
      let verified: VerifiedArtifact
      do throws(ArtifactRefusal) { verified = try judge(artifact) } catch {
        outcome.refused.append((file, error.description))
        if error == .unsigned, trust.trusted.isEmpty { isForWantOfKeys = true }
        continue
      }
      try files.keep(verified, lines: artifact.lines)
      current[name] = verified.manifest.hash
      outcome.taken.append(verified.manifest)
    }
    outcome.needsKeys = isForWantOfKeys && current.isEmpty
    if current != written, !outcome.needsKeys { try files.setCurrent(current) }
    return outcome
  }

  static let unfit =
    "it was built for trying things out, with fuel to match: build it without --development, or start the server with --dev"

  private func judge(_ offered: OfferedArtifact) throws(ArtifactRefusal) -> VerifiedArtifact {
    var artifact = offered
    if let key = trust.development { artifact.sign(with: key) }
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var standing = Standing(trusted: trust.trusted, now: Int64(now.tv_sec) * 1_000_000)
    standing.trustedNative = trust.trustedNative
    return try VerifiedArtifact.judge(artifact.manifest, module: artifact.module, standing)
  }

  /// Why a pair of files is none.
  private static func fault(_ pair: String) -> String {
    guard let manifest = OfferedArtifact.manifest(at: pair) else {
      return "it is no manifest; `oneup build` writes one beside each module"
    }
    return
      "the \(manifest.format.fileExtension) file beside it is missing or is not what it names: build or copy it again"
  }
}
