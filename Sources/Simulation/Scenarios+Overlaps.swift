// Things that overlap or arrive in another order than they were sent.
import Core
import GatewayCore
import Wire
import WorkerCore

extension Scenario {
  package static let overlaps: [Scenario] = [
    Scenario(
      "two-attaches-in-the-wrong-order", "the older one and its detach are read after the newer one was answered",
      { $0.loops = 2 }
    ) { s in
      let player = s.client(0)
      s.spreadOverLoops()
      s.everybodyJoins()
      s.everybodySends(3)
      s.settle()
      s.world.delayLinks(ofLoop: 0, by: 20_000_000)
      // It comes back to the loop whose words take so long, and then, not answered, to the other one.
      player.drop()
      s.until("it is welcomed back") { player.isUp && player.loop == 0 && s.world.bytesToWorkers(ofLoop: 0) > 0 }
      s.wait(50)
      s.expect("the older attach is on its way", player.isAllArrived && !player.isSettled)
      player.loopChoice = 1
      player.drop()
      s.until("the newer one is answered") { player.isSettled }
      let attached = player.heardCount.attached
      s.until("the older one is read") { s.world.bytesToWorkers(ofLoop: 0) == 0 }
      s.world.delayLinks(ofLoop: 0, by: 100)
      s.client(1).send(.append, to: 0)
      s.until("outputs still come", within: 1_000_000) {
        player.view(of: 0) == s.operations() && s.operations().count == 7
      }
      s.expect("without another repair", player.heardCount.attached == attached)
    },
    Scenario(
      "busy-for-a-number-while-the-next-is-on-its-way",
      "the next is dropped without a word, and both come again in order",
      { $0.loops = 2 }
    ) { s in
      let player = s.client(0)
      s.spreadOverLoops()
      s.everybodyJoins()
      // The other loop confirms nothing: the room comes to its output bound.
      s.world.stallLoop(1, for: 10_000_000)
      for _ in 0..<6 { player.send(.shower, to: 0, argument: 100) }
      s.until("all is applied") { player.isSettled }
      s.expect("the room is busy", s.world.busy(0) == .outputs)
      let (expected, before) = (player.heardCount.expected, s.operations().count)
      player.send(.append, to: 0)
      s.until("the first has arrived") { player.isAllArrived }
      player.holdBack()
      player.send(.append, to: 0)
      s.wait(25)
      s.world.stallLoop(1, for: 0)
      s.until("the room is not busy any more") { s.world.busy(0) == nil }
      s.expect("nothing was applied", s.operations().count == before)
      player.letGo()
      s.settle()
      s.expect("both are applied", s.operations().count == before + 2)
      s.expect("nobody was told to go back", player.heardCount.expected == expected)
    },
    Scenario(
      "old-and-new-supervisor-overlap", "both give the shard away; the lock and the epochs leave one owner at a time",
      { $0.clients = 3 }
    ) { s in
      s.everybodyJoins()
      s.everybodySends(5)
      s.settle()
      for round in 1...5 {
        s.everybodySends(2)
        s.world.overlapSupervisors(for: 400_000)
        s.wait(Int64(round) * 20)
        s.everybodySends(2)
        // The old owner dies: the old supervisor orders its spare, the new one's worker waits for the lock already.
        let old = s.world.oldSupervisor
        s.until("the new one's worker waits") { s.world.supervisor.processes.contains { $0.isLockedOut } }
        s.expect("nobody else owns it", old?.owner(of: 0)?.stores[0] != nil)
        old?.owner(of: 0)?.die("killed")
        s.everybodySends(1)
        s.until("the first supervisor is gone") { s.world.oldSupervisor == nil }
        s.settle()
        s.expect("\(5 + 5 * round) operations each", s.operations().count == 3 * (5 + 5 * round))
      }
      s.expect("all are members", s.world.members(0) == 3)
    },
    Scenario(
      "snapshots-and-returns-at-random-times", "every snapshot, state and view is what a twin that never crashed has",
      { o in
        o.clients = 4
        o.fuelPerCall = 120_000_000
      }
    ) { s in
      s.everybodyJoins()
      var random = RandomState(seed: 11)
      for round in 1...60 {
        let player = s.client(Int(random.next() % 4))
        switch random.next() % 8 {
        case 0: player.drop()
        case 1:
          player.reload()
          player.join(0)
        case 2: s.world.killOwner(of: 0)
        case 3: player.send(.trap, to: 0)
        default: break
        }
        // Who makes the room fail too often is removed.
        for client in s.world.clients where client.joined == 0 { client.join(0) }
        for client in s.world.clients { client.send([.append, .draw, .split][Int(random.next() % 3)], to: 0) }
        s.world.run(for: Int64(random.next() % 200_000))
        guard round % 10 == 0 else { continue }
        s.settle()
        s.until("all know the same", within: 2_000_000) {
          s.world.clients.allSatisfy { $0.joined == 0 || $0.view(of: 0) == s.operations() }
        }
      }
      s.world.killOwner(of: 0)
      s.settle()
      s.expect("there were snapshots", s.world.counters.snapshots > 10)
    },
    Scenario(
      "another-fuel-setting", "a room keeps the limits that it was created with; a new room gets the new ones",
      { $0.rooms = 2 }
    ) { s in
      s.everybodyJoins(0)
      s.everybodySends(3, to: 0)
      s.client(0).send(.burn, to: 0)
      s.settle()
      s.expect("too much for the old limits", s.operations(0).count == 6)
      s.world.fuelCallsMax = 4
      s.world.restart(workers: 1)
      s.settle()
      s.client(0).send(.burn, to: 0)
      s.settle()
      s.expect("it still is", s.operations(0).count == 6)
      s.everybodyJoins(1)
      s.client(0).send(.burn, to: 1)
      s.settle()
      s.expect("not too much for the new ones", s.operations(1).count == 1)
      s.world.fuelCallsMax = 2
      s.world.restart(workers: 1)
      s.client(0).send(.burn, to: 1)
      // Undecided when its owner dies: decided again under the room's own limits.
      s.killOwner(at: .executed) { s.client(1).send(.burn, to: 1) }
      s.settle()
      s.expect("nor after the setting went back", s.operations(1).count == 3)
      s.expect("and the old room has its old ones", s.operations(0).count == 6)
    },
  ]
}

extension Stage {
  /// Each player comes to a gateway loop of its own.
  func spreadOverLoops() {
    for client in world.clients {
      client.loopChoice = client.index % world.options.loops
      if client.loop != client.loopChoice { client.drop() }
    }
    until("each is at its own loop") { world.clients.allSatisfy { $0.isUp && $0.loop == $0.loopChoice } }
  }
}

extension SimulatedClient {
  /// It was told to come again since the journal had no space.
  var lacksSpace: Bool { busyReasons.contains { $0.contains("space") } }
}

extension World {
  func room(_ room: Int) -> Room? {
    let id = place(room).id
    return supervisor.owner(of: Int(map.shard(of: id).rawValue))?.worker.room(id)
  }
  func busy(_ room: Int) -> LinkBusy? {
    let id = place(room).id
    return supervisor.owner(of: Int(map.shard(of: id).rawValue))?.worker.load(id)?.busy
  }
  func isStopped(_ room: Int) -> Bool { self.room(room)?.phase == .stopped }
  func stallLoop(_ loop: Int, for duration: Int64) {
    tell(duration > 0 ? "gateway loop \(loop) stalls" : "gateway loop \(loop) goes on")
    gateway?.loops[loop].stall(until: time + duration)
  }
  /// What the loop says to workers from now on takes so long.
  func delayLinks(ofLoop loop: Int, by delay: Int64) {
    tell("what gateway loop \(loop) says to workers takes \(delay / 1_000) ms")
    for link in gateway?.loops[loop].links ?? [] { link.toWorker.delay = delay...delay }
  }
  /// What the owner says to gateways from now on takes so long.
  func delayLinks(fromOwnerOf s: Int, by delay: Int64) {
    for socket in supervisor.owner(of: s)?.sockets.values ?? [:].values { socket.toGateway.delay = delay...delay }
  }
  /// That living gateway loops did not listen to.
  var staleRecords: UInt64 { gateway?.loops.reduce(0) { $0 + $1.core.counters.staleRecords } ?? 0 }
  func bytesToWorkers(ofLoop loop: Int) -> Int {
    gateway?.loops[loop].links.reduce(0) { $0 + $1.toWorker.inFlight } ?? 0
  }
}
