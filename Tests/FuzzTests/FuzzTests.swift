import Core
import Foundation
import Fuzzing
import Testing

@Suite struct FuzzTests {
  static let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fuzz/corpus").path

  private static func inputs(_ target: FuzzTarget) throws -> [[UInt8]] {
    let path = corpus + "/" + target.name
    guard FileManager.default.fileExists(atPath: path) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".bin") }.sorted()
      .map { Array(try Data(contentsOf: URL(fileURLWithPath: path + "/" + $0))) }
  }

  /// A death of the test process is the failure: `oneup-fuzz --target NAME` finds the input.
  @Test(arguments: FuzzTarget.all.map(\.name))
  func `takes what once failed, good inputs, and some that are almost good`(name: String) throws {
    let target = try #require(FuzzTarget.named(name))
    for input in try Self.inputs(target) { target.run(input) }
    let good = target.seeds()
    #expect(!good.isEmpty)
    let inputs = FuzzInputs(target, seed: 1)
    for number in 0..<good.count + 200 { target.run(inputs[number]) }
  }

  @Test(arguments: FuzzTarget.all.map(\.name))
  func `an input can be made again alone`(name: String) throws {
    let target = try #require(FuzzTarget.named(name))
    let (one, again) = (FuzzInputs(target, seed: 3), FuzzInputs(target, seed: 3))
    let number = target.seeds().count + 17
    _ = one[number - 1]
    #expect(one[number] == again[number])
    #expect((0..<20).contains { one[number + $0] != FuzzInputs(target, seed: 4)[number + $0] })
    #expect((0..<200).allSatisfy { one[number + $0].count <= target.bytesMax })
  }

  @Test func `names are unique, and every directory of the corpus is a target's`() throws {
    #expect(Set(FuzzTarget.all.map(\.name)).count == FuzzTarget.all.count)
    for directory in try FileManager.default.contentsOfDirectory(atPath: Self.corpus) {
      #expect(FuzzTarget.named(directory) != nil)
    }
  }
}
