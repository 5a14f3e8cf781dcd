import Core
import Testing

/// RFC 3720, appendix B.4, and the usual check value.
@Suite struct CRC32CTests {
  static let vectors: [([UInt8], UInt32)] = [
    ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
    ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
    ((0..<32).map { UInt8($0) }, 0x46DD_794E),
    ((0..<32).reversed().map { UInt8($0) }, 0x113F_DB5C),
    (
      [
        0x01, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0, 0,
        0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
      ], 0xD996_3A56
    ),
    (Array("123456789".utf8), 0xE306_9283),
    ([], 0),
  ]

  @Test(arguments: vectors) func vector(bytes: [UInt8], expected: UInt32) {
    #expect(CRC32C.of(bytes) == expected)
    #expect(bytes.withUnsafeBytes { CRC32C.portable(0, $0) } == expected)
  }

  @Test func instructionAndTablesAgreeAtEveryLengthAndCut() {
    var random = RandomState(seed: 7)
    let bytes = (0..<4000).map { _ in UInt8.random(in: 0...255, using: &random) }
    bytes.withUnsafeBytes { all in
      for count in Array(0..<300) + [767, 768, 769, 1535, 1536, 1600, 4000] {
        let part = UnsafeRawBufferPointer(rebasing: all[..<count])
        let whole = CRC32C.extend(0, part)
        #expect(whole == CRC32C.portable(0, part))
        let cut = count / 3
        let first = CRC32C.extend(0, UnsafeRawBufferPointer(rebasing: part[..<cut]))
        #expect(CRC32C.extend(first, UnsafeRawBufferPointer(rebasing: part[cut...])) == whole)
      }
    }
  }
}
