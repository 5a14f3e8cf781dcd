// One player, probe or troublemaker: a client, its connection, and what it waits for.
import ClientCore
import Core
import NIOCore

/// Confined to the fleet's event loop.
final class Bot {
  enum Role: Sendable, Hashable {
    case player
    /// Adds every 10 ms around faults, so that a pause is seen as long as it is.
    case probe
    /// Sends what makes rooms of `faulty` fail; the oracle does not know it.
    case troublemaker
  }
  enum Waiting {
    case add(operation: UInt64, scheduled: Int64)
    case query
    case command
  }
  /// Of a player or probe: the oracle's member.
  let index: Int
  let role: Role
  /// The room's number; -1 for a troublemaker.
  let room: Int
  let module: String
  let key: String
  var client: Client
  var actions = ClientActions()
  var membership: JoinID?
  /// How often a troublemaker came back after being thrown out; a session holds 64 memberships.
  var joins = 0
  static let joinsMax = 50
  var channel: (any Channel)?
  /// The channel was closed by the bot itself.
  var isClosing = false
  var hasState = false
  var isGone = false
  /// In order of their numbers, of which `firstNumber` is that of `waiting[waitingHead]`.
  var waiting: [Waiting] = []
  var waitingHead = 0
  var firstNumber: UInt64 = 1
  var samples: [WaitSample] = []
  /// The adds among its inputs by their numbers, kept while a build is on trial that may be taken back.
  var decided: [UInt64: UInt64] = [:]
  /// Answers to queries, in order.
  var replies: [[UInt8]] = []

  init(index: Int, role: Role, room: Int, module: String, key: String) {
    self.index = index
    self.role = role
    self.room = room
    self.module = module
    self.key = key
    var settings = ClientSettings()
    settings.queueMax = 65_536
    client = Client(name: "\(role)-\(index)", settings: settings)
  }

  var waits: Waits {
    Waits(
      room: room, samples: samples,
      open: waiting[waitingHead...].compactMap {
        if case .add(_, let scheduled) = $0 { scheduled } else { nil }
      })
  }
  var openCount: Int { waiting.count - waitingHead }
  var isReady: Bool { hasState && membership.map(client.isAttached) ?? false }

  /// The add that has this number, if it is one.
  func operation(number: UInt64) -> UInt64? {
    if let known = decided[number] { return known }
    guard number >= firstNumber, number - firstNumber < UInt64(openCount),
      case .add(let operation, _) = waiting[waitingHead + Int(number - firstNumber)]
    else { return nil }
    return operation
  }

  func takeWaiting() -> Waiting {
    precondition(waitingHead < waiting.count, "an acknowledgement of more than was sent")
    let first = waiting[waitingHead]
    waitingHead += 1
    firstNumber += 1
    if waitingHead > 1_024, waitingHead * 2 > waiting.count {
      waiting.removeFirst(waitingHead)
      waitingHead = 0
    }
    return first
  }
}

/// Cuts the stream into frames for one bot.
final class BotHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let fleet: Fleet
  private let bot: Bot
  private var carry = ByteBuffer()
  static let frameBytesMax = 32 * 1_048_576

  init(fleet: Fleet, bot: Bot) {
    self.fleet = fleet
    self.bot = bot
  }

  func channelActive(context: ChannelHandlerContext) { fleet.opened(bot, context.channel) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var buffer = unwrapInboundIn(data)
    if carry.readableBytes > 0 {
      carry.writeBuffer(&buffer)
      buffer = carry
      carry = ByteBuffer()
    }
    let used = buffer.withUnsafeReadableBytes { consume($0, context) }
    buffer.moveReaderIndex(forwardBy: used)
    if buffer.readableBytes > 0 { carry = context.channel.allocator.buffer(buffer: buffer) }
    fleet.finishTurn(bot)
  }

  func channelInactive(context: ChannelHandlerContext) { fleet.closed(bot, context.channel) }
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  /// Handles the whole frames at the start; returns their length.
  private func consume(_ bytes: UnsafeRawBufferPointer, _ context: ChannelHandlerContext) -> Int {
    var at = 0
    while bytes.count - at >= 4 {
      let length = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
      guard length <= Self.frameBytesMax else {
        fleet.broken(bot, "a frame of \(length) bytes")
        context.close(promise: nil)
        return bytes.count
      }
      guard bytes.count - at - 4 >= length else { break }
      fleet.received(bot, UnsafeRawBufferPointer(rebasing: bytes[at + 4..<at + 4 + length]))
      at += 4 + length
    }
    return at
  }
}
