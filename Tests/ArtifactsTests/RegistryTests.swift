import Artifacts
import Core
import SimulatedFiles
import Testing

@Suite struct RegistryTests {
  private let standing = Standing(trusted: TrustedKeys([TestKeys.ours.verifying]), now: 0)
  private func verified(_ build: TestBuild) throws -> VerifiedArtifact {
    let signed = build.signed()
    return try VerifiedArtifact.judge(signed.manifest, module: signed.module, standing)
  }

  @Test func `what is put is got, listed in order, and removed`() throws {
    let registry = try Registry(SimulatedDisk(seed: 1), directory: "/modules")
    for (version, bytes) in [("1.10.0", [1]), ("1.2.0", [2]), ("hotfix-1.2.0-v1", [3])] as [(String, [UInt8])] {
      guard version.hasPrefix("hotfix") else {
        try registry.put(try verified(TestBuild(version, bytes)))
        continue
      }
      var running = standing
      running.current = TestBuild("1.2.0", [2]).build
      let signed = TestBuild(version, bytes).signed()
      try registry.put(try VerifiedArtifact.judge(signed.manifest, module: bytes, running))
    }
    #expect(try registry.list().map(\.version) == ["1.2.0", "hotfix-1.2.0-v1", "1.10.0"])
    let hash = ModuleHash(of: [2])
    let manifest = try #require(try registry.manifest(of: hash))
    #expect(manifest == TestBuild("1.2.0", [2]).signed().manifest)
    #expect(try registry.module(of: manifest) == [2])
    #expect(try registry.manifest(of: ModuleHash(of: [9])) == nil)
    #expect(Set(try registry.garbage(needed: [hash])) == [ModuleHash(of: [1]), ModuleHash(of: [3])])
    for hash in try registry.garbage(needed: [hash]) { try registry.remove(hash) }
    #expect(try registry.list().map(\.version) == ["1.2.0"])
    #expect(try registry.garbage(needed: [hash]).isEmpty)
  }

  @Test func `bytes that changed on the disk are not given out`() throws {
    let disk = SimulatedDisk(seed: 1)
    let registry = try Registry(disk, directory: "/modules")
    let artifact = try verified(TestBuild("1.0.0"))
    try registry.put(artifact)
    disk.flip("/modules/\(artifact.build.hash).wasm", at: 1)
    #expect(throws: ArtifactError.self) { try registry.module(of: artifact.manifest) }
    try registry.put(artifact)
    #expect(try registry.module(of: artifact.manifest) == artifact.module)
  }

  @Test func `bytes have one name: rooms of the first would not find their build any more`() throws {
    let registry = try Registry(SimulatedDisk(seed: 1), directory: "/modules")
    let first = try verified(TestBuild("1.0.0"))
    try registry.put(first)
    var other = TestBuild("1.0.1")
    other.manifest = Manifest(name: "tally", version: "1.0.1", module: other.module)
    let second = try verified(other)
    let error = #expect(throws: ArtifactError.self) { try registry.put(second) }
    #expect(error?.description == "these bytes are arena 1.0.0 already: one module has one name")
    #expect(try registry.manifest(of: first.build.hash) == first.manifest)
    // Signed anew or renamed in its line it is the same module.
    try registry.put(try verified(TestBuild("1.0.1")))
    #expect(try registry.list().map(\.version) == ["1.0.1"])
  }

  @Test func `power may fail anywhere: a build is there whole or not at all`() throws {
    let artifact = try verified(TestBuild("1.0.0", Array(repeating: 7, count: 5_000)))
    for operation in 1... {
      let disk = SimulatedDisk(seed: UInt64(operation))
      let registry = try Registry(disk, directory: "/modules")
      try disk.syncDirectory("/")
      disk.fail(at: disk.operations + operation, with: operation % 2 == 0 ? .death : .deathWithin)
      let isDone = (try? registry.put(artifact)) != nil
      disk.powerLoss()
      disk.heal()
      let again = try Registry(disk, directory: "/modules")
      let found = try again.list()
      #expect(found.isEmpty || found == [artifact.manifest])
      if isDone { #expect(!found.isEmpty) }
      for manifest in found { #expect(try again.module(of: manifest) == artifact.module) }
      try again.put(artifact)
      #expect(try again.module(of: try #require(try again.manifest(of: artifact.build.hash))) == artifact.module)
      if isDone { break }
    }
  }

  @Test func `current and banned builds are read as they were written`() throws {
    let files = try StandingFiles(SimulatedDisk(seed: 1), directory: "/releases")
    #expect(try files.current().isEmpty)
    #expect(try files.banned().isEmpty)
    let bans = ["arena": [Ban(TestBuild("1.0.1").build, at: 5_000_000, why: "it \"failed\"")]]
    try files.setBanned(bans)
    try files.setCurrent(["arena": ModuleHash(of: [1]), "tally": ModuleHash(of: [2])])
    #expect(try files.banned() == bans)
    #expect(try files.current() == ["arena": ModuleHash(of: [1]), "tally": ModuleHash(of: [2])])
  }

  @Test func `a damaged file is named`() throws {
    let disk = SimulatedDisk(seed: 1)
    let files = try StandingFiles(disk, directory: "/releases")
    try files.setCurrent(["arena": ModuleHash(of: [1])])
    disk.overwrite("/releases/current.json", with: Array(#"{"arena":"no"}"#.utf8))
    let error = #expect(throws: ArtifactError.self) { try files.current() }
    #expect(error?.description.contains("current.json is damaged at \"arena\"") == true)
  }
}
