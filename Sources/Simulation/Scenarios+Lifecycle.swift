// Rooms that begin and end, signals to them, and what is looked at in them.
import Core
import Wire
import WorkerCore

extension Stage {
  private func found(_ room: Int) -> Room? {
    let id = world.place(room).id
    return world.supervisor.owner(of: Int(world.map.shard(of: id).rawValue))?.worker.room(id)
  }
  /// Numbered outputs that no gateway has confirmed.
  func unconfirmed(_ room: Int = 0) -> Int { found(room)?.unconfirmed ?? 0 }
  func ticks(_ room: Int = 0) -> UInt64 { found(room)?.host?.tick ?? 0 }
}

/// Control's own link to whoever owns the shard; a new one for each owner, for answers go with a process.
final class SimulatedControl {
  private let world: World
  private var process: WorkerProcess?
  private var link = 0
  private var requests: UInt32 = 0
  private(set) var answers: [UInt32: CommandAnswer] = [:]

  init(_ world: World) { self.world = world }

  /// Nil: nobody serves the shard, or who does hangs.
  func ask(_ body: (_ module: UnsafeRawBufferPointer, _ key: UnsafeRawBufferPointer) -> RoomCommand, room: Int = 0)
    -> UInt32?
  {
    let place = world.place(room)
    guard let owner = world.supervisor.owner(of: Int(world.map.shard(of: place.id).rawValue)), owner.isAlive,
      !owner.isHung
    else {
      return nil
    }
    if process !== owner {
      process = owner
      link = owner.worker.openLink()
    }
    requests += 1
    var bytes: [UInt8] = []
    Array(place.module.utf8).withUnsafeBytes { module in
      Array(place.key.utf8).withUnsafeBytes { key in
        LinkToWorker.command(request: requests, body(module, key)).encode(ShardID(0), ShardEpoch(0), into: &bytes)
      }
    }
    bytes.withUnsafeBytes { bytes in
      do throws(LinkError) { _ = try owner.worker.receive(link, bytes) } catch {
        world.fail("I-7", "a worker does not understand a command: \(error)")
      }
    }
    owner.wake(after: 1)
    return requests
  }

  func hear() {
    guard let process, process.isAlive else { return }
    process.worker.takeOutput(link) { bytes in
      var reader = LinkReader(bytes)
      while let (header, body) = (try? reader.next()) ?? nil {
        if case .commanded(let request, let answer)? = try? LinkToGateway(header, body) { answers[request] = answer }
      }
      return reader.consumed
    }
  }
}

extension Stage {
  /// Asks until somebody answers more than `busy` or "not mine", through deaths, as control does.
  func command(
    _ control: SimulatedControl, room: Int = 0,
    _ body: (_ module: UnsafeRawBufferPointer, _ key: UnsafeRawBufferPointer) -> RoomCommand
  ) -> CommandAnswer? {
    for _ in 0..<200 where world.violation == nil {
      guard let request = control.ask(body, room: room) else {
        wait(20)
        continue
      }
      let before = deaths
      _ = world.run(atMost: 1_000_000) {
        control.hear()
        return control.answers[request] != nil || self.deaths > before
      }
      switch control.answers[request] {
      case .busy?, .notMine?, nil: wait(20)
      case .some(let answer): return answer
      }
    }
    world.fail("scenario", "a command is never answered")
    return nil
  }
  func signal(
    _ control: SimulatedControl, _ operation: UInt64, key: String, _ command: ScriptedCommand = .append, room: Int = 0
  ) -> CommandAnswer? {
    var payload = [command.rawValue]
    payload.put(operation)
    return payload.withUnsafeBytes { payload in
      Array(key.utf8).withUnsafeBytes { idempotencyKey in
        self.command(control, room: room) { module, key in
          .signal(module: module, key: key, idempotencyKey: idempotencyKey, payload: payload)
        }
      }
    }
  }
  func end(_ control: SimulatedControl, room: Int = 0) -> CommandAnswer? {
    Array("closed".utf8).withUnsafeBytes { reason in
      command(control, room: room) { _, _ in .end(self.world.place(room).id, reason: reason) }
    }
  }
  /// What the room was signalled, by its living owner.
  func signals(_ room: Int = 0) -> [UInt64] { world.scripted(room)?.signals ?? [] }
  func hasEnded(_ room: Int = 0) -> Bool { found(room)?.host?.ended != nil }
  func done(_ room: Int, _ operation: UInt64) -> CommandAnswer {
    var reply: [UInt8] = []
    reply.put(operation)
    return .done(world.place(room).id, reply: reply)
  }
}

extension World {
  /// The room's own state; nil while it is not ready.
  func scripted(_ room: Int) -> ScriptedRoom? {
    let id = place(room).id
    guard let process = supervisor.owner(of: Int(map.shard(of: id).rawValue)), let found = process.worker.room(id),
      found.phase == .ready, found.host != nil
    else { return nil }
    return process.worker.encodeSnapshot(found).withUnsafeBytes { bytes in
      (try? RoomSnapshot(bytes)).flatMap { try? ScriptedRoom($0.image) }
    }
  }
}

extension Scenario {
  package static let lifecycle: [Scenario] = [
    Scenario("a-signal-sent-twice-with-a-death-between", "it runs once and is answered the same, by its key") { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      s.everybodySends(3)
      s.settle()
      s.expect("an answer", s.signal(control, 71, key: "order-71") == s.done(0, 71))
      s.world.killOwner(of: 0)
      s.settle()
      s.expect("the same answer", s.signal(control, 71, key: "order-71") == s.done(0, 71))
      s.expect("another one runs", s.signal(control, 72, key: "order-72") == s.done(0, 72))
      s.world.killOwner(of: 0)
      s.settle()
      s.expect("each ran once", s.signals() == [71, 72])
    },
    Scenario(
      "a-signal-whose-worker-dies-before-the-answer", "asked again with the same key, it has run once, wherever it died"
    ) { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      var sent: [UInt64] = []
      for point in [TurnPoint.received, .staged, .written, .executed, .keptUp] {
        let operation = UInt64(100 + point.rawValue)
        sent.append(operation)
        let before = s.deaths
        s.world.killOwner(of: 0, at: point)
        s.expect("an answer", s.signal(control, operation, key: "order-\(operation)") == s.done(0, operation))
        s.expect("it died", s.deaths == before + 1)
        s.everybodySends(2)
        s.settle()
      }
      s.expect("each ran once", s.signals() == sent)
      s.expect("20 operations", s.operations().count == 20)
    },
    Scenario("a-signal-that-fails", "is undone, told, and told the same after a death") { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      s.everybodySends(3)
      for i: UInt64 in 0..<6 {
        guard case .failed? = s.signal(control, i, key: "bad-\(i)", .trap) else { return s.expect("it fails", false) }
      }
      s.world.killOwner(of: 0)
      s.settle()
      guard case .failed? = s.signal(control, 5, key: "bad-5", .trap) else { return s.expect("it fails", false) }
      s.expect("nothing is left of them", s.signals().isEmpty && s.operations().count == 6)
      s.expect("the room is not blamed", s.world.counters.freezes == 0)
    },
    Scenario("a-room-that-ends-while-members-are-suspended", "they are told when they come back") { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      s.everybodySends(2)
      s.settle()
      // The second player's way is cut until it is suspended.
      for _ in 0..<40 {
        s.client(1).drop()
        s.wait(100)
      }
      s.expect("it ends", s.end(control) == .done(s.world.place(0).id, reply: []))
      s.until("everybody knows") { s.world.clients.allSatisfy { $0.joined == 0 } }
      s.expect("nobody is a member", s.world.members(0) == 0)
      s.client(0).join(0)
      s.until("who joins is refused") { s.client(0).joined == 0 }
      s.expect("it is over", s.hasEnded())
    },
    Scenario("a-room-that-ends-itself-and-a-death-before-the-record", "the next owner writes its end") { s in
      s.everybodyJoins()
      s.everybodySends(2)
      s.settle()
      s.killOwner(at: .executed) { s.client(0).send(.end, to: 0) }
      s.until("everybody knows") { s.world.clients.allSatisfy { $0.joined == 0 } }
      s.until("it is over") { s.hasEnded() }
      s.expect("what came before is there", s.operations().count == 5)
      s.world.killOwner(of: 0)
      s.until("it is over for the next owner too") { s.hasEnded() }
    },
    Scenario(
      "a-room-that-ends-itself-beside-a-snapshot", "the snapshot waits for the end", { $0.fuelPerCall = 700_000_000 }
    ) { s in
      s.everybodyJoins()
      s.everybodySends(2)
      s.settle()
      s.killOwner(at: .keptUp) { s.client(0).send(.end, to: 0) }
      s.until("everybody knows") { s.world.clients.allSatisfy { $0.joined == 0 } }
      s.until("it is over") { s.hasEnded() }
    },
    Scenario(
      "an-empty-room-and-an-hour-of-downtime", "its clock runs only while it is served", { $0.rooms = 6 }
    ) { s in
      s.everybodyJoins(5)
      s.everybodySends(2, to: 5)
      s.settle()
      for client in s.world.clients { client.leave(5) }
      s.until("it is empty") { s.world.members(5) == 0 && s.world.clients.allSatisfy { $0.joined == 0 } }
      s.wait(60_000)
      s.world.killEverything(downtime: 3_600_000_000)
      s.wait(3_600_500)
      s.settle()
      s.wait(10_000)
      s.expect("it is not over", !s.hasEnded(5))
      for client in s.world.clients { client.join(5) }
      s.settle()
      s.expect("it remembers", s.operations(5).count == 4)
      for client in s.world.clients { client.leave(5) }
      s.until("then it ends", within: 300_000_000) { s.hasEnded(5) }
    },
  ]
}
