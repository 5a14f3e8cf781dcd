import Foundation
import ServerHarness
import Testing

/// Every example of docs/http.md, against a real server: its status, and the names of everything in its answer.
@Suite(.serialized) struct DocumentationTests {
  struct Example {
    var request: [String]
    var kind: String
    var status: Int
    var answer: String
  }
  /// Left out of an answer where there is nothing to say.
  private static let optional: Set<String> = [
    "p50_ms", "p99_ms", "max_ms", "cpu", "slot", "rooms", "firstTrapAt", "lastBackAt",
  ]
  /// Objects whose names are somebody else's.
  private static let open: Set<String> = ["state", "schema", "properties", "vitals"]

  private static func examples() throws -> [Example] {
    var examples: [Example] = []
    var request: [String] = []
    var block: (info: String, lines: [String])?
    for line in try String(contentsOfFile: "docs/http.md", encoding: .utf8).components(separatedBy: "\n") {
      guard line.hasPrefix("```") else {
        block?.lines.append(line)
        continue
      }
      guard let ended = block else {
        block = (String(line.dropFirst(3)), [])
        continue
      }
      block = nil
      if ended.info == "http" {
        request = ended.lines
        continue
      }
      let words = ended.info.split(separator: " ")
      let status = try #require(words.last.flatMap { Int($0) }, "an answer says its status: \(ended.info)")
      examples.append(
        Example(request: request, kind: String(words[0]), status: status, answer: ended.lines.joined(separator: "\n")))
    }
    return examples
  }

  @Test func everyExampleIsTrue() throws {
    let server = try RunningServer(["--modules", Program.modules])
    server.waitUntilWhole()
    // So that there are recoveries and events to show, and a point of history.
    _ = try server.request("POST", "/v1/faults", token: server.token, body: #"{"kind":"worker-kill"}"#)
    _ = try #require(server.wait("/v1/recoveries", [ControlTests.Recovery].self) { !$0.isEmpty })
    _ = try #require(server.wait("/v1/history", [LiveTests.Point].self) { !$0.isEmpty })
    server.waitUntilWhole()
    let examples = try Self.examples()
    #expect(examples.count >= 20)
    var room = "ROOM"
    let token = try server.token
    for example in examples {
      let first = example.request[0].split(separator: " ")
      let gap = example.request.firstIndex(of: "") ?? example.request.count
      let headers = example.request[1..<gap].map { $0.replacingOccurrences(of: "TOKEN", with: token) }
      let body = example.request[min(gap + 1, example.request.count)...].joined(separator: "\n")
      let path = String(first[1]).replacingOccurrences(of: "ROOM", with: room)
      if example.kind == "vitals" {
        let stream = try LiveStream(server, path: path)
        let got = try #require(try stream.next("vitals", Value.self))
        Self.compare(got, try Self.decode(example.answer), path)
        continue
      }
      let answer = try server.request(String(first[0]), path, body: body, headers: headers)
      #expect(answer.status == example.status, "\(example.request[0]): \(answer.status) \(answer.body)")
      if example.kind == "json" {
        let got = try Self.decode(answer.body)
        let written = try Self.decode(example.answer)
        Self.compare(got, written, example.request[0])
        guard case .object(let members) = got else { continue }
        if case .text(let id)? = members["room"], answer.status == 201 { room = id }
        // A sentence is shown as it is.
        if case .text? = members["error"] { #expect(got == written) }
      } else {
        #expect(answer.body == (example.answer.isEmpty ? "" : example.answer + "\n"))
      }
    }
  }

  /// The same names in both, wherever both have something.
  private static func compare(_ got: Value, _ documented: Value, _ place: String) {
    switch (got, documented) {
    case (.object(let real), .object(let written)):
      let missing = Set(written.keys).subtracting(real.keys).subtracting(optional)
      let unsaid = Set(real.keys).subtracting(written.keys)
      #expect(missing.isEmpty && unsaid.isEmpty, "\(place): not there: \(missing), not documented: \(unsaid)")
      for (name, value) in written where !open.contains(name) {
        if let other = real[name] { compare(other, value, "\(place) \(name)") }
      }
    case (.list(let real), .list(let written)):
      if let model = written.first { for element in real { compare(element, model, place) } }
    case (.null, _), (_, .null), (.number, .number), (.flag, .flag), (.text, .text): break
    default: Issue.record("\(place): is \(got), is documented as \(documented)")
    }
  }

  private static func decode(_ text: String) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(text.utf8))
  }

  /// Any JSON.
  enum Value: Decodable, Equatable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([Value])
    case object([String: Value])

    init(from decoder: any Decoder) throws {
      let single = try decoder.singleValueContainer()
      if single.decodeNil() {
        self = .null
      } else if let flag = try? single.decode(Bool.self) {
        self = .flag(flag)
      } else if let number = try? single.decode(Double.self) {
        self = .number(number)
      } else if let text = try? single.decode(String.self) {
        self = .text(text)
      } else if let list = try? single.decode([Value].self) {
        self = .list(list)
      } else {
        self = .object(try single.decode([String: Value].self))
      }
    }
  }
}
