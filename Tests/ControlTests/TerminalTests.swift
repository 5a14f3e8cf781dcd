import Foundation
import ServerHarness
import Testing

/// Names that players chose, in an operator's terminal.
struct TerminalTests {
  @Test("Rooms of every name leave the terminal and its columns as they are") func names() throws {
    let server = try RunningServer(["--modules", Program.modules])
    let names = ["ab", "世界", "a\u{301}b", "\u{1b}[2J\nroot#", "\u{202e}drow", String(repeating: "w", count: 128)]
    for name in names {
      let body = try JSONSerialization.data(withJSONObject: ["module": "tally", "key": name])
      let made = try server.request(
        "POST", "/v1/rooms", token: server.token, body: String(decoding: body, as: UTF8.self))
      #expect(made.status == 201, "\(made.body)")
    }
    let top = try Program.run(["top", "--data", server.data]).output
    #expect(steering(top).isEmpty, "\(top)")
    let lines = top.split(separator: "\n")
    /// Blanks after the name.
    func gap(_ name: String) -> Int? {
      lines.first { $0.hasPrefix("tally/\(name) ") }.map { $0.dropFirst(6 + name.count).prefix { $0 == " " }.count }
    }
    let usual = try #require(gap("ab"))
    #expect(usual > 2)
    // Two characters of two cells each; two of which the first has a mark above it.
    #expect(gap("世界") == usual - 2)
    #expect(gap("a\u{301}b") == usual)
    #expect(lines.contains { $0.hasPrefix("tally/ww") && $0.contains("w…  ") && $0.count < 120 })

    let why = try Program.run(["why", "tally/\u{1b}[2J\nroot#", "--data", server.data]).output
    #expect(steering(why).isEmpty && why.contains("root#"), "\(why)")
  }

  private func steering(_ text: String) -> [Unicode.Scalar] {
    text.unicodeScalars.filter { $0 != "\n" && ($0.value < 32 || (0x202A...0x202E).contains($0.value)) }
  }
}
