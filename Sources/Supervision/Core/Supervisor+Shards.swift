// Which worker owns which shards, and how long a death kept them from being served.
import Core
import Wire

extension Supervisor {
  /// Gives every place without an owner to a ready worker without a place.
  mutating func fillPlaces(_ now: Now, _ actions: inout [SupervisionAction]) {
    for place in places.indices where places[place].owner == nil {
      // The one whose loop turned last: a spare that hangs unnoticed is the worst choice.
      let candidates = children.indices.filter { children[$0].isSpare }
      guard let best = candidates.max(by: { children[$0].slowestRoseAt < children[$1].slowestRoseAt }) else { return }
      give(place, to: best, now, &actions)
    }
  }

  private mutating func give(_ place: Int, to i: Int, _ now: Now, _ actions: inout [SupervisionAction]) {
    precondition(places[place].owner == nil, "a place was given away while its owner lives")
    let instance = children[i].instance
    places[place].owner = instance
    children[i].place = place
    children[i].awaited = places[place].shards
    children[i].adoptAt = now.monotonic
    let assignments = places[place].shards.map { shard in
      let epoch = ShardEpoch(shards[Int(shard.rawValue)].epoch.rawValue + 1)
      shards[Int(shard.rawValue)].epoch = epoch
      return ShardAssignment(shard, epoch)
    }
    // Before the shards: from the first room on it knows that others count, too. One that is alone need not ask.
    if places.count > 1 { actions.append(.send(instance, .roomShares(roomShares.shares(of: place)))) }
    actions.append(.send(instance, .adopt(assignments)))
  }

  /// A worker says how many rooms it has. While it takes shards over it has not counted all of them.
  mutating func counted(_ counts: [RoomCount], by i: Int, _ actions: inout [SupervisionAction]) {
    guard places.count > 1, let place = children[i].place, children[i].awaited.isEmpty,
      roomShares.note(counts, of: place)
    else { return }
    for place in places.indices {
      guard let owner = places[place].owner else { continue }
      actions.append(.send(owner, .roomShares(roomShares.shares(of: place))))
    }
  }

  mutating func adopted(
    _ shard: ShardID, _ epoch: ShardEpoch, rooms: UInt32, events: UInt32, by i: Int, _ now: Now,
    _ actions: inout [SupervisionAction]
  ) {
    let instance = children[i].instance
    let number = Int(shard.rawValue)
    guard let place = children[i].place, places[place].owner == instance, places[place].shards.contains(shard),
      epoch >= shards[number].epoch
    else {
      actions.append(
        .log(.error, "worker \(instance) says it serves shard \(shard) in epoch \(epoch), which it was not given"))
      return
    }
    shards[number].epoch = epoch
    shards[number].servedBy = instance
    children[i].awaited.removeAll { $0 == shard }
    if let o = outages.firstIndex(where: { $0.place == place }) {
      outages[o].rooms += UInt64(rooms)
      outages[o].events += UInt64(events)
    }
    guard children[i].awaited.isEmpty else { return }
    children[i].forgive(at: now.monotonic)
    if let o = outages.firstIndex(where: { $0.place == place }) {
      let recovery = close(o, replacement: instance, shards: places[place].shards, now)
      actions.append(
        .log(
          .info,
          "worker \(instance) took over \(Self.count(recovery.shards.count, "shard")), "
            + "\(Self.count(recovery.rooms, "room")), from \(recovery.role) \(recovery.died) in "
            + "\(Double(recovery.took / 100) / 10) ms"))
    }
  }

  package static func count(_ number: some BinaryInteger, _ what: String) -> String {
    "\(number) \(what)\(number == 1 ? "" : "s")"
  }

  // MARK: Outages

  mutating func openOutage(_ child: Child, _ cause: String, _ now: Now) {
    // A replacement that dies before its work is done prolongs the outage that it was to end.
    if let place = child.place, outages.contains(where: { $0.place == place }) { return }
    if child.place == nil, outages.contains(where: { $0.place == nil && $0.childRole == child.role }) { return }
    outages.append(
      Outage(
        role: child.roleName, instance: child.instance, cause: cause, place: child.place, childRole: child.role,
        wall: now.wall, since: now.monotonic))
  }

  mutating func closeOutage(of role: ChildRole, replacement: Instance, _ now: Now) {
    guard let o = outages.firstIndex(where: { $0.place == nil && $0.childRole == role }) else { return }
    _ = close(o, replacement: replacement, shards: [], now)
  }

  private mutating func close(_ o: Int, replacement: Instance, shards: [ShardID], _ now: Now) -> Recovery {
    let outage = outages.remove(at: o)
    let recovery = Recovery(
      role: outage.role, died: outage.instance, replacement: replacement, cause: outage.cause, shards: shards,
      at: outage.wall, took: now.monotonic - outage.since, rooms: outage.rooms, events: outage.events)
    repaired.append(recovery)
    return recovery
  }

  /// A spare's outage ends when a worker stays without a place.
  mutating func closeSpareOutage(_ now: Now) {
    guard let spare = children.first(where: { $0.isSpare }) else { return }
    closeOutage(of: .worker, replacement: spare.instance, now)
  }
}
