import Artifacts
import Core
import Foundation
import Testing

@Suite struct ManifestTests {
  @Test func `fields that nobody knows survive being read and written`() throws {
    let text = """
      {"name":"arena","version":"1.0.0","sha256":"\(String(repeating: "ab", count: 32))","abi":1,"bytes":7,
       "later":{"b":[1.50,-0,1e400,null,true],"a":"\\u00e9\\n\\u0001\\ud83d\\ude00"}}
      """
    let manifest = try Manifest(json: Array(text.utf8))
    let again = try Manifest(json: manifest.json())
    #expect(again == manifest)
    let canonical = String(decoding: again.document.canonical, as: UTF8.self)
    #expect(canonical.contains(#""later":{"a":"é\n\u0001😀","b":[1.50,-0,1e400,null,true]}"#))
  }

  @Test func `what is set is read again`() throws {
    var manifest = Manifest(name: "arena", version: "hotfix-1.0.0-v2", module: [1, 2, 3], format: .native)
    manifest.scope = ["eu/"]
    manifest.reason = "the cursed gem"
    manifest.author = "ana"
    manifest.time = 1_800_000_000_000_000
    manifest.expires = 1_800_000_001_000_001
    manifest.schema = .object(["state": .array([]), "messages": .array([])])
    let read = try Manifest(json: manifest.json())
    #expect(read == manifest)
    #expect(read.kind == .hotfix && read.baseline == "1.0.0" && read.format == .native)
    #expect(read.scope == ["eu/"] && read.reason == "the cursed gem" && read.author == "ana")
    #expect(read.time == 1_800_000_000_000_000 && read.expires == 1_800_000_001_000_001)
    #expect(read.stateSchema == ModuleHash(of: Array("[]".utf8)).description)
    #expect(read.hash == ModuleHash(of: [1, 2, 3]) && read.bytes == 3 && read.abi == roomABIVersion)
  }

  /// The field that is wrong is named.
  @Test(arguments: [
    (#"{"name":"a""#, "no JSON"), ("[]", "no JSON object"), (#"{"version":"1"}"#, "\"name\""),
    (#"{"name":"A b","version":"1"}"#, "a module's name"), (#"{"name":"a","version":"1 2"}"#, "a module's version"),
    (#"{"name":"a","version":"1","sha256":"00"}"#, "\"sha256\""), (good("\"abi\":\"1\""), "\"abi\""),
    (good("\"abi\":1.0"), "\"abi\""), (good("\"abi\":1,\"abi\":2"), "twice"),
    (good("\"abi\":1,\"bytes\":-1"), "\"bytes\""),
    (good("\"abi\":1,\"bytes\":1,\"kind\":\"patch\""), "\"kind\""),
    (good("\"abi\":1,\"bytes\":1,\"scope\":[1]"), "\"scope\""),
    (good("\"abi\":1,\"bytes\":1,\"expires\":\"tomorrow\""), "\"expires\""),
    (good("\"abi\":1,\"bytes\":1,\"signature\":{}"), "signature"),
  ])
  func `a wrong one is refused in words`(json: String, names: String) {
    let error = #expect(throws: ArtifactError.self) { try Manifest(json: Array(json.utf8)) }
    #expect(error?.description.contains(names) == true, "\(error?.description ?? "")")
  }

  private static func good(_ rest: String) -> String {
    #"{"name":"a","version":"1.0.0","sha256":"\#(String(repeating: "0", count: 64))",\#(rest)}"#
  }
}

@Suite struct JSONTests {
  @Test(arguments: [
    "", "{", "[1,]", "{\"a\":1,}", "01", "1.", "-", "1e", "nul", "\"\u{1}\"", "\"\\x\"", "\"\\ud800\"",
    "\"\\ud800\\u0041\"",
    "\"\\u12\"", "1 2", "{\"a\":1,\"a\":1}", "\"", "{\"a\" 1}", "{1:1}", "+1", ".5",
  ])
  func `what is no JSON is refused`(text: String) {
    #expect(throws: JSONError.self) { try JSON(Array(text.utf8)) }
  }

  @Test func `depth and UTF-8 are checked`() {
    let deep = String(repeating: "[", count: 100_000)
    #expect(throws: JSONError.self) { try JSON(Array(deep.utf8)) }
    #expect(throws: JSONError.self) { try JSON([0x22, 0xC3, 0x22]) }
    #expect(throws: Never.self) {
      try JSON(Array((String(repeating: "[", count: 60) + String(repeating: "]", count: 60)).utf8))
    }
  }

  @Test func `the canonical form is sorted by bytes and has no spaces`() throws {
    let json = try JSON(Array(" { \"b\" : [ 1 , { } ] , \"a/\" : \"\\/\\u0041\" , \"é\":null, \"a\":-0.10E+2 } ".utf8))
    #expect(String(decoding: json.canonical, as: UTF8.self) == #"{"a":-0.10E+2,"a/":"/A","b":[1,{}],"é":null}"#)
    #expect(try JSON(json.canonical) == json)
    #expect(try JSON(json.lines) == json)
  }
}

@Suite struct NameAndTimeTests {
  @Test func `names are ordered, and a hot-fix belongs to its baseline`() throws {
    let names = [
      "0.9.9", "1.0.0", "hotfix-1.0.0-v1", "hotfix-1.0.0-v2", "hotfix-1.0.0-v10", "1.0.1", "1.2.0", "1.10.0", "2.0.0",
    ]
    let parsed = try names.map { try #require(ReleaseName($0)) }
    #expect(parsed == parsed.sorted() && Set(parsed).count == parsed.count)
    #expect(parsed.map(\.description) == names)
    #expect(parsed[3].isOfTheLine(of: parsed[1]) && parsed[3].isOfTheLine(of: parsed[4]))
    #expect(!parsed[3].isOfTheLine(of: parsed[5]))
  }

  @Test(arguments: [
    "", "1", "1.2", "1.2.3.4", "1.2.x", "01.2.3", "1.2.-3", "+1.2.3", "1.2.3 ", "v1.2.3", "hotfix-1.2.3",
    "hotfix-1.2.3-v0",
    "hotfix-1.2.3-v01", "hotfix-1.2.3-2", "Hotfix-1.2.3-v1", "hotfix-1.2-v1", "hotfix-1.2.3-v1-v2", "1.2.4294967296",
    "1..3",
  ])
  func `other names are none`(text: String) { #expect(ReleaseName(text) == nil) }

  @Test func `times are what Foundation takes them for`() throws {
    let formatter = ISO8601DateFormatter()
    for seconds in stride(from: 0, to: 4_102_444_800, by: 86_400 * 13 + 3_671) {
      let text = formatter.string(from: Date(timeIntervalSince1970: Double(seconds)))
      #expect(ISOTime.text(microseconds: Int64(seconds) * 1_000_000) == text)
      #expect(ISOTime.microseconds(text) == Int64(seconds) * 1_000_000)
    }
    #expect(ISOTime.microseconds("2026-01-31T23:59:59.25+02:00") == ISOTime.microseconds("2026-01-31T21:59:59.250Z"))
    #expect(ISOTime.text(microseconds: 1_500_000) == "1970-01-01T00:00:01.500000Z")
    #expect(ISOTime.text(microseconds: -1) == "1969-12-31T23:59:59.999999Z")
  }

  @Test(arguments: [
    "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
    "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00.Z", "2026-01-01t00:00:00Z", "26-01-01T00:00:00Z", "",
  ])
  func `what is no time is none`(text: String) { #expect(ISOTime.microseconds(text) == nil) }
}
