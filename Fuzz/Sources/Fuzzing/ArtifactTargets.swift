// What comes with a build, and the log of what became of builds.
import Artifacts
import Core

extension FuzzTarget {
  /// Reading, writing, and what is signed.
  static let moduleManifest = FuzzTarget(
    name: "module-manifest", bytesMax: 2_048,
    seeds: {
      var manifest = Manifest(name: "tally", version: "hotfix-1.0.0-v2", module: [1, 2, 3])
      var seeds = [manifest.json()]
      manifest.scope = ["a/", "b"]
      manifest.expires = 1_900_000_000_000_000
      manifest.schema = .object(["state": .array([.object(["name": .text("x\u{1F600}\n"), "n": .number("-1.5e3")])])])
      if let key = SigningKey(secret: Array(repeating: 7, count: 32)) { manifest.sign(with: key) }
      seeds.append(manifest.json())
      seeds.append(Array(#"{"name":"a","version":"1","sha256":"","abi":1,"bytes":-1,"\ud83d\ude00":null}"#.utf8))
      return seeds
    },
    run: { bytes in
      guard let manifest = try? Manifest(json: Array(bytes)) else { return }
      precondition((try? Manifest(json: manifest.json())) == manifest, "a manifest written anew says something else")
      let canonical = manifest.document.canonical
      precondition((try? JSON(canonical))?.canonical == canonical, "the canonical form has another one")
      let standing = Standing(trusted: TrustedKeys(), now: 0)
      if (try? VerifiedArtifact.judge(manifest, module: [1, 2, 3], standing)) != nil {
        preconditionFailure("taken without a trusted key")
      }
      _ = (ReleaseName(manifest.version), manifest.kind, manifest.scope, manifest.time, manifest.stateSchema)
    })
}
