// The scanner against the generated code: what it takes, the generated code takes with the same fields. What it leaves
// alone goes to the generated code anyway, so only laxness would be an error.
import ClientMessages
import Core
import Foundation
import SwiftProtobuf
import Testing
import Wire

/// Seeded, so that a failure can be had again.
private struct Random: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
  mutating func number() -> UInt64 { next() >> UInt64.random(in: 0...63, using: &self) }
}

struct ClientScannerTests {
  static func compare(_ bytes: [UInt8], mustScan: Bool = false) {
    let generated = try? Oneup_V1_ClientFrame(serializedBytes: bytes)
    bytes.withUnsafeBytes { buffer in
      guard let input = ClientScanner.scan(buffer) else {
        if mustScan { Issue.record("not recognised: \(bytes)") }
        return
      }
      guard case .input(let expected) = generated?.kind else {
        Issue.record("the generated code says otherwise: \(bytes)")
        return
      }
      let isSame =
        expected.joinID == input.joinID.rawValue && expected.seq == input.seq.rawValue
        && expected.stamp == input.stamp && Array(expected.payload) == Array(input.payload)
      if !isSame { Issue.record("other fields than the generated code's: \(bytes)") }
    }
  }

  @Test(arguments: 1...8) func fuzz(_ seed: UInt64) throws {
    var random = Random(state: seed)
    for _ in 0..<20_000 {
      var frame = Oneup_V1_ClientFrame()
      frame.input.joinID = UInt32(truncatingIfNeeded: random.number())
      frame.input.seq = random.number()
      frame.input.stamp = Bool.random(using: &random) ? random.number() : 0
      frame.input.payload = Data(
        (0..<Int.random(in: 0...(Bool.random(using: &random) ? 8 : 300), using: &random)).map { _ in
          UInt8.random(in: 0...255, using: &random)
        })
      var bytes: [UInt8] = try frame.serializedBytes()
      Self.compare(bytes, mustScan: true)
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        guard !bytes.isEmpty else { break }
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.remove(at: at)
        case 3: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
        default: bytes.removeLast(bytes.count - at)
        }
        Self.compare(bytes)
      }
    }
  }

  @Test(arguments: 1...4) func anyBytes(_ seed: UInt64) {
    var random = Random(state: seed)
    for _ in 0..<50_000 {
      var bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      if bytes.count > 2, Bool.random(using: &random) {
        bytes[0] = 0x22
        bytes[1] = UInt8(bytes.count - 2)
        for i in 2..<bytes.count where Bool.random(using: &random) { bytes[i] = [8, 16, 26, 32, 0, 1, 2][i % 7] }
      }
      Self.compare(bytes)
    }
  }

  @Test func everyCutOfAFrame() throws {
    var frame = Oneup_V1_ClientFrame()
    frame.input.joinID = .max
    frame.input.seq = .max
    frame.input.stamp = .max
    frame.input.payload = Data([1, 2, 3])
    let bytes: [UInt8] = try frame.serializedBytes()
    for cut in 0...bytes.count { Self.compare(Array(bytes[..<cut]), mustScan: cut == bytes.count) }
  }
}
