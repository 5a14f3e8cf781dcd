import Artifacts
import Core
import Testing

/// Keys that are the same in every run.
enum TestKeys {
  static let ours = key(7), stranger = key(8)
  static func key(_ byte: UInt8) -> SigningKey {
    guard let key = SigningKey(secret: Array(repeating: byte, count: 32)) else {
      preconditionFailure("32 bytes are a key")
    }
    return key
  }
}

/// A build of `arena`, signed as it is when `signed` is asked for.
struct TestBuild {
  var module: [UInt8]
  var manifest: Manifest
  init(_ version: String, _ module: [UInt8] = [1, 2, 3], format: Manifest.Format = .wasm) {
    self.module = module
    manifest = Manifest(name: "arena", version: version, module: module, format: format)
  }
  var build: Build { Build(version: manifest.version, hash: manifest.hash) }
  func signed(by key: SigningKey = TestKeys.ours) -> TestBuild {
    var signed = self
    signed.manifest.sign(with: key)
    return signed
  }
  func refusal(_ standing: Standing) -> ArtifactRefusal? {
    do throws(ArtifactRefusal) {
      let verified = try VerifiedArtifact.judge(manifest, module: module, standing)
      #expect(
        verified.module == module && verified.manifest == manifest && verified.signer == TestKeys.ours.verifying.id)
      return nil
    } catch { return error }
  }
}

@Suite struct JudgementTests {
  private let standing = Standing(trusted: TrustedKeys([TestKeys.ours.verifying]), now: 1_000)

  @Test func `what is signed and fits is taken`() {
    #expect(TestBuild("1.0.0").signed().refusal(standing) == nil)
    var running = standing
    running.current = TestBuild("1.0.0", [9]).build
    #expect(TestBuild("1.0.1").signed().refusal(running) == nil)
    #expect(TestBuild("hotfix-1.0.0-v1").signed().refusal(running) == nil)
    running.current = TestBuild("hotfix-1.0.0-v1", [9]).build
    #expect(TestBuild("hotfix-1.0.0-v2").signed().refusal(running) == nil)
  }

  @Test func `unsigned, a stranger's, and altered ones are refused`() {
    let build = TestBuild("1.0.0")
    #expect(build.refusal(standing) == .unsigned)
    #expect(
      build.signed(by: TestKeys.stranger).refusal(standing)
        == .unknownKey(TestKeys.stranger.verifying.id, trusted: [TestKeys.ours.verifying.id]))
    var altered = build.signed()
    altered.manifest.reason = "changed"
    #expect(altered.refusal(standing) == .alteredManifest(TestKeys.ours.verifying.id))
    altered = build.signed()
    altered.module.append(0)
    #expect(
      altered.refusal(standing) == .alteredModule(named: build.manifest.hash, found: ModuleHash(of: [1, 2, 3, 0])))
    // The stranger's signature under our key's name.
    var forged = build.signed(by: TestKeys.stranger)
    forged.manifest.signature?.key = TestKeys.ours.verifying.id
    #expect(forged.refusal(standing) == .alteredManifest(TestKeys.ours.verifying.id))
  }

  @Test func `every byte of what is signed counts`() throws {
    let build = TestBuild("1.0.0").signed()
    let json = build.manifest.json()
    for index in json.indices {
      var changed = json
      changed[index] ^= 1
      guard let manifest = try? Manifest(json: changed), manifest != build.manifest else { continue }
      var other = build
      other.manifest = manifest
      #expect(other.refusal(standing) != nil, "byte \(index)")
    }
  }

  @Test func `expired from its moment on`() {
    var build = TestBuild("1.0.0")
    build.manifest.expires = 1_000_000
    var standing = standing
    standing.now = 999_999
    #expect(build.signed().refusal(standing) == nil)
    standing.now = 1_000_000
    #expect(build.signed().refusal(standing) == .expired(at: 1_000_000))
  }

  @Test func `wrongly named`() {
    func isMisnamed(_ build: TestBuild) -> Bool {
      if case .misnamed? = build.signed().refusal(standing) { return true }
      return false
    }
    #expect(isMisnamed(TestBuild("1")))
    #expect(isMisnamed(TestBuild("hotfix-1.0-v1")))
    var build = TestBuild("1.0.0")
    build.manifest.kind = .hotfix
    #expect(isMisnamed(build))
    build = TestBuild("hotfix-1.0.0-v1")
    build.manifest.baseline = "1.0.1"
    #expect(isMisnamed(build))
  }

  @Test func `another interface, and native ones without trust`() throws {
    let text = String(decoding: TestBuild("1.0.0").manifest.json(), as: UTF8.self)
    var other = TestBuild("1.0.0")
    other.manifest = try Manifest(json: Array(text.replacing("\"abi\": 1", with: "\"abi\": 2").utf8))
    #expect(other.signed().refusal(standing) == .otherInterface(2))
    let native = TestBuild("1.0.0", format: .native).signed()
    #expect(native.refusal(standing) == .nativeNotTrusted(TestKeys.ours.verifying.id))
    var trusting = standing
    trusting.trustedNative = standing.trusted
    #expect(native.refusal(trusting) == nil)
  }

  @Test func `banned by name and by bytes, until unbanned`() {
    var standing = standing
    standing.banned = [TestBuild("1.0.1", [5]).build]
    #expect(TestBuild("1.0.1", [6]).signed().refusal(standing) == .banned("1.0.1"))
    #expect(TestBuild("1.0.2", [5]).signed().refusal(standing) == .banned("1.0.2"))
    standing.olderIsAskedFor = true
    #expect(TestBuild("1.0.2", [5]).signed().refusal(standing) == .banned("1.0.2"))
    standing.banned = []
    #expect(TestBuild("1.0.1", [5]).signed().refusal(standing) == nil)
  }

  @Test func `never twice, and never other bytes under a name`() {
    var standing = standing
    let old = TestBuild("1.0.0", [1]), running = TestBuild("1.0.1", [2])
    standing.current = running.build
    standing.known = [old.build, running.build]
    #expect(running.signed().refusal(standing) == .loadedAlready("1.0.1"))
    #expect(old.signed().refusal(standing) == .loadedAlready("1.0.0"))
    #expect(TestBuild("1.0.3", [2]).signed().refusal(standing) == .loadedAlready("1.0.1"))
    let stealth = TestBuild("1.0.1", [3])
    #expect(stealth.signed().refusal(standing) == .sameVersionOtherBytes("1.0.1", known: running.manifest.hash))
    standing.olderIsAskedFor = true
    #expect(stealth.signed().refusal(standing) == .sameVersionOtherBytes("1.0.1", known: running.manifest.hash))
    #expect(old.signed().refusal(standing) == nil)
  }

  @Test func `an older version only when it is asked for`() {
    var standing = standing
    standing.current = TestBuild("hotfix-1.0.1-v2", [9]).build
    #expect(TestBuild("1.0.1").signed().refusal(standing) == .older("1.0.1", current: "hotfix-1.0.1-v2"))
    #expect(
      TestBuild("hotfix-1.0.1-v1").signed().refusal(standing) == .older("hotfix-1.0.1-v1", current: "hotfix-1.0.1-v2"))
    #expect(
      TestBuild("hotfix-1.0.0-v9").signed().refusal(standing) == .otherBaseline("1.0.0", current: "hotfix-1.0.1-v2"))
    #expect(
      TestBuild("hotfix-1.0.2-v1").signed().refusal(standing) == .otherBaseline("1.0.2", current: "hotfix-1.0.1-v2"))
    standing.olderIsAskedFor = true
    for version in ["1.0.1", "hotfix-1.0.1-v1", "hotfix-1.0.0-v9"] {
      #expect(TestBuild(version).signed().refusal(standing) == nil)
    }
    #expect(
      TestBuild("hotfix-1.0.2-v1").signed().refusal(standing) == .otherBaseline("1.0.2", current: "hotfix-1.0.1-v2"))
    standing.current = nil
    #expect(TestBuild("hotfix-1.0.0-v1").signed().refusal(standing) == .otherBaseline("1.0.0", current: nil))
  }

  /// Each says what happened and what to do.
  @Test func `every refusal is one sentence of its own`() {
    let key = TestKeys.ours.verifying.id, hash = ModuleHash(of: [])
    let all: [ArtifactRefusal] = [
      .alteredModule(named: hash, found: ModuleHash(of: [1])), .unsigned, .unknownKey(key, trusted: []),
      .alteredManifest(key), .expired(at: 0), .otherInterface(9), .nativeNotTrusted(key), .banned("1.0.0"),
      .loadedAlready("1.0.0"), .sameVersionOtherBytes("1.0.0", known: hash), .otherBaseline("1.0.0", current: nil),
      .older("1.0.0", current: "1.0.1"),
    ]
    #expect(Set(all.map(\.description)).count == all.count)
    #expect(all.allSatisfy { $0.description.contains(":") && !$0.description.hasSuffix(".") })
  }
}
