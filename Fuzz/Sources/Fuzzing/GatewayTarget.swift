// The gateway's core between strangers and a worker that says anything.
import Core
import GatewayCore
import Wire

extension FuzzTarget {
  static let gateway = FuzzTarget(
    name: "gateway", bytesMax: 16_384, seeds: { GatewayRun.seeds },
    run: { bytes in
      var run = GatewayRun()
      var script = Script(bytes)
      while !script.isAtEnd { run.step(&script) }
      run.finish()
    })
}

private struct GatewayRun {
  enum Operation: UInt8 {
    case pass, open, close, client, openLink, closeLink, link, drain, claimed, linkTransport
    static let count: UInt8 = 10
  }
  struct Client {
    var id: ConnectionID
    var pending: [UInt8] = []
    var isStalled = false
  }
  struct Worker {
    var id: LinkID
    var pending: [UInt8] = []
  }

  static let map = ShardMap(count: 2, key: (1, 2))
  var core = GatewayCore(GatewaySettings(epoch: GatewayEpoch(1), loop: 0, loops: 1, shards: map))
  var now = Now(wall: 1_700_000_000_000_000, monotonic: 1_000_000)
  var clients: [Client] = []
  var workers: [Worker] = []
  var hellos: UInt32 = 0

  mutating func step(_ script: inout Script) {
    switch Operation(rawValue: script.take(UInt8.self) % Operation.count)! {
    case .pass:
      let milliseconds = Int64(script.take(UInt16.self))
      now.monotonic += milliseconds * 1_000
      now.wall += milliseconds * 1_000
      core.tick(now: now)
    case .open:
      guard clients.count < 8 else { return }
      clients.append(Client(id: core.open(ClientAddress(high: 0, low: UInt64(script.take(UInt8.self))), now: now)))
    case .close:
      guard let c = choose(clients.count, &script) else { return }
      core.close(clients.remove(at: c).id)
    case .client:
      guard let c = choose(clients.count, &script) else { return }
      clients[c].pending.append(contentsOf: script.takePiece())
      listen(c)
    case .openLink:
      if workers.count < 3 { workers.append(Worker(id: core.openLink())) }
    case .closeLink:
      guard let w = choose(workers.count, &script) else { return }
      core.closeLink(workers.remove(at: w).id, now: now)
    case .link:
      guard let w = choose(workers.count, &script) else { return }
      workers[w].pending.append(contentsOf: script.takePiece())
      hear(w)
    case .drain: drain(isStalled: script.take(UInt8.self) & 3 == 3)
    case .claimed: core.claimed(script.take(), by: script.take())
    case .linkTransport:
      guard let w = choose(workers.count, &script) else { return }
      if script.take(UInt8.self) & 1 == 0 { core.stallLink(workers[w].id) } else { core.linkWritable(workers[w].id) }
    }
    precondition(core.routeCount <= clients.count * Limits.membershipsPerSessionMax, "routes outlive their clients")
  }

  private func choose(_ count: Int, _ script: inout Script) -> Int? {
    let byte = Int(script.take(UInt8.self))
    return count > 0 ? byte % count : nil
  }

  private mutating func listen(_ c: Int) {
    let bytes = clients[c].pending
    var hellos = hellos
    let received = bytes.withUnsafeBytes { core.receive(clients[c].id, $0, now: now) { Self.decode($0, &hellos) } }
    self.hellos = hellos
    precondition(received.consumed <= bytes.count && received.consumed >= 0, "more was consumed than there is")
    clients[c].pending.removeFirst(received.consumed)
  }

  /// In the place of the generated code: a byte says which message, the rest is its fields.
  private static func decode(_ frame: UnsafeRawBufferPointer, _ hellos: inout UInt32) -> ClientMessage {
    var script = Script(frame)
    switch script.take(UInt8.self) {
    case 1:
      hellos += 1
      let session: UInt8 = script.take()
      return .hello(
        .init(
          version: UInt32(script.take(UInt8.self)), name: Array(script.takePiece()),
          ticket: session == 0xFF
            ? .bad
            : .session(
              SessionID(epoch: GatewayEpoch(1), counter: UInt32(session)), resumed: session & 1 == 1, counter: hellos,
              token: [1, 2, 3])))
    case 2:
      return .join(
        script.take(), module: Array(script.takePiece()), key: Array(script.takePiece()),
        parameters: Array(script.takePiece()))
    case 3: return .attach(script.take(), script.take(), script.take(), lastOut: script.take())
    case 4: return .input(script.take(), script.take(), stamp: script.take(), payload: Array(script.takePiece()))
    case 5: return .leave(script.take(), script.take())
    case 6: return .ping(time: script.take())
    case 7: return .unknown
    default: return .malformed
    }
  }

  private mutating func hear(_ w: Int) {
    let bytes = workers[w].pending
    do throws(LinkError) {
      var failure: LinkError?
      let consumed = bytes.withUnsafeBytes { buffer in
        do throws(LinkError) { return try core.receive(workers[w].id, buffer, now: now) } catch {
          failure = error
          return 0
        }
      }
      if let failure { throw failure }
      precondition(consumed <= bytes.count && consumed >= 0, "more was consumed than there is")
      workers[w].pending.removeFirst(consumed)
    } catch {
      core.closeLink(workers.remove(at: w).id, now: now)
    }
  }

  private mutating func drain(isStalled: Bool) {
    var closing: [ConnectionID] = []
    while let id = core.nextDirty() {
      if isStalled {
        core.stall(id)
        continue
      }
      if core.takeOutput(id, Self.checkFrames) { closing.append(id) }
    }
    for id in closing {
      clients.removeAll { $0.id == id }
      core.close(id)
    }
    while let id = core.nextDirtyLink() {
      core.takeLinkOutput(id) { bytes in
        precondition(bytes.count <= Limits.linkPendingBytesMax + (1 << 20), "a link's output is not bounded")
        var reader = LinkReader(bytes)
        while let (header, body) = (try? reader.next()) ?? nil {
          precondition((try? LinkToWorker(header, body)) != nil, "the gateway says what no worker understands")
        }
        precondition(reader.consumed == bytes.count, "the gateway says half a record")
      }
    }
  }

  private static func checkFrames(_ bytes: UnsafeRawBufferPointer) {
    precondition(bytes.count <= Limits.outboundBytesMax + (1 << 20), "a client's output is not bounded")
    var reader = ByteReader(bytes)
    while !reader.isAtEnd {
      guard let length = try? reader.take(UInt32.self), (try? reader.take(bytes: Int(length.byteSwapped))) != nil else {
        preconditionFailure("a client is sent half a frame")
      }
    }
  }

  mutating func finish() {
    drain(isStalled: false)
    for client in clients { core.close(client.id) }
    precondition(core.routeCount == 0 && core.connectionCount == 0, "something is left of clients that are gone")
  }

  // MARK: Seeds

  static var seeds: [[UInt8]] {
    let room = map.room(module: Array("tally".utf8), key: [UInt8](repeating: UInt8(ascii: "a"), count: 1))
    let shard = map.shard(of: room)
    let epoch = ShardEpoch(1)
    let hello = client(0, frame([1, 2, 1]) { $0.putPiece(Array("ann".utf8)) })
    let join = client(
      0,
      frame([2]) {
        $0.put(JoinID(1))
        $0.putPiece(Array("tally".utf8))
        $0.putPiece(Array("a".utf8))
        $0.putPiece([])
      })
    let attach = client(
      0,
      frame([3]) {
        $0.put(JoinID(2))
        $0.put(room)
        $0.put(Timeline(1))
        $0.put(OutSeq(3))
      })
    let serving = link([UInt8](made: { $0.putServing(shard, epoch) }))
    let answers = link(LinkSeeds.toGateway(shard: shard, epoch: epoch, room: room))
    let input = FuzzTarget.inputFrame(1, 1, [1, 2, 3])
    let inputs = client(0, frame(input) { _ in } + frame(FuzzTarget.inputFrame(1, 0, stamp: 4, [1])) { _ in })
    let last = client(
      0,
      frame([5]) {
        $0.put(JoinID(1)); $0.put(InputSeq(2))
      } + frame([6]) { $0.put(UInt64(9)) })
    let open: [UInt8] = [Operation.open.rawValue, 1]
    let openLink: [UInt8] = [Operation.openLink.rawValue]
    let drain: [UInt8] = [Operation.drain.rawValue, 0]
    let stall: [UInt8] = [Operation.drain.rawValue, 3]
    let pass: [UInt8] = [Operation.pass.rawValue, 0x10, 0x27]
    return [
      openLink + serving + open + hello + join + drain + answers + inputs + last + drain,
      open + hello + join + pass + openLink + serving + answers + stall + answers + inputs + drain,
      open + hello + attach + openLink + serving + answers + [Operation.closeLink.rawValue, 0] + openLink + serving
        + inputs + pass + drain,
      open + open + hello + client(1, frame([1, 2, 1]) { $0.putPiece([]) }) + drain + join + [
        Operation.close.rawValue, 0,
      ],
      openLink + serving + open + hello + join + attach + answers + [Operation.linkTransport.rawValue, 0, 0] + inputs
        + [Operation.linkTransport.rawValue, 0, 1] + drain + pass + drain,
    ]
  }

  private static func frame(_ start: [UInt8], _ write: (inout [UInt8]) -> Void) -> [UInt8] {
    let body = start + [UInt8](made: write)
    return [UInt8](made: { $0.put(UInt32(body.count).byteSwapped) }) + body
  }
  private static func client(_ c: UInt8, _ bytes: [UInt8]) -> [UInt8] {
    [Operation.client.rawValue, c] + [UInt8](made: { $0.putPiece(bytes) })
  }
  private static func link(_ bytes: [UInt8]) -> [UInt8] {
    [Operation.link.rawValue, 0] + [UInt8](made: { $0.putPiece(bytes) })
  }
}
