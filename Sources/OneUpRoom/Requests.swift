// What a room asks of other rooms, and what it is told of it.

/// A request of this room, from 1. Keep it in a field to know the answer by.
public struct RequestID: Hashable, Sendable {
  public var number: UInt32
  /// No request.
  public init() { number = 0 }
  public init(_ number: UInt32) { self.number = number }
}

extension RequestID: Value {
  public static var kind: Kind { .varint }
  public mutating func put(_ out: Encoder) { number.put(out) }
  public mutating func take(_ input: inout Decoder) { number.take(&input) }
  public mutating func json(_ out: Buffer) { number.json(out) }
  public static func schema(_ out: SchemaWriter) { UInt32.schema(out) }
}

/// What came of a request. Each is answered once; none in a room that has ended.
public struct Answer {
  public let id: RequestID
  public let outcome: Outcome

  public enum Outcome {
    /// The room is there, or took the signal: what it replied, valid during the call only.
    case done(Incoming)
    /// By the other room, or because it cannot be: there is no such room, it has ended, or it is frozen.
    case refused(String)
    /// It made the other room's code fail, and was undone there.
    case failed(String)
  }
  public var isDone: Bool { if case .done = outcome { true } else { false } }

  /// `outcome` as docs/room-abi.md numbers it.
  init(_ id: UInt32, _ outcome: UInt32, _ payload: UnsafeRawBufferPointer) {
    self.id = RequestID(id)
    let text = String(decoding: payload, as: UTF8.self)
    switch outcome {
    case 0: self.outcome = .done(Incoming(payload, from: .room))
    case 1: self.outcome = .refused(text)
    default: self.outcome = .failed(text)
    }
  }
}

/// To other rooms, by the names that players join them by: `module/key`. What is asked is done once, whoever dies
/// meanwhile, and answered by `answered`. At most 16 may be without an answer: then the id is nil, as for what is too long
/// (parameters 4 KiB, signals 32 KiB). Between two rooms no order is kept: what depends on an answer waits for it.
extension Context {
  /// Makes the room, unless it is there; then its parameters are not used.
  @discardableResult
  public func open(_ room: String, parameters: [UInt8] = []) -> RequestID? {
    parameters.withUnsafeBytes { ask(1, room, $0) }
  }
  @discardableResult
  public func open<M: Message>(_ room: String, _ parameters: M) -> RequestID? { ask(1, room, encoded(parameters)) }

  /// A message to another room's `signal`; the answer has its reply.
  @discardableResult
  public func signal<M: Message>(_ room: String, _ message: M) -> RequestID? { ask(2, room, encoded(message)) }
  @discardableResult
  public func signal(_ room: String, _ message: Writer) -> RequestID? { signal(room, message.bytes) }
  @discardableResult
  public func signal(_ room: String, _ message: [UInt8]) -> RequestID? {
    message.withUnsafeBytes { ask(2, room, $0) }
  }

  private func ask(_ kind: UInt32, _ room: String, _ bytes: UnsafeRawBufferPointer) -> RequestID? {
    var room = room
    let number = room.withUTF8 { hostAsk(kind, UnsafeRawBufferPointer($0), bytes) }
    return number == 0 ? nil : RequestID(number)
  }
}
