import Foundation
import ServerHarness
import Testing

/// Whose builds a server takes, and what it makes of a directory that changes.
@Suite(.serialized) struct ReleaseIntakeTests {
  /// A directory of its own with the purse, and a key.
  final class Place {
    let path = NSTemporaryDirectory() + "oneup-intake-\(UUID().uuidString)"
    var modules: String { path + "/modules" }
    var key: String { path + "/key" }

    init() throws {
      try FileManager.default.createDirectory(atPath: modules, withIntermediateDirectories: true)
      let built = try PurseModule.directory.get()
      for name in ["purse.json", "purse.wasm"] {
        try FileManager.default.copyItem(atPath: "\(built)/\(name)", toPath: "\(modules)/\(name)")
      }
      let made = try Program.run(["keys", "new", "--out", key])
      #expect(made.status == 0, "\(made)")
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A build of the shelf, under another name beside the base or elsewhere; signed with the key unless told otherwise.
    func put(_ build: String, as name: String, in directory: String, isSigned: Bool = true) throws {
      let shelf = try PurseModule.directory.get() + "/shelf"
      let draft = path + "/draft"
      try? FileManager.default.removeItem(atPath: draft)
      try FileManager.default.createDirectory(atPath: draft, withIntermediateDirectories: true)
      for end in ["json", "wasm"] {
        try FileManager.default.copyItem(atPath: "\(shelf)/\(build).\(end)", toPath: "\(draft)/\(name).\(end)")
      }
      if isSigned { try sign("\(draft)/\(name).json") }
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      // The manifest first: a pair is taken when both are there.
      for end in ["json", "wasm"] {
        try FileManager.default.moveItem(atPath: "\(draft)/\(name).\(end)", toPath: "\(directory)/\(name).\(end)")
      }
    }
    func sign(_ manifest: String) throws {
      let signed = try Program.run(["sign", manifest, "--key", key])
      #expect(signed.status == 0, "\(signed)")
    }
  }

  @Test func withoutKeysAndDevNothingStarts() throws {
    let place = try Place()
    do {
      _ = try RunningServer(["--modules", place.modules], isDevelopment: false)
      Issue.record("it started")
    } catch let failure as Failure {
      for word in ["--dev", "oneup keys new", "oneup sign", "--trust"] {
        #expect(failure.description.contains(word), "\(failure)")
      }
    }
  }

  @Test func onlyWhatATrustedKeySignedIsTaken() throws {
    let place = try Place()
    try place.sign(place.modules + "/purse.json")
    let server = try RunningServer(["--modules", place.modules, "--trust", place.key + ".pub"], isDevelopment: false)
    #expect(try server.request("GET", "/v1/modules/purse").body.contains("1.0.0"), "\(server.log)")
    let shelf = place.modules + "/shelf"
    func push(_ name: String) throws -> RunningServer.Answer {
      try server.request("POST", "/v1/releases", token: server.token, body: #"{"shelf":"\#(name)","reason":"a test"}"#)
    }
    try place.put(PurseModule.good, as: "unsigned", in: shelf, isSigned: false)
    let unsigned = try push("unsigned")
    #expect(unsigned.status == 422 && unsigned.body.contains("oneup sign"), "\(unsigned.body)")
    try place.put(PurseModule.good, as: "altered", in: shelf)
    let manifest = URL(fileURLWithPath: shelf + "/altered.json")
    try Data(
      String(contentsOf: manifest, encoding: .utf8).replacingOccurrences(of: "says more", with: "says nothing").utf8
    ).write(to: manifest)
    let altered = try push("altered")
    #expect(altered.status == 422 && altered.body.contains("changed after"), "\(altered.body)")
    // Bytes that are not those of the manifest make no pair at all.
    try place.put(PurseModule.good, as: "broken", in: shelf)
    let module = try #require(FileHandle(forWritingAtPath: shelf + "/broken.wasm"))
    try module.seek(toOffset: 100)
    try module.write(contentsOf: Data([0xFF]))
    try module.close()
    #expect(try push("broken").status == 422)
    let broken = try Program.run(["release", "push", shelf + "/broken.wasm", "--data", server.ready.data])
    #expect(broken.status == 1 && broken.errors.contains("are not those of its manifest"), "\(broken)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: server.ready.data + "/releases/incoming").isEmpty)
    #expect(try push("../purse").status == 422)
    #expect(try push("absent").status == 422)
    let signed = shelf + "/signed-1.0.0-v1"
    try place.put(PurseModule.good, as: "signed-1.0.0-v1", in: shelf)
    let pushed = try Program.run(["release", "push", signed, "--data", server.ready.data, "--no-wait"])
    #expect(pushed.status == 0, "\(pushed) \(server.log)")
    #expect(try server.request("POST", "/v1/dev/build", token: server.token, body: "{}").status == 404)
    #expect(try !server.request("GET", "/v1/client").body.contains("dev"))
  }

  @Test func aPairInTheDirectoryIsBroughtToTheGates() throws {
    let place = try Place()
    let server = try RunningServer(["--modules", place.modules])
    // Of the right length, and another one.
    let shelf = try PurseModule.directory.get() + "/shelf"
    var module = try Data(contentsOf: URL(fileURLWithPath: "\(shelf)/\(PurseModule.good).wasm"))
    module[100] ^= 1
    try module.write(to: URL(fileURLWithPath: place.modules + "/purse-other.wasm"))
    try FileManager.default.copyItem(
      atPath: "\(shelf)/\(PurseModule.good).json", toPath: place.modules + "/purse-other.json")
    let deadline = Date(timeIntervalSinceNow: 60)
    while !server.log.contains("is not the one it names"), Date() < deadline { usleep(10_000) }
    #expect(server.log.contains("purse-other.json is not released: the module beside it is not the one it names"))
    try place.put(PurseModule.good, as: "purse-fix", in: place.modules, isSigned: false)
    // Without any room nobody can be hurt.
    let done = server.wait("/v1/releases", ReleaseTests.Releases.self) {
      $0.purse?.current?.version == "hotfix-1.0.0-v1" && $0.purse?.rollout == nil
    }
    #expect(done != nil, "\(server.log)")
    // It goes on with that, though the directory still has the older one.
    try server.dieAndStartAgain()
    #expect(
      server.wait("/v1/releases", ReleaseTests.Releases.self) { $0.purse?.current?.version == "hotfix-1.0.0-v1" } != nil
    )
    _ = try server.request("POST", "/v1/rooms", token: server.token, body: #"{"module":"purse","key":"new"}"#)
    #expect(try ReleaseTests.versions(server, rooms: 1) == ["hotfix-1.0.0-v1"])
  }

  @Test func whatDevSaysOfABuildIsPassedOn() throws {
    struct Word: Decodable {
      var module: String
      var ok: Bool
      var text: String
    }
    let server = try RunningServer()
    func say(_ body: String) throws -> Int {
      try server.request("POST", "/v1/dev/build", token: server.token, body: body).status
    }
    #expect(try server.request("GET", "/v1/client").body.contains(#""dev":true"#))
    #expect(try say(#"{"module":"purse","ok":false,"text":"line 3: no"}"#) == 204)
    #expect(try say(#"{"module":"../x","ok":false,"text":""}"#) == 400)
    #expect(try server.request("POST", "/v1/dev/build", body: "{}").status == 401)
    let stream = try LiveStream(server)
    let first = try #require(try stream.next("build", Word.self))
    #expect(!first.ok && first.module == "purse" && first.text == "line 3: no")
    #expect(try say(#"{"module":"purse","ok":true,"text":"","reload":true}"#) == 204)
    #expect(try #require(try stream.next("build", Word.self)).ok)
  }
}
