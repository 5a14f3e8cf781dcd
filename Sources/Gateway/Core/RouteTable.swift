// The attachments of one loop. A route is the index of an entry (lower 20 bits) and a tag (upper 12) that changes with
// every use of the entry, so that a record still on its way for an earlier use finds nothing. Entries are used again
// in the order in which they became free, and only when there are at least `spare` of them: 4,096 tags times `spare`
// uses lie between two equal routes.
import Core

struct RouteEntry {
  /// The worker owes an answer, or the client has been told that it is attached.
  enum Phase { case joining, attaching, attached }

  var tag: UInt32
  /// nil: the entry is free.
  var connection: ConnectionID?
  var joinID = JoinID(0)
  var room = RoomID(0)
  var shard = ShardID(0)
  var phase = Phase.joining
  /// While it waits for an owner: until when, on the monotonic clock.
  var waitsUntil: Int64?
  /// The current owner was asked.
  var isAsked = false
  /// The current owner has answered `attached`: inputs may go to it, and its outputs count.
  var isLive = false
  /// Inputs were dropped because the link was over its bound: to be repaired by an attach.
  var hasDropped = false
  /// What was passed on, as a pair: numbered outputs of this timeline at or below it are dropped.
  var timeline = Timeline(0)
  var mark = OutSeq(0)
  /// What the client claims to have, until the owner has answered.
  var claim: (timeline: Timeline, lastOut: OutSeq) = (Timeline(0), OutSeq(0))
  /// The join, until it is answered: a new owner is asked again.
  var join: Join?

  struct Join {
    var module: [UInt8]
    var key: [UInt8]
    var parameters: [UInt8]
  }
}

struct RouteTable {
  static let indexBits: UInt32 = 20
  static let spare = 64
  private(set) var entries: [RouteEntry] = []
  private var free: [UInt32] = []
  private var firstFree = 0
  private let countMax: Int

  init(countMax: Int) {
    precondition(countMax <= 1 << Int(Self.indexBits), "a route's index has 20 bits")
    self.countMax = countMax
  }

  var freeCount: Int { free.count - firstFree }
  var used: Int { entries.count - freeCount }

  func route(at index: Int) -> Route { Route(entries[index].tag << Self.indexBits | UInt32(index)) }

  /// The entry's index, or nil where the route is no more.
  func find(_ route: Route) -> Int? {
    let index = Int(route.rawValue & (1 << Self.indexBits - 1))
    guard index < entries.count, entries[index].connection != nil,
      entries[index].tag == route.rawValue >> Self.indexBits
    else { return nil }
    return index
  }

  /// nil: every entry is in use.
  mutating func make(_ connection: ConnectionID, _ joinID: JoinID, _ room: RoomID, _ shard: ShardID) -> Int? {
    let index: Int
    var entry = RouteEntry(tag: 0, connection: connection)
    if freeCount > Self.spare || (entries.count >= countMax && freeCount > 0) {
      index = Int(free[firstFree])
      firstFree += 1
      if firstFree > 1024, firstFree * 2 > free.count {
        free.removeFirst(firstFree)
        firstFree = 0
      }
      entry.tag = entries[index].tag
    } else {
      guard entries.count < countMax else { return nil }
      index = entries.count
      entries.append(entry)
    }
    entry.joinID = joinID
    entry.room = room
    entry.shard = shard
    entries[index] = entry
    return index
  }

  mutating func free(_ index: Int) {
    precondition(entries[index].connection != nil, "a route is freed once")
    entries[index] = RouteEntry(tag: (entries[index].tag + 1) & 0xfff, connection: nil)
    free.append(UInt32(index))
  }

  subscript(index: Int) -> RouteEntry {
    _read { yield entries[index] }
    _modify { yield &entries[index] }
  }
}
