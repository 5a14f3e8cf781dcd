import Core
import Testing
import Wire

@Suite struct SupervisorChannelTests {
  static let toSupervisor: [ToSupervisor] = [
    .ready,
    .beat(counters: []),
    .beat(counters: [1, .max]),
    .beat(counters: [2], vitals: Self.vitals),
    .adopted(ShardID(7), ShardEpoch(3), rooms: 100, events: 5, microseconds: 12_345),
    .event(kind: "quarantine", text: "room 12 · event 7"),
    .request(id: 9, verb: "fault", body: [1, 2, 3]),
  ]
  static let fromSupervisor: [FromSupervisor] = [
    .adopt([]),
    .adopt([ShardAssignment(ShardID(0), ShardEpoch(1)), ShardAssignment(ShardID(255), ShardEpoch(.max))]),
    .workers([WorkerAddress(instance: 4, path: "/run/worker-4.sock")]),
    .stop(graceMilliseconds: 5_000),
    .response(id: 9, body: Array("{}".utf8)),
    .changed,
  ]
  static var vitals: Vitals {
    var vitals = Vitals()
    vitals.players = 3
    vitals.messages = .max
    vitals.turnMax = 7
    return vitals
  }

  @Test func messagesComeBackAsTheyWere() throws {
    var bytes: [UInt8] = []
    for message in Self.toSupervisor { message.encode(into: &bytes) }
    var got: [ToSupervisor] = []
    var buffer = SupervisorChannelBuffer()
    // Byte by byte, as a stream may come.
    for byte in bytes {
      withUnsafeBytes(of: byte) { buffer.append($0) }
      try buffer.drain { kind, body in got.append(try ToSupervisor(kind: kind, body)) }
    }
    #expect(got == Self.toSupervisor)

    bytes = []
    for message in Self.fromSupervisor { message.encode(into: &bytes) }
    var back: [FromSupervisor] = []
    var whole = SupervisorChannelBuffer()
    bytes.withUnsafeBytes { whole.append($0) }
    try whole.drain { kind, body in back.append(try FromSupervisor(kind: kind, body)) }
    #expect(back == Self.fromSupervisor)
  }

  @Test func anyBytesAreAnErrorOrAMessage() {
    var random = RandomState(seed: 11)
    for _ in 0..<20_000 {
      let count = Int.random(in: 0..<40, using: &random)
      let body = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      let kind = UInt8.random(in: 0...40, using: &random)
      body.withUnsafeBytes { raw in
        // Whatever decodes must encode to the same bytes: nothing is read that was not written.
        if let message = try? ToSupervisor(kind: kind, raw), case .adopted = message {
          var bytes: [UInt8] = []
          message.encode(into: &bytes)
          #expect(Array(bytes.dropFirst(SupervisorChannel.headerBytes)) == body)
        }
        if let message = try? FromSupervisor(kind: kind, raw), case .adopt = message {
          var bytes: [UInt8] = []
          message.encode(into: &bytes)
          #expect(Array(bytes.dropFirst(SupervisorChannel.headerBytes)) == body)
        }
      }
      var buffer = SupervisorChannelBuffer()
      body.withUnsafeBytes { buffer.append($0) }
      try? buffer.drain { kind, body in _ = try ToSupervisor(kind: kind, body) }
    }
  }

  @Test func anAbsurdLengthBreaksTheChannel() {
    var buffer = SupervisorChannelBuffer()
    [UInt8](repeating: 0xff, count: 8).withUnsafeBytes { buffer.append($0) }
    #expect(throws: DecodingError.self) { try buffer.drain { _, _ in } }
  }
}
