// The app's client, over protobuf and a real socket.
import Drill
import NIOCore
import NIOPosix
import OneUpClient
import Testing

@Suite struct GameClientTests {
  @Test(.timeLimit(.minutes(1))) func inputsComeThroughALostConnection() async throws {
    let fake = FakeTally()
    let (server, _) = try await fake.start()
    let client = GameClient(host: server.host, port: server.port, name: "ada", group: fake.group)
    var events = client.events.makeAsyncIterator()
    let room = try await client.join(module: "tally", key: "a")
    #expect(await events.next() == .connected(resumed: false))
    #expect(await events.next() == .joined(room: room, slot: 0, module: ""))
    #expect(await events.next() == .state(room: room, payload: tallyState([])))

    #expect(try await client.send([1] + littleEndian(UInt64(77)), to: room) == 1)
    let told = addOutput(position: 0, 77, slot: 0)
    #expect(await events.next() == .output(room: room, number: 1, payload: told))
    #expect(await events.next() == .acknowledged(room: room, through: 1))

    try await fake.group.next().submit { fake.dropAll() }.get()
    #expect(await events.next() == .disconnected)
    #expect(try await client.send([1] + littleEndian(UInt64(78)), to: room) == 2)
    #expect(await events.next() == .connected(resumed: true))
    #expect(await events.next() == .output(room: room, number: 2, payload: addOutput(position: 1, 78, slot: 0)))
    #expect(await events.next() == .acknowledged(room: room, through: 2))
    #expect(try await client.resumeToken() == Array("ada".utf8))

    await #expect(throws: GameClientError.notAMember) { try await client.send([], to: room + 1) }
    try await client.close()
    #expect(await events.next() == nil)
    try await fake.group.shutdownGracefully()
  }
}
