// A server of tally rooms in one handler, without any of the real one's parts: a TCP port that speaks frames and one
// that speaks just enough HTTP. It can be told to break its promises.
import ClientCore
import Core
import Drill
import NIOCore
import NIOPosix

/// For its event loop's thread only.
final class FakeTally: @unchecked Sendable {
  enum Misdeed: Sendable {
    case none
    /// The tenth add of a room is told to all but one.
    case withholdsAnOutput
    /// The tenth add is applied twice.
    case appliesTwice
    /// The tenth add is acknowledged and forgotten.
    case forgets
    /// A build that traps is not taken back.
    case keepsABadBuild
    /// The gates let no build in.
    case refusesAGoodBuild
  }
  struct Room {
    var list: [UInt64] = []
    var outputs: [[UInt8]] = []
    var members: [(player: String, connection: FakeConnection?)] = []
    var adds = 0
  }

  let misdeed: Misdeed
  let group: MultiThreadedEventLoopGroup
  var rooms: [String: Room] = [:]
  var applied: [String: UInt64] = [:]
  var connections: [ObjectIdentifier: FakeConnection] = [:]
  var rollout: FakeRollout?

  init(_ misdeed: Misdeed = .none) {
    self.misdeed = misdeed
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  }

  /// The ports of its players and of its HTTP.
  func start() async throws -> (server: Address, http: Address) {
    let players = try await listen { FakeConnection(self) }
    let http = try await listen { FakeHTTP(self) }
    return (players, http)
  }
  private func listen(_ handler: @escaping @Sendable () -> some ChannelHandler) async throws -> Address {
    let channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 256)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler()) }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    return Address(host: "127.0.0.1", port: channel.localAddress?.port ?? 0)
  }

  func dropAll() { for connection in connections.values { connection.close() } }

  func input(_ connection: FakeConnection, _ key: String, _ slot: Int, _ seq: UInt64, _ payload: [UInt8]) {
    let name = "\(key)/\(connection.player)"
    guard seq == applied[name, default: 0] + 1 else { return }
    applied[name] = seq
    if payload.first == 2 {
      connection.send(result(key, slot, seq, payload))
    } else {
      add(key, slot, payload)
    }
    connection.send([0x2A, UInt8(2 + varint(seq).count + 1), 0x08, 1, 0x10] + varint(seq))
  }

  private func add(_ key: String, _ slot: Int, _ payload: [UInt8]) {
    let operation = payload.dropFirst().reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    rooms[key]!.adds += 1
    let isTenth = rooms[key]!.adds == 10
    if isTenth, misdeed == .forgets { return }
    for _ in 0..<(isTenth && misdeed == .appliesTwice ? 2 : 1) {
      rooms[key]!.list.append(operation)
      let position = UInt32(rooms[key]!.list.count - 1)
      rooms[key]!.outputs.append(addOutput(position: position, operation, slot: UInt32(slot)))
      for (i, member) in rooms[key]!.members.enumerated() where !(isTenth && misdeed == .withholdsAnOutput && i == 0) {
        member.connection?.send(output(key, rooms[key]!.outputs.count))
      }
    }
  }

  func output(_ key: String, _ seq: Int) -> [UInt8] {
    frame(
      3,
      [0x0D, 1, 0, 0, 0, 0x10] + varint(UInt64(seq)) + bytes(3, rooms[key]!.outputs[seq - 1]) + [0x79]
        + littleEndian(UInt64(seq - 1)))
  }
  /// Unlike a real server's, an unnumbered output: it keeps the numbering simple.
  private func result(_ key: String, _ slot: Int, _ seq: UInt64, _ query: [UInt8]) -> [UInt8] {
    let list = rooms[key]!.list
    let from = min(Int(query[1]) | Int(query[2]) << 8, list.count)
    let part = list[from..<min(from + 1_024, list.count)]
    let reply =
      [2] + littleEndian(UInt32(list.count)) + littleEndian(UInt32(from)) + littleEndian(UInt32(part.count))
      + part.flatMap { littleEndian($0) }
    return frame(
      3, [0x0D, 1, 0, 0, 0] + bytes(4, [0x08] + varint(seq) + bytes(3, reply)) + [0x79] + littleEndian(UInt64(0)))
  }
}

func varint(_ value: UInt64) -> [UInt8] {
  value < 0x80 ? [UInt8(value)] : [UInt8(truncatingIfNeeded: value) | 0x80] + varint(value >> 7)
}
func bytes(_ field: UInt8, _ content: [UInt8]) -> [UInt8] { [field << 3 | 2] + varint(UInt64(content.count)) + content }
func frame(_ kind: UInt8, _ body: [UInt8]) -> [UInt8] { bytes(kind, body) }

final class FakeConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer
  private let fake: FakeTally
  private var context: ChannelHandlerContext?
  private var carry: [UInt8] = []
  private var key = ""
  private var slot = 0
  var player = ""

  init(_ fake: FakeTally) { self.fake = fake }

  func channelActive(context: ChannelHandlerContext) {
    self.context = context
    fake.connections[ObjectIdentifier(self)] = self
  }
  func channelInactive(context: ChannelHandlerContext) {
    self.context = nil
    fake.connections[ObjectIdentifier(self)] = nil
    if !key.isEmpty, fake.rooms[key]!.members[slot].connection === self {
      fake.rooms[key]!.members[slot].connection = nil
    }
  }
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    carry += Array(unwrapInboundIn(data).readableBytesView)
    while carry.count >= 4 {
      let length = Int(carry[0]) << 24 | Int(carry[1]) << 16 | Int(carry[2]) << 8 | Int(carry[3])
      guard carry.count >= 4 + length else { break }
      let frame = Array(carry[4..<4 + length])
      carry.removeFirst(4 + length)
      frame.withUnsafeBytes { bytes in
        var reader = FieldReader(bytes)
        if (try? reader.next()) == true { handle(reader.field, fields(reader.content)) }
      }
    }
  }

  func close() { context?.close(promise: nil) }
  func send(_ frame: [UInt8]) {
    guard let context else { return }
    var buffer = ByteBuffer(integer: UInt32(frame.count))
    buffer.writeBytes(frame)
    context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
  }

  private func fields(_ body: UnsafeRawBufferPointer) -> [UInt64: (number: UInt64, bytes: [UInt8])] {
    var reader = FieldReader(body)
    var result: [UInt64: (number: UInt64, bytes: [UInt8])] = [:]
    while (try? reader.next()) == true { result[reader.field] = (reader.number, Array(reader.content)) }
    return result
  }

  private func handle(_ kind: UInt64, _ f: [UInt64: (number: UInt64, bytes: [UInt8])]) {
    switch kind {
    case 1:
      // The token is the player's name.
      let resume = f[3]?.bytes ?? []
      player = String(decoding: resume.isEmpty ? f[2]?.bytes ?? [] : resume, as: UTF8.self)
      send(frame(1, [0x09] + littleEndian(UInt64(7)) + bytes(2, Array(player.utf8)) + [0x18, resume.isEmpty ? 0 : 1]))
    case 2: join(String(decoding: f[3]?.bytes ?? [], as: UTF8.self))
    case 3: attach(lastOut: Int(f[4]?.number ?? 0))
    case 4: fake.input(self, key, slot, f[2]?.number ?? 0, f[3]?.bytes ?? [])
    default: break
    }
  }

  private func join(_ key: String) {
    self.key = key
    if fake.rooms[key] == nil { fake.rooms[key] = .init() }
    if let again = fake.rooms[key]!.members.firstIndex(where: { $0.player == player }) {
      slot = again
    } else {
      slot = fake.rooms[key]!.members.count
      fake.rooms[key]!.members.append((player, nil))
    }
    answer()
    let list = fake.rooms[key]!.list
    send(
      frame(
        4,
        [0x0D, 1, 0, 0, 0, 0x11] + littleEndian(UInt64(1)) + [0x18] + varint(UInt64(fake.rooms[key]!.outputs.count))
          + bytes(4, tallyState(list))))
  }
  private func attach(lastOut: Int) {
    guard let room = fake.rooms.first(where: { $0.value.members.contains { $0.player == player } }) else { return }
    key = room.key
    slot = room.value.members.firstIndex { $0.player == player }!
    answer()
    for seq in lastOut..<room.value.outputs.count { send(fake.output(key, seq + 1)) }
  }
  private func answer() {
    fake.rooms[key]!.members[slot].connection = self
    let next = fake.applied["\(key)/\(player)", default: 0] + 1
    send(
      frame(
        2,
        [0x08, 1, 0x11] + littleEndian(UInt64(5)) + [0x18] + varint(UInt64(slot)) + [0x20] + varint(next) + [0x29]
          + littleEndian(UInt64(1)) + [0x30] + varint(UInt64(fake.rooms[key]!.outputs.count))))
  }
}
