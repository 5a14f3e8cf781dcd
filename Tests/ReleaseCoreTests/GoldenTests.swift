import Artifacts
import Core
import Foundation
import ReleaseCore
import Testing

/// What control writes is a promise: the file in `golden` is never written anew.
@Suite struct GoldenTests {
  private static let file = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "golden/version-1/rollouts.json")

  /// An ended rollout, and one in the midst of its canary.
  private func stage() throws -> Stage {
    let stage = Stage(rooms: 40)
    try stage.push()
    stage.run(seconds: 60)
    try stage.push(v3) { $0.scope = ["eu/"] }
    stage.run(seconds: 30) { $0.rooms(on: v3) >= 5 }
    return stage
  }

  @Test func `a state of the first format is read and gone on with`() throws {
    let stage = try stage()
    if ProcessInfo.processInfo.environment["ONEUP_ADD_GOLDEN"] != nil,
      !FileManager.default.fileExists(atPath: Self.file.path)
    {
      try FileManager.default.createDirectory(
        at: Self.file.deletingLastPathComponent(), withIntermediateDirectories: true)
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
      try encoder.encode(stage.saved).write(to: Self.file)
    }
    let state = try JSONDecoder().decode(ReleaseState.self, from: Data(contentsOf: Self.file))
    stage.rollouts = Rollouts(Stage.quick, state: state)
    #expect(stage.rollout?.gate == .canary && stage.rollout?.to == v3)
    #expect(stage.rollouts.ended(of: module).map(\.to) == [v2] && stage.rollouts.current(of: module) == v2)
    stage.run(seconds: 60)
    #expect(stage.last?.state == .done)
    #expect(stage.server.rooms.values.allSatisfy { ($0.build == v3) == $0.key.hasPrefix("eu/") })
  }

  @Test func `a newer format is not read`() throws {
    var text = String(decoding: try JSONEncoder().encode(ReleaseState()), as: UTF8.self)
    text.replace("\"format\":1", with: "\"format\":2")
    let error = #expect(throws: Swift.DecodingError.self) {
      try JSONDecoder().decode(ReleaseState.self, from: Data(text.utf8))
    }
    #expect("\(try #require(error))".contains("newer version"))
  }
}
