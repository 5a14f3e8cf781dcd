// What rooms and clients say to each other.

/// Something that is sent: a client's request, an answer, an announcement, what a timer carries.
///
///     struct Steer: Message {
///       static let id: UInt8 = 1
///       var to = Vec2()
///       mutating func fields<C: Coder>(_ c: inout C) { c(1, "to", &to) }
///     }
public protocol Message: Fields {
  /// 1 to 239, another one for each message of the room, in both directions.
  static var id: UInt8 { get }
}

/// What came in: a member's message, a signal, what a timer carries, the parameters of who joins. Valid during the call
/// it is given to only.
public struct Incoming {
  private let bytes: UnsafeRawBufferPointer
  private let source: Decoder.Source
  /// The sender's own mark on a fire-and-forget message, 0 on everything else.
  public let stamp: UInt64
  /// The timer that is due; 0 in everything else.
  public let timer: TimerID

  init(
    _ bytes: UnsafeRawBufferPointer, from source: Decoder.Source = .client, stamp: UInt64 = 0, timer: UInt32 = 0
  ) {
    self.bytes = bytes
    self.source = source
    self.stamp = stamp
    self.timer = TimerID(timer)
  }

  public var isEmpty: Bool { bytes.isEmpty }
  /// The first byte, which says what the rest is; nil where there is none.
  public var id: UInt8? { bytes.first }

  /// The message, if it is one of that type. Refused if it should be and is not well formed; numbers that are not finite
  /// are not either.
  public func read<M: Message>(_ type: M.Type) throws(Refused) -> M? {
    guard id == M.id else { return nil }
    var decoder = Decoder(Cursor(UnsafeRawBufferPointer(rebasing: bytes.dropFirst())), from: source)
    var message = M()
    message.fields(&decoder)
    guard decoder.isSound else { throw Refused("the message is not well formed") }
    return message
  }

  /// The bytes, for rooms with a format of their own.
  public var reader: Reader { Reader(bytes) }
}
