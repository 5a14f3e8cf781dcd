// What comes with a build, and the log of what became of builds.
import Artifacts
import Core
import SimulatedFiles

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

  /// A log that somebody wrote into: it is read, and told from a good one.
  static let auditLog = FuzzTarget(
    name: "audit-log", bytesMax: 4_096,
    seeds: {
      let disk = SimulatedDisk(seed: 1)
      guard var log = try? AuditLog(disk, path: auditPath) else { return [[]] }
      for number in 1...4 as ClosedRange<UInt8> {
        let build = Build(version: "1.0.\(number)", hash: ModuleHash(of: [number]))
        var entry = AuditEntry(
          at: 1_800_000_000_000_000, who: "ana", what: "pushed", module: "arena", build: build, why: "a\nfix")
        entry.rooms = [RoomID(UInt64(number))]
        try? log.append(entry)
      }
      return [disk.bytes(of: auditPath) ?? []]
    },
    run: { bytes in
      let disk = SimulatedDisk(seed: 1)
      disk.overwrite(auditPath, with: Array(bytes))
      guard let report = try? AuditLines.verify(disk, path: auditPath) else { return }
      let entries = (try? AuditLines.entries(disk, path: auditPath, after: 0, max: 100)) ?? []
      precondition(entries.count >= min(Int(clamping: report.lines), 100), "a good line was passed over")
      guard report.bad == nil, var log = try? AuditLog(disk, path: auditPath) else { return }
      precondition(log.number == report.lines, "the log goes on elsewhere than it ends")
      let entry = AuditEntry(at: 0, who: "", what: "", module: "", build: nil, why: "")
      guard (try? log.append(entry)) != nil else { preconditionFailure("a good log takes no more") }
      let again = try? AuditLines.verify(disk, path: auditPath)
      precondition(again?.bad == nil && again?.lines == report.lines + 1, "an entry spoils a good log")
    })
  private static let auditPath = "/audit.log"
}
