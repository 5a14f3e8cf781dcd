import Artifacts
import Core
import Foundation
import SimulatedFiles
import Testing

@Suite struct AuditLogTests {
  private static let path = "/audit.log"
  private static func entry(_ number: Int, why: String = "because") -> AuditEntry {
    var entry = AuditEntry(
      at: 1_800_000_000_000_000 + Int64(number), who: "ana", what: "pushed", module: "arena",
      build: Build(version: "1.0.\(number)", hash: ModuleHash(of: [UInt8(truncatingIfNeeded: number)])), why: why)
    entry.rooms = [RoomID(UInt64(number)), RoomID(UInt64.max)]
    entry.more = ["gate": .text("canary")]
    return entry
  }
  private static func disk(entries: Int) throws -> SimulatedDisk {
    let disk = SimulatedDisk(seed: 1)
    var log = try AuditLog(disk, path: path)
    for number in 0..<entries { try log.append(entry(number)) }
    return disk
  }

  @Test func `entries are numbered, chained and read again`() throws {
    let disk = try Self.disk(entries: 3)
    var log = try AuditLog(disk, path: Self.path)
    #expect(log.number == 3)
    try log.append(Self.entry(3, why: "line\n\"two\""))
    let report = try AuditLines.verify(disk, path: Self.path)
    #expect(report.lines == 4 && report.bad == nil && report.restBytes == 0)
    let read = try AuditLines.entries(disk, path: Self.path, after: 2, max: 10)
    #expect(read.map(\.number) == [3, 4])
    #expect(read[1].why == "line\n\"two\"" && read[1].rooms == [RoomID(3), RoomID(UInt64.max)])
    #expect(read[1].version == "1.0.3" && read[1].more["gate"] == .text("canary"))
    #expect(try AuditLines.entries(disk, path: Self.path, after: 0, max: 2).map(\.number) == [1, 2])
  }

  @Test func `a changed, removed, added or moved line is named`() throws {
    let whole = try #require(try Self.disk(entries: 5).bytes(of: Self.path))
    let lines = whole.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true).map(Array.init)
    func firstBad(_ lines: [[UInt8]]) throws -> UInt64? {
      let disk = SimulatedDisk(seed: 1)
      disk.overwrite(Self.path, with: lines.flatMap { $0 + [UInt8(ascii: "\n")] })
      return try AuditLines.verify(disk, path: Self.path).bad?.line
    }
    #expect(try firstBad(lines) == nil)
    var changed = lines
    changed[2] = Array(String(decoding: lines[2], as: UTF8.self).replacing("ana", with: "bob").utf8)
    #expect(try firstBad(changed) == 4)
    #expect(try firstBad(Array(lines[1...])) == 1)
    #expect(try firstBad(Array(lines[..<2]) + lines[3...]) == 3)
    #expect(try firstBad(Array(lines[..<2]) + [lines[1]] + lines[2...]) == 3)
    #expect(try firstBad([lines[0], lines[2], lines[1], lines[3]]) == 2)
    #expect(try firstBad(Array(lines[..<3]) + [Array("{}".utf8)] + lines[3...]) == 4)
    #expect(try firstBad(Array(lines[..<3]) + [[0xFF]] + lines[3...]) == 4)
    // Every bit counts, the last line's too: but nothing follows that one, whose hash is for noting elsewhere.
    for index in whole.indices where whole[index] != UInt8(ascii: "\n") && index < whole.count - lines[4].count - 1 {
      let disk = SimulatedDisk(seed: 1)
      disk.overwrite(Self.path, with: whole)
      disk.flip(Self.path, at: index)
      #expect(try AuditLines.verify(disk, path: Self.path).bad != nil, "byte \(index)")
    }
  }

  @Test func `power may fail anywhere: what was acknowledged stays, and the log goes on`() throws {
    for seed in 1...200 as ClosedRange<UInt64> {
      let disk = SimulatedDisk(seed: seed)
      disk.fail(at: 3 + Int(seed % 24), with: seed % 2 == 0 ? .death : .deathWithin)
      var acknowledged: UInt64 = 0
      if var log = try? AuditLog(disk, path: Self.path) {
        for number in 0..<8 {
          guard (try? log.append(Self.entry(number, why: String(repeating: "x", count: 400 * (number % 3))))) != nil
          else { break }
          acknowledged = log.number
        }
      }
      disk.powerLoss()
      disk.heal()
      var log = try AuditLog(disk, path: Self.path)
      #expect(log.number >= acknowledged, "seed \(seed)")
      try log.append(Self.entry(9))
      try log.append(Self.entry(10))
      let report = try AuditLines.verify(disk, path: Self.path)
      #expect(report.bad == nil && report.lines == log.number && report.lines >= acknowledged + 2, "seed \(seed)")
    }
  }

  /// States are written in one step with the entries that belong to them; then those are appended.
  @Test func `a kill between the state and its entries loses none of them and doubles none`() throws {
    struct State: Codable {
      var rounds = 0
      var owed: OwedEntries?
    }
    func state(_ disk: SimulatedDisk) throws -> State {
      let bytes = try? disk.contents(of: "/state/state.json", limit: 1 << 20)
      return try bytes.map { try JSONDecoder().decode(State.self, from: Data($0)) } ?? State()
    }
    func rounds(_ disk: SimulatedDisk) throws {
      try disk.createDirectory("/state")
      var now = try state(disk)
      var log = try AuditLog(disk, path: Self.path)
      for entry in try now.owed?.missing(in: log.number) ?? [] { try log.append(entry) }
      while now.rounds < 6 {
        let entries = (0..<2).map { Self.entry(now.rounds * 2 + $0, why: String(repeating: "x", count: 900 * $0)) }
        now.rounds += 1
        now.owed = OwedEntries(after: log.number, entries)
        try disk.replaceContents(of: "state.json", in: "/state", with: Array(try JSONEncoder().encode(now)))
        for entry in entries { try log.append(entry) }
      }
    }
    for operation in 1...130 {
      for isPower in [true, false] {
        let disk = SimulatedDisk(seed: UInt64(operation))
        disk.fail(at: operation, with: operation % 2 == 0 ? .death : .deathWithin)
        try? rounds(disk)
        if isPower { disk.powerLoss() } else { disk.processDeath() }
        disk.heal()
        try rounds(disk)
        let read = try AuditLines.entries(disk, path: Self.path, after: 0, max: 100)
        #expect(read.map(\.version) == (0..<12).map { "1.0.\($0)" }, "operation \(operation)")
        #expect(try AuditLines.verify(disk, path: Self.path).bad == nil, "operation \(operation)")
      }
    }
  }

  @Test func `what a log that was begun anew lacks is not told again`() throws {
    let owed = OwedEntries(after: 7, [Self.entry(1), Self.entry(2)])
    #expect(try owed.missing(in: 7).count == 2 && owed.missing(in: 8).map(\.version) == ["1.0.2"])
    #expect(try owed.missing(in: 9).isEmpty && owed.missing(in: 10).isEmpty && owed.missing(in: 0).isEmpty)
  }

  @Test func `an append that failed is tried again in its place`() throws {
    for fault in [SimulatedDisk.Fault.shortWrite, .error(28), .error(5)] {
      let disk = try Self.disk(entries: 2)
      var log = try AuditLog(disk, path: Self.path)
      disk.failAlways(with: fault)
      #expect(throws: ArtifactError.self) { try log.append(Self.entry(2)) }
      disk.heal()
      try log.append(Self.entry(2))
      try log.append(Self.entry(3))
      let report = try AuditLines.verify(disk, path: Self.path)
      #expect(report.lines == 4 && report.bad == nil)
    }
  }

  @Test func `a long reason is cut to 4,000 bytes between two characters and holds up no other entry`() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = try AuditLog(disk, path: Self.path)
    let reasons = [
      String(repeating: "x", count: 3_999) + "é", String(repeating: "é", count: 5_000),
      // One letter of a hundred thousand marks, and what takes six bytes each in JSON.
      "a" + String(repeating: "\u{301}", count: 100_000), String(repeating: "\u{1}", count: 200_000),
    ]
    for why in reasons {
      var entry = Self.entry(1, why: why)
      entry.rooms = (0..<2_000).map { RoomID($0) }
      try log.append(entry)
    }
    try log.append(Self.entry(2))
    let read = try AuditLines.entries(disk, path: Self.path, after: 0, max: 9)
    #expect(read.map(\.why.utf8.count) == [3_999, 4_000, 3_999, 4_000, 7], "\(read.map(\.why.utf8.count))")
    #expect(zip(read, reasons).allSatisfy { $1.utf8.starts(with: $0.why.utf8) })
    #expect(try AuditLines.verify(disk, path: Self.path).bad == nil)
  }

  @Test func `no log is an empty one, and a line that is no entry is not appended to`() throws {
    let disk = SimulatedDisk(seed: 1)
    #expect(try AuditLines.verify(disk, path: Self.path) == AuditReport())
    disk.overwrite(Self.path, with: Array("hello\n".utf8))
    #expect(throws: ArtifactError.self) { try AuditLog(disk, path: Self.path) }
  }
}

/// The formats are promises: the files in `golden` are never written anew.
@Suite struct GoldenTests {
  private static let golden = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "golden/version-1")

  private func expect(_ name: String, _ bytes: [UInt8]) throws {
    let file = Self.golden.appending(path: name)
    if ProcessInfo.processInfo.environment["ONEUP_ADD_GOLDEN"] != nil,
      !FileManager.default.fileExists(atPath: file.path)
    {
      try FileManager.default.createDirectory(at: Self.golden, withIntermediateDirectories: true)
      try Data(bytes).write(to: file)
    }
    #expect(try Data(contentsOf: file) == Data(bytes), "\(name)")
  }

  @Test func `a signed manifest is still the same`() throws {
    var build = TestBuild("hotfix-1.0.0-v2", Array("a module".utf8))
    build.manifest.author = "ana"
    build.manifest.time = 1_800_000_000_000_000
    build.manifest.expires = 1_900_000_000_000_000
    build.manifest.reason = "the cursed gem \"splits\" — é"
    build.manifest.scope = ["eu/", "us/"]
    build.manifest.schema = .object(["state": .array([.object(["name": .text("score"), "n": .number("1.50")])])])
    let signed = build.signed().manifest
    try expect("arena.json", signed.json())
    try expect("arena.signed", signed.signedBytes)
    try expect("key.pub", Array(KeyFile.publicText(TestKeys.ours.verifying).utf8))
    let read = try Manifest(json: Array(try Data(contentsOf: Self.golden.appending(path: "arena.json"))))
    #expect(read == signed)
    let trusted = try KeyFile.trusted(Self.golden.appending(path: "key.pub").path)
    #expect(try VerifiedArtifact.signer(of: read, trusted) == TestKeys.ours.verifying.id)
  }

  @Test func `the audit log is still the same`() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = try AuditLog(disk, path: "/audit.log")
    for (number, what) in ["pushed", "rolled-back"].enumerated() {
      var entry = AuditEntry(
        at: 1_800_000_000_000_000 + Int64(number), who: "ana", what: what, module: "arena",
        build: Build(version: "1.0.1", hash: ModuleHash(of: [1])), why: "it\nfailed")
      if number == 1 { entry.rooms = [RoomID(7)] }
      try log.append(entry)
    }
    try expect("audit.log", try #require(disk.bytes(of: "/audit.log")))
    let path = Self.golden.appending(path: "audit.log")
    disk.overwrite("/golden.log", with: Array(try Data(contentsOf: path)))
    let report = try AuditLines.verify(disk, path: "/golden.log")
    #expect(report.lines == 2 && report.bad == nil)
  }
}

@Suite struct KeyFileTests {
  private func directory() throws -> String {
    let path = NSTemporaryDirectory() + "oneup-artifacts-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  @Test func `a key is written for its owner alone, read again, and never replaced`() throws {
    let directory = try directory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let (key, path) = (SigningKey(), directory + "/my.key")
    try KeyFile.write(key, to: path)
    #expect(throws: ArtifactError.self) { try KeyFile.write(SigningKey(), to: path) }
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let read = try KeyFile.signingKey(at: path)
    #expect(read.verifying == key.verifying)
    #expect(key.verifying.isValid(read.signature(of: [1, 2]), of: [1, 2]))
    let trusted = try KeyFile.trusted(" \(path).pub , \(TestKeys.ours.verifying.hex)")
    #expect(Set(trusted.ids) == [key.verifying.id, TestKeys.ours.verifying.id])
    // A server is not given the private half by mistake.
    let error = #expect(throws: ArtifactError.self) { try KeyFile.trusted(path) }
    #expect(error?.description.contains(".pub") == true)
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
    let shared = #expect(throws: ArtifactError.self) { try KeyFile.signingKey(at: path) }
    #expect(shared?.description.contains("chmod 600") == true)
    let half = #expect(throws: ArtifactError.self) { try KeyFile.signingKey(at: path + ".pub") }
    #expect(half?.description.contains("public half") == true)
  }

  @Test func `a server's own key is made once, whatever a kill left of the first try`() throws {
    let directory = try directory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/dev.key"
    // What a program left that was killed between making the file and writing it.
    #expect(FileManager.default.createFile(atPath: path, contents: Data(), attributes: [.posixPermissions: 0o600]))
    #expect(throws: ArtifactError.self) { try KeyFile.signingKey(at: path) }
    let key = try KeyFile.signingKey(orNewAt: path).verifying
    #expect(try KeyFile.signingKey(orNewAt: path).verifying == key)
    // Killed between the two halves.
    try FileManager.default.removeItem(atPath: path + ".pub")
    #expect(try KeyFile.signingKey(orNewAt: path).verifying == key)
    #expect(try KeyFile.trusted(path + ".pub").ids == [key.id])
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == ["dev.key", "dev.key.pub"])
    // What is no key is not replaced by one.
    try Data("mine".utf8).write(to: URL(filePath: path))
    #expect(throws: ArtifactError.self) { try KeyFile.signingKey(orNewAt: path) }
  }

  @Test func `raw keys are read, other files are not`() throws {
    let directory = try directory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/raw.key"
    for (bytes, isKey) in [(Array(repeating: 7, count: 32), true), ([1, 2, 3], false), ([], false)] as [([UInt8], Bool)]
    {
      try Data(bytes).write(to: URL(filePath: path))
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
      #expect((try? KeyFile.signingKey(at: path))?.verifying == (isKey ? TestKeys.ours.verifying : nil))
    }
    #expect(throws: ArtifactError.self) { try KeyFile.signingKey(at: directory + "/none") }
    #expect(throws: ArtifactError.self) { try KeyFile.trusted(directory + "/none") }
    #expect(throws: ArtifactError.self) { try KeyFile.trusted(path) }
    #expect(try KeyFile.trusted("").isEmpty)
  }

  @Test func `nothing prints a private key`() throws {
    let secret = Data(Array(repeating: UInt8(7), count: 32))
    var printed = "\(TestKeys.ours) \(String(reflecting: TestKeys.ours)) \(Optional(TestKeys.ours) as Any) "
    dump(TestKeys.ours, to: &printed)
    for form in [secret.base64EncodedString(), secret.map { String(format: "%02x", $0) }.joined(), "[7, 7", "7, 7"] {
      #expect(!printed.contains(form))
    }
  }
}
