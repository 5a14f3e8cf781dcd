// Attachments and owners: one way to ask, used for a client's join and attach, for a new owner, and after a stall.
package import Core
import Wire

extension GatewayCore {
  /// Asks the owner of the route's shard, or waits for one.
  mutating func ask(_ r: Int, _ now: Now) {
    guard let owner = shards[Int(routes[r].shard.rawValue)].owner else {
      guard routes[r].waitsUntil == nil else { return }
      let deadline = now.monotonic + settings.ownerWaitMicroseconds
      routes[r].waitsUntil = deadline
      ownerWaits.add(routes.route(at: r), at: deadline)
      return
    }
    ask(r, owner)
  }

  /// Joins where no answer came yet, else attaches: with the client's claim until that is answered, then the mark.
  private mutating func ask(_ r: Int, _ owner: Int) {
    let entry = routes[r]
    guard let id = entry.connection, let c = find(id) else {
      preconditionFailure("a route belongs to an open connection")
    }
    let route = routes.route(at: r)
    let membership = Membership(session: connections[c].session, joinID: entry.joinID)
    let generation = connections[c].generation
    routes[r].isAsked = true
    routes[r].waitsUntil = nil
    if entry.phase == .joining, let join = entry.join {
      connections[c].name.withUnsafeBytes { player in
        join.module.withUnsafeBytes { module in
          join.key.withUnsafeBytes { key in
            join.parameters.withUnsafeBytes { parameters in
              say(
                owner, entry.shard,
                .join(
                  LinkToWorker.JoinRequest(
                    route: route, membership: membership, generation: generation, player: player, module: module,
                    key: key, parameters: parameters)))
            }
          }
        }
      }
      return
    }
    let claim = entry.phase == .attaching ? entry.claim : (entry.timeline, entry.mark)
    say(
      owner, entry.shard,
      .attach(
        LinkToWorker.AttachRequest(
          route: route, room: entry.room, membership: membership, generation: generation, timeline: claim.0,
          lastOut: claim.1)))
  }

  /// A worker owns a shard: all attachments of the shard are made anew with it, then the list is complete.
  mutating func serving(_ link: Int, _ shard: ShardID, _ epoch: ShardEpoch) {
    let s = Int(shard.rawValue)
    let isNews = epoch > shards[s].epoch || (epoch == shards[s].epoch && shards[s].owner != link)
    guard isNews else {
      counters.staleRecords += 1
      return
    }
    shards[s].epoch = epoch
    shards[s].owner = link
    for r in routes.entries.indices where routes[r].connection != nil && routes[r].shard == shard {
      routes[r].isLive = false
      routes[r].hasDropped = false
      if routes[r].phase == .attached { counters.reattached += 1 }
      ask(r, link)
    }
    say(link, shard, .complete)
  }

  /// The worker is gone, or the link is broken. Members stay connected; whoever serves the shards next is asked.
  package mutating func closeLink(_ id: LinkID, now: Now) {
    guard let l = find(id) else { return }
    links[l] = Link(life: 0)
    links[l].isOpen = false
    for s in shards.indices where shards[s].owner == l {
      shards[s].owner = nil
      let shard = ShardID(UInt16(s))
      for r in routes.entries.indices where routes[r].connection != nil && routes[r].shard == shard {
        routes[r].isLive = false
        routes[r].isAsked = false
        // A client that waits for an answer does not wait for ever; one that had it stays.
        if routes[r].phase != .attached { ask(r, now) }
      }
    }
    forgetRequests(of: l)
  }

  /// Nobody served the shard for too long.
  mutating func giveUp(_ route: Route, now: Now) {
    guard let r = routes.find(route), let deadline = routes[r].waitsUntil, deadline <= now.monotonic,
      let id = routes[r].connection, let c = find(id)
    else { return }
    refuse(
      c, routes[r].joinID, .unavailable, "nothing serves this room just now; try again",
      retry: Limits.retryUnavailableMilliseconds)
    end(r)
  }

  /// The link has caught up: attachments that lost inputs learn where to go on.
  mutating func repairDropped(_ link: Int) {
    links[link].hasDropped = false
    for r in routes.entries.indices where routes[r].hasDropped {
      guard shards[Int(routes[r].shard.rawValue)].owner == link else { continue }
      routes[r].hasDropped = false
      if routes[r].isLive { ask(r, link) }
    }
  }

  /// The membership is over for this connection.
  mutating func end(_ r: Int) {
    guard let id = routes[r].connection, let c = find(id) else { return }
    connections[c].handles.removeAll { $0.route == r }
    routes.free(r)
  }
}
