// What a worker says to a gateway loop.
package import Core

/// A record from a worker to a gateway loop. Buffers are borrowed from the read.
package enum LinkToGateway {
  /// The worker owns the header's shard in the header's epoch and takes attaches. Sent for each shard on every new
  /// link, and to every link when a shard has been adopted. The gateway answers with its attaches and `complete`.
  case serving
  /// Answer to `join` and `attach`; what follows for this route comes after it, in order.
  indirect case attached(Attachment)
  /// One finished `ServerFrame{State}` for each of the routes (u32 each). Sets their mark to `asOf`.
  case state(timeline: Timeline, asOf: OutSeq, routes: RouteList, frame: UnsafeRawBufferPointer)
  /// One finished `ServerFrame{Output}`, numbered; the gateway patches joinID and prev per recipient. Counted for `confirm`.
  case output(OutSeq, recipients: RecipientList, frame: UnsafeRawBufferPointer)
  /// One finished `ServerFrame{Output}` without number: conflated at the tail where a connection is slow.
  case unreliable(routes: RouteList, frame: UnsafeRawBufferPointer)
  case ack(Route, InputSeq)
  case expected(Route, InputSeq)
  case busy(Route, InputSeq, retryMilliseconds: UInt32, Busy)
  /// The membership is over or unknown; the route is free again on the worker's side.
  /// `text`: why, where there is more to say than the reason.
  case gone(Route, last: InputSeq, known: Bool, GoneReason, text: UnsafeRawBufferPointer)
  /// A join that was not accepted; the route is free again.
  case refused(Route, JoinRefusal, retryMilliseconds: UInt32, text: UnsafeRawBufferPointer)
  case notice(routes: RouteList, kind: UInt8, text: UnsafeRawBufferPointer)
  case inspected(request: UInt32, json: UnsafeRawBufferPointer)
  indirect case commanded(request: UInt32, CommandAnswer)
  /// A room of the header's shard asks another room: passed on as a `command` to the owner of that one's shard, and
  /// answered with `answered`, or not at all: then it is asked again. `attempt`: another one each time that its owner sends
  /// something; it comes back with the answer.
  indirect case ask(RoomID, RequestKey, attempt: UInt32, RoomCommand)

  package struct Attachment {
    package var route: Route
    package var room: RoomID
    package var slot: Slot
    package var nextSeq: InputSeq
    package var timeline: Timeline
    package var upTo: OutSeq
    /// The mark to start from: outputs at or below it were received by the client. With a state to come it is void.
    package var mark: OutSeq
    package var module: UnsafeRawBufferPointer
    package init(
      route: Route, room: RoomID, slot: Slot, nextSeq: InputSeq, timeline: Timeline, upTo: OutSeq, mark: OutSeq,
      module: UnsafeRawBufferPointer
    ) {
      self.route = route
      self.room = room
      self.slot = slot
      self.nextSeq = nextSeq
      self.timeline = timeline
      self.upTo = upTo
      self.mark = mark
      self.module = module
    }
  }
  package enum Busy: UInt8, Sendable {
    case queue = 1
    case rebuilding = 2
    case frozen = 3
    case noSpace = 4
    case outputs = 5
  }
  package enum GoneReason: UInt8, Sendable {
    case unknown = 0
    case left = 1
    case kicked = 2
    case expired = 3
    case ended = 4
  }
  package enum JoinRefusal: UInt8, Sendable {
    case unknownModule = 1
    /// The room's module said no; the text is its reason.
    case byRoom = 2
    case full = 3
    case tooManyRooms = 4
    case frozen = 5
    case busy = 6
    case failed = 7
    case malformed = 8
    /// The room is over; the text says why.
    case ended = 9
    case locked = 10
    /// Rooms of this module are made by the game's own backend.
    case notCreated = 11
  }

  /// u16 count, then u32 routes.
  package struct RouteList {
    package let bytes: UnsafeRawBufferPointer
    package var count: Int { bytes.count / 4 }
    package subscript(i: Int) -> Route {
      Route(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: i * 4, as: UInt32.self)))
    }
  }
  /// u16 count, then (u32 route, u64 prev).
  package struct RecipientList {
    package static let stride = 12
    package let bytes: UnsafeRawBufferPointer
    package var count: Int { bytes.count / Self.stride }
    package subscript(i: Int) -> (route: Route, prev: OutSeq) {
      (
        Route(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: i * Self.stride, as: UInt32.self))),
        OutSeq(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i * Self.stride + 4, as: UInt64.self)))
      )
    }
  }

  package init(_ header: LinkHeader, _ body: UnsafeRawBufferPointer) throws(LinkError) {
    do throws(DecodingError) {
      self = try Self.decode(header.kind, body)
    } catch {
      throw LinkError("a record of kind \(header.kind) \(error)")
    }
  }

  private static func routes(_ r: inout ByteReader) throws(DecodingError) -> RouteList {
    let count: UInt16 = try r.take()
    return RouteList(bytes: try r.take(bytes: Int(count) * 4))
  }
  private static func known<T: RawRepresentable<UInt8>>(_ r: inout ByteReader) throws(DecodingError) -> T {
    guard let value = T(rawValue: try r.take()) else { throw DecodingError("has an unknown code") }
    return value
  }

  private static func decode(_ kind: UInt8, _ body: UnsafeRawBufferPointer) throws(DecodingError) -> Self {
    var r = ByteReader(body)
    switch kind {
    case 33: return .serving
    case 21:
      return .attached(
        Attachment(
          route: try r.take(), room: try r.take(), slot: try r.take(), nextSeq: try r.take(), timeline: try r.take(),
          upTo: try r.take(), mark: try r.take(), module: r.takeRest()))
    case 22:
      return .state(timeline: try r.take(), asOf: try r.take(), routes: try routes(&r), frame: r.takeRest())
    case 23:
      let seq: OutSeq = try r.take()
      let count: UInt16 = try r.take()
      let list = RecipientList(bytes: try r.take(bytes: Int(count) * RecipientList.stride))
      return .output(seq, recipients: list, frame: r.takeRest())
    case 24: return .unreliable(routes: try routes(&r), frame: r.takeRest())
    case 25: return .ack(try r.take(), try r.take())
    case 26: return .expected(try r.take(), try r.take())
    case 27: return .busy(try r.take(), try r.take(), retryMilliseconds: try r.take(), try known(&r))
    case 28:
      return .gone(
        try r.take(), last: try r.take(), known: try r.take(UInt8.self) != 0, try known(&r), text: r.takeRest())
    case 30:
      return .refused(try r.take(), try known(&r), retryMilliseconds: try r.take(), text: r.takeRest())
    case 31: return .notice(routes: try routes(&r), kind: try r.take(), text: r.takeRest())
    case 32: return .inspected(request: try r.take(), json: r.takeRest())
    case 34: return .commanded(request: try r.take(), try CommandAnswer(&r))
    case 35: return .ask(try r.take(), try r.takeRequestKey(), attempt: try r.take(), try RoomCommand(&r))
    default: throw DecodingError("is unknown")
    }
  }
}

/// Writers for the worker's side. Fan-out records are built in place by their caller, so they have begin functions.
extension [UInt8] {
  package mutating func putServing(_ shard: ShardID, _ epoch: ShardEpoch) {
    endLink(beginLink(33, shard, epoch))
  }
  package mutating func putAttached(_ shard: ShardID, _ epoch: ShardEpoch, _ a: LinkToGateway.Attachment) {
    let start = beginLink(21, shard, epoch)
    put(a.route)
    put(a.room)
    put(a.slot)
    put(a.nextSeq)
    put(a.timeline)
    put(a.upTo)
    put(a.mark)
    append(contentsOf: a.module)
    endLink(start)
  }
  package mutating func putState(
    _ shard: ShardID, _ epoch: ShardEpoch, _ timeline: Timeline, asOf: OutSeq, routes: some Collection<Route>,
    frame: some Collection<UInt8>
  ) {
    let start = beginLink(22, shard, epoch)
    put(timeline)
    put(asOf)
    put(UInt16(routes.count))
    for route in routes { put(route) }
    append(contentsOf: frame)
    endLink(start)
  }
  /// Then for each recipient `putRecipient`, then the frame's bytes, then `endLink`.
  package mutating func beginOutput(_ shard: ShardID, _ epoch: ShardEpoch, _ seq: OutSeq, count: Int) -> Int {
    let start = beginLink(23, shard, epoch)
    put(seq)
    put(UInt16(count))
    return start
  }
  /// The whole record for a single recipient.
  package mutating func putOutput(
    _ shard: ShardID, _ epoch: ShardEpoch, _ seq: OutSeq, _ route: Route, prev: OutSeq, frame: UnsafeRawBufferPointer
  ) {
    let head = LinkHeader.bytes + 8 + 2 + LinkToGateway.RecipientList.stride
    append(count: head + frame.count) { bytes in
      bytes.putLinkHeader(length: head + frame.count, 23, shard, epoch)
      bytes.put(seq, at: LinkHeader.bytes)
      bytes.put(UInt16(1), at: LinkHeader.bytes + 8)
      bytes.put(route, at: LinkHeader.bytes + 10)
      bytes.put(prev, at: LinkHeader.bytes + 14)
      if let base = frame.baseAddress { (bytes + head).copyMemory(from: base, byteCount: frame.count) }
    }
  }
  package mutating func putRecipient(_ route: Route, prev: OutSeq) {
    append(count: LinkToGateway.RecipientList.stride) { bytes in
      bytes.put(route, at: 0)
      bytes.put(prev, at: 4)
    }
  }
  /// Then `put` each route, then the frame's bytes, then `endLink`.
  package mutating func beginUnreliable(_ shard: ShardID, _ epoch: ShardEpoch, count: Int) -> Int {
    let start = beginLink(24, shard, epoch)
    put(UInt16(count))
    return start
  }
  package mutating func putAck(_ shard: ShardID, _ epoch: ShardEpoch, _ route: Route, _ seq: InputSeq) {
    let length = LinkHeader.bytes + 12
    append(count: length) { bytes in
      bytes.putLinkHeader(length: length, 25, shard, epoch)
      bytes.put(route, at: LinkHeader.bytes)
      bytes.put(seq, at: LinkHeader.bytes + 4)
    }
  }
  package mutating func putExpected(_ shard: ShardID, _ epoch: ShardEpoch, _ route: Route, _ seq: InputSeq) {
    let start = beginLink(26, shard, epoch)
    put(route)
    put(seq)
    endLink(start)
  }
  package mutating func putBusy(
    _ shard: ShardID, _ epoch: ShardEpoch, _ route: Route, _ seq: InputSeq, retryMilliseconds: UInt32,
    _ reason: LinkToGateway.Busy
  ) {
    let start = beginLink(27, shard, epoch)
    put(route)
    put(seq)
    put(retryMilliseconds)
    append(reason.rawValue)
    endLink(start)
  }
  package mutating func putGone(
    _ shard: ShardID, _ epoch: ShardEpoch, _ route: Route, last: InputSeq, known: Bool,
    _ reason: LinkToGateway.GoneReason, text: some Collection<UInt8> = EmptyCollection<UInt8>()
  ) {
    let start = beginLink(28, shard, epoch)
    put(route)
    put(last)
    append(known ? 1 : 0)
    append(reason.rawValue)
    append(contentsOf: text)
    endLink(start)
  }
  package mutating func putRefused(
    _ shard: ShardID, _ epoch: ShardEpoch, _ route: Route, _ reason: LinkToGateway.JoinRefusal,
    retryMilliseconds: UInt32, text: String
  ) {
    let start = beginLink(30, shard, epoch)
    put(route)
    append(reason.rawValue)
    put(retryMilliseconds)
    append(contentsOf: text.utf8)
    endLink(start)
  }
  package mutating func putNotice(
    _ shard: ShardID, _ epoch: ShardEpoch, routes: some Collection<Route>, kind: UInt8, text: String
  ) {
    let start = beginLink(31, shard, epoch)
    put(UInt16(routes.count))
    for route in routes { put(route) }
    append(kind)
    append(contentsOf: text.utf8)
    endLink(start)
  }
  package mutating func putCommanded(request: UInt32, _ answer: CommandAnswer) {
    let start = beginLink(34, ShardID(0), ShardEpoch(0))
    put(request)
    answer.encode(into: &self)
    endLink(start)
  }
  package mutating func putAsk(
    _ shard: ShardID, _ epoch: ShardEpoch, _ room: RoomID, _ key: RequestKey, attempt: UInt32, _ command: RoomCommand
  ) {
    let start = beginLink(35, shard, epoch)
    put(room)
    put(key)
    put(attempt)
    command.encode(into: &self)
    endLink(start)
  }
  package mutating func putInspected(request: UInt32, json: some Collection<UInt8>) {
    let start = beginLink(32, ShardID(0), ShardEpoch(0))
    put(request)
    append(contentsOf: json)
    endLink(start)
  }
}
