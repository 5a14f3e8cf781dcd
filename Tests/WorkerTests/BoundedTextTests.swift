import Core
import Testing
import WorkerCore

@Suite("Labels and reasons") struct BoundedTextTests {
  @Test(
    "Of text in every script as much is kept as fits, and it is text",
    arguments: ["the arena", "العربية ساحة", "世界の果てまで飛んでいく船", "🚀👩‍👩‍👧🇯🇵", "a\u{301}\u{302}\u{303}", "\u{0}\u{7f}é"])
  func everyScript(_ text: String) throws {
    let long = String(repeating: text, count: 40)
    for most in [0, 1, 2, 3, 4, 5, 63, 64, 127, 128] {
      let kept = [UInt8](text: long.utf8, most: most)
      #expect(kept.count <= most && kept.count > most - 4)
      let again = try #require(String(validating: kept, as: UTF8.self))
      #expect(long.utf8.starts(with: again.utf8))
    }
    #expect([UInt8](text: text.utf8, most: Limits.labelBytesMax) == Array(text.utf8))
  }
  @Test("What is no text becomes text, and not longer than it may be") func broken() {
    for bytes: [UInt8] in [
      [0xff], [0xe4, 0xb8], [0xc0, 0x80], [0xed, 0xa0, 0x80], Array(repeating: 0xf0, count: 300),
    ] {
      for most in [1, 2, 3, 128] {
        let kept = [UInt8](text: bytes, most: most)
        #expect(kept.count <= most && String(validating: kept, as: UTF8.self) != nil)
      }
    }
  }
}
