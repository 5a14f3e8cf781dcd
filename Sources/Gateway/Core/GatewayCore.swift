// The gateway's decisions, for one loop: connections, attachments, links, marks. A value without clock, randomness or
// I/O: the shell (or the simulator) tells it what happened and when, then takes what is to be sent:
//
//   event in:  open, receive, close (clients) · openLink, receive, closeLink (workers) · tick
//   then:      while let c = nextDirty() { takeOutput(c) or stall(c) }; the same for links
//
// No call may be made from inside a closure given to another. Late calls with ids that are no more do nothing.
// The same calls give the same bytes.
package import Core
import Wire

package struct GatewayCore {
  let settings: GatewaySettings
  var connections: [Connection] = []
  private var freeConnections: [UInt32] = []
  private var lives: UInt32 = 0
  /// The newest connection of each session. Looked up, never iterated.
  var sessions: [SessionID: ConnectionID] = [:]
  private var addresses: [ClientAddress: Int] = [:]
  var routes = RouteTable(countMax: Limits.routesPerLoopMax)
  var links: [Link] = []
  private var linkLives: UInt32 = 0
  var shards: [Shard]
  /// Of rooms, on their way to other rooms' owners, by the numbers they go under. Looked up, iterated in order only.
  var requests: [UInt32: PassedRequest] = [:]
  var nextRequest: UInt32 = 0
  var requestWaits = DeadlineQueue<UInt32>()
  /// Deadlines, in rising order: every wait of one kind takes equally long.
  private var handshakes = DeadlineQueue<ConnectionID>()
  var ownerWaits = DeadlineQueue<Route>()
  var dirty: [ConnectionID] = []
  private var firstDirty = 0
  private var dirtyLinks: [LinkID] = []
  private var storage: [[UInt8]] = []
  package var counters = GatewayCounters()

  package init(_ settings: GatewaySettings) {
    self.settings = settings
    shards = Array(repeating: Shard(), count: settings.shards.count)
  }

  package var connectionCount: Int { connections.count - freeConnections.count }
  package var routeCount: Int { routes.used }
  /// Bytes that wait for a client.
  package func pendingOutput(_ id: ConnectionID) -> Int { find(id).map { connections[$0].out.count } ?? 0 }
  package var outboundBytesMax: Int { settings.outboundBytesMax }

  // MARK: Connections

  /// A client connected. Always gives an id; where the connection is refused, its error waits to be sent.
  package mutating func open(_ address: ClientAddress, now: Now) -> ConnectionID {
    lives &+= 1
    counters.connections += 1
    let connection = Connection(life: lives, address: address, credit: creditMax, now: now.monotonic)
    let slot: UInt32
    if let free = freeConnections.popLast() {
      slot = free
      connections[Int(slot)] = connection
    } else {
      slot = UInt32(connections.count)
      connections.append(connection)
    }
    let id = ConnectionID(slot: slot, life: lives)
    let count = addresses[address, default: 0] + 1
    addresses[address] = count
    if count > settings.connectionsPerAddressMax {
      fail(id, .tooMany, "too many connections from this address", retry: Limits.retryUnavailableMilliseconds)
    } else if connectionCount > settings.connectionsMax {
      fail(id, .tooMany, "this server takes no more connections just now", retry: Limits.retryUnavailableMilliseconds)
    } else {
      handshakes.add(id, at: now.monotonic + settings.handshakeMicroseconds)
    }
    return id
  }

  /// The transport is closed, by whomever.
  package mutating func close(_ id: ConnectionID) {
    guard let c = find(id) else { return }
    endSession(c)
    let address = connections[c].address
    if let count = addresses[address], count > 1 {
      addresses[address] = count - 1
    } else {
      addresses[address] = nil
    }
    recycle(connections[c].out.takeAll())
    connections[c] = Connection(life: 0, address: address, credit: 0, now: 0)
    connections[c].isOpen = false
    freeConnections.append(UInt32(c))
  }

  /// Another loop of this gateway has a newer connection of the session.
  package mutating func claimed(_ session: SessionID, by generation: Generation) {
    guard let id = sessions[session], let c = find(id), connections[c].generation < generation else { return }
    replace(id)
  }

  mutating func replace(_ id: ConnectionID) {
    fail(id, .replaced, "a newer connection of this session took over")
  }

  func find(_ id: ConnectionID) -> Int? {
    let slot = Int(id.slot)
    guard slot < connections.count, connections[slot].isOpen, connections[slot].life == id.life else { return nil }
    return slot
  }
  func id(_ c: Int) -> ConnectionID { ConnectionID(slot: UInt32(c), life: connections[c].life) }

  /// Its attachments end; the rooms are told, and give the member time to come back.
  private mutating func endSession(_ c: Int) {
    let handles = connections[c].handles
    connections[c].handles = []
    for handle in handles {
      let entry = routes[handle.route]
      if entry.isAsked, let owner = shards[Int(entry.shard.rawValue)].owner {
        say(owner, entry.shard, .detach(routes.route(at: handle.route), connections[c].generation))
      }
      routes.free(handle.route)
    }
    let session = connections[c].session
    if sessions[session] == id(c) { sessions[session] = nil }
  }

  // MARK: Answers

  /// An error that ends the connection; what waits before it is dropped where the client is too slow to take it.
  mutating func fail(_ id: ConnectionID, _ code: ClientErrorCode, _ text: StaticString, retry: UInt32 = 0) {
    guard let c = find(id), connections[c].phase != .closing else { return }
    endSession(c)
    connections[c].phase = .closing
    if code == .tooSlow {
      counters.tooSlow += 1
      recycle(connections[c].out.takeAll())
    }
    error(c, code, text, retry: retry, joinID: JoinID(0), closing: true)
  }

  /// An error about one membership; the connection goes on.
  mutating func refuse(_ c: Int, _ joinID: JoinID, _ code: ClientErrorCode, _ text: StaticString, retry: UInt32 = 0) {
    error(c, code, text, retry: retry, joinID: joinID, closing: false)
  }

  private mutating func error(
    _ c: Int, _ code: ClientErrorCode, _ text: StaticString, retry: UInt32, joinID: JoinID, closing: Bool
  ) {
    counters.errors += 1
    let text = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    send(c) {
      encodeErrorFrame(into: &$0, code, text: text, retryMilliseconds: retry, joinID: joinID, closing: closing)
    }
  }

  /// Queues one frame that the gateway itself makes, if the client is not too slow.
  mutating func send(_ c: Int, _ encode: (inout [UInt8]) -> Void) {
    guard connections[c].phase == .closing || hasRoom(c) else { return }
    makeDirty(c)
    counters.framesOut += 1
    connections[c].out.append(encode)
  }

  mutating func makeDirty(_ c: Int) {
    guard !connections[c].isDirty else { return }
    connections[c].isDirty = true
    dirty.append(id(c))
    if connections[c].out.count == 0, let storage = storage.popLast() { connections[c].out.give(storage: storage) }
  }

  /// Whether a frame that must not be dropped may be queued; if not, the client is told that it is too slow.
  mutating func hasRoom(_ c: Int) -> Bool {
    if connections[c].out.count < settings.outboundBytesMax { return true }
    fail(id(c), .tooSlow, "more waits for this client than it takes; come back and attach")
    return false
  }

  // MARK: Links

  /// A connection to a worker stands.
  package mutating func openLink() -> LinkID {
    linkLives += 1
    let slot: Int
    if let free = links.firstIndex(where: { !$0.isOpen }) {
      slot = free
      links[slot] = Link(life: linkLives)
    } else {
      slot = links.count
      links.append(Link(life: linkLives))
    }
    say(
      slot, ShardID(0), .hello(gateway: settings.epoch, loop: settings.loop, loops: settings.loops),
      epoch: ShardEpoch(0))
    return LinkID(slot: UInt32(slot), life: linkLives)
  }

  func find(_ id: LinkID) -> Int? {
    let slot = Int(id.slot)
    guard slot < links.count, links[slot].isOpen, links[slot].life == id.life else { return nil }
    return slot
  }

  /// Appends a record to a link's output.
  mutating func say(_ link: Int, _ shard: ShardID, _ record: LinkToWorker, epoch: ShardEpoch? = nil) {
    if !links[link].isDirty {
      links[link].isDirty = true
      dirtyLinks.append(LinkID(slot: UInt32(link), life: links[link].life))
    }
    record.encode(shard, epoch ?? shards[Int(shard.rawValue)].epoch, into: &links[link].out)
  }

  // MARK: Time

  /// To be called a few times a second.
  package mutating func tick(now: Now) {
    while let id = handshakes.takeDue(now.monotonic) {
      guard let c = find(id), connections[c].phase == .opened else { continue }
      fail(id, .tooSlow, "no Hello came in time")
    }
    while let route = ownerWaits.takeDue(now.monotonic) { giveUp(route, now: now) }
    forgetOverdueRequests(now)
    for link in links.indices { confirm(link) }
  }

  // MARK: What is to be sent

  /// A connection with something to send. Answer it with `takeOutput` or `stall` before the next event.
  package mutating func nextDirty() -> ConnectionID? {
    while firstDirty < dirty.count {
      let id = dirty[firstDirty]
      firstDirty += 1
      guard let c = find(id), connections[c].isDirty else { continue }
      connections[c].isDirty = false
      return id
    }
    dirty.removeAll(keepingCapacity: true)
    firstDirty = 0
    return nil
  }

  /// Gives all that waits for the connection: whole frames, each behind its length. True: close it after these.
  package mutating func takeOutput(_ id: ConnectionID, _ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
    guard let c = find(id) else { return true }
    let bytes = connections[c].out.takeAll()
    if !bytes.isEmpty { bytes.withUnsafeBytes(body) }
    recycle(consume bytes)
    return connections[c].phase == .closing
  }
  /// Whether the connection is to be closed once its output is gone.
  package func isClosing(_ id: ConnectionID) -> Bool {
    guard let c = find(id) else { return true }
    return connections[c].phase == .closing
  }

  /// The transport cannot take more now; it waits here until `writable`.
  package mutating func stall(_ id: ConnectionID) {
    guard let c = find(id) else { return }
    connections[c].out.stall()
  }
  package mutating func writable(_ id: ConnectionID) {
    guard let c = find(id), connections[c].out.count > 0 else { return }
    makeDirty(c)
  }

  package mutating func nextDirtyLink() -> LinkID? {
    while let id = dirtyLinks.popLast() {
      guard let l = find(id), links[l].isDirty else { continue }
      links[l].isDirty = false
      return id
    }
    return nil
  }
  /// Gives all that waits for the worker.
  package mutating func takeLinkOutput(_ id: LinkID, _ body: (UnsafeRawBufferPointer) -> Void) {
    guard let l = find(id) else { return }
    if !links[l].out.isEmpty { links[l].out.withUnsafeBytes(body) }
    links[l].out.removeAll(keepingCapacity: links[l].out.capacity <= 1_048_576)
    links[l].isStalled = false
    if links[l].hasDropped { repairDropped(l) }
  }
  package mutating func stallLink(_ id: LinkID) {
    guard let l = find(id) else { return }
    links[l].isStalled = true
  }
  package mutating func linkWritable(_ id: LinkID) {
    guard let l = find(id), !links[l].isDirty else { return }
    links[l].isDirty = true
    dirtyLinks.append(id)
  }

  /// Buffers go round among the connections, so that a quiet one holds none.
  private mutating func recycle(_ bytes: consuming [UInt8]) {
    guard bytes.capacity > 0, bytes.capacity <= 65_536, storage.count < 1_024 else { return }
    var bytes = bytes
    bytes.removeAll(keepingCapacity: true)
    storage.append(bytes)
  }
}
