// What control asks of rooms, and what it is answered, byte by byte.
import Core
import Testing
import Wire

struct RoomCommandTests {
  private func again(_ command: RoomCommand) throws -> [UInt8] {
    var bytes: [UInt8] = []
    LinkToWorker.command(request: 7, command).encode(ShardID(0), ShardEpoch(0), into: &bytes)
    return try bytes.withUnsafeBytes { bytes in
      var reader = LinkReader(bytes)
      let (header, body) = try #require(try reader.next())
      guard case .command(7, let read) = try LinkToWorker(header, body) else {
        Issue.record("another record")
        return []
      }
      var again: [UInt8] = []
      read.encode(into: &again)
      return again
    }
  }
  private func bytes(_ command: RoomCommand) -> [UInt8] {
    var bytes: [UInt8] = []
    command.encode(into: &bytes)
    return bytes
  }
  private let build = ModuleHash((0..<32).map { UInt8($0) })

  @Test func commandsOfReleasesAreReadAsTheyWereWritten() throws {
    let upgrade = RoomCommand.upgrade(RoomID(3), to: build, probationEvents: 4, probationSeconds: 5)
    #expect(
      bytes(upgrade) == [6, 3, 0, 0, 0, 0, 0, 0, 0] + (0..<32).map { UInt8($0) } + [4, 0, 0, 0, 5, 0, 0, 0])
    #expect(try again(upgrade) == bytes(upgrade))
    #expect(bytes(.settle(RoomID(3))) == [8, 3, 0, 0, 0, 0, 0, 0, 0])
    #expect(try again(.settle(RoomID(3))) == bytes(.settle(RoomID(3))))
    #expect(bytes(.offer(build)) == [9] + (0..<32).map { UInt8($0) })
    #expect(try again(.offer(build)) == bytes(.offer(build)))
    let (written, read) = try Array("why".utf8).withUnsafeBytes { reason in
      let back = RoomCommand.back(RoomID(3), reason: reason)
      return (bytes(back), try again(back))
    }
    #expect(written == [7, 3, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0] + Array("why".utf8))
    #expect(read == written)
  }

  @Test func aCommandThatEndsTooSoonIsRefused() throws {
    let whole = bytes(.upgrade(RoomID(3), to: build, probationEvents: 4, probationSeconds: 5))
    for count in 0..<whole.count {
      var record: [UInt8] = []
      let start = record.beginLink(10, ShardID(0), ShardEpoch(0))
      record.put(UInt32(7))
      record.append(contentsOf: whole[..<count])
      record.endLink(start)
      let ended = record
      #expect(throws: (any Error).self) {
        try ended.withUnsafeBytes { bytes in
          var reader = LinkReader(bytes)
          guard let (header, body) = try reader.next() else { return }
          _ = try LinkToWorker(header, body)
        }
      }
    }
  }
}
