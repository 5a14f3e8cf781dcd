// What rooms ask of rooms, passed on between workers. Nothing is kept that a room could miss: what is forgotten here is
// asked again by the room (protocol §10.4).
import Core
import Wire

/// Who is to be answered: the room, while its shard is in that epoch.
struct AskingRoom {
  var room: RoomID
  var epoch: ShardEpoch
  var key: RequestKey
  var attempt: UInt32
}

/// A request of a room on its way to another room's owner.
struct PassedRequest {
  var asking: AskingRoom
  /// Of the worker that was asked.
  var link: Int
}

extension GatewayCore {
  /// Asks the owner of the other room's shard. Where there is none just now, the room is told to come again.
  mutating func passOn(_ asking: AskingRoom, _ command: RoomCommand, now: Now) {
    let target: RoomID
    switch command {
    case .create(let module, let name, _), .signal(let module, let name, _, _):
      target = settings.shards.room(module: module, key: name)
    default: return
    }
    let shard = settings.shards.shard(of: target)
    guard let owner = shards[Int(shard.rawValue)].owner, requests.count < Limits.requestsPerLoopMax,
      links[owner].out.count < settings.linkPendingBytesMax
    else { return answer(asking, .busy(retryMilliseconds: Limits.retryUnavailableMilliseconds)) }
    nextRequest &+= 1
    requests[nextRequest] = PassedRequest(asking: asking, link: owner)
    requestWaits.add(nextRequest, at: now.monotonic + Limits.requestWaitSeconds * 1_000_000)
    say(owner, ShardID(0), .command(request: nextRequest, command), epoch: ShardEpoch(0))
  }

  mutating func commanded(_ link: Int, _ request: UInt32, _ answer: CommandAnswer) {
    guard let passed = requests[request], passed.link == link else { return }
    requests[request] = nil
    self.answer(passed.asking, answer)
  }

  /// A later owner of the asking room's shard asks by itself. Where the worker does not take what is sent to it, nothing more
  /// is: it asks again.
  private mutating func answer(_ asking: AskingRoom, _ answer: CommandAnswer) {
    let shard = settings.shards.shard(of: asking.room)
    guard let owner = shards[Int(shard.rawValue)].owner, shards[Int(shard.rawValue)].epoch == asking.epoch,
      links[owner].out.count < settings.linkPendingBytesMax
    else { return }
    say(owner, shard, .answered(asking.room, asking.key, attempt: asking.attempt, answer))
  }

  /// The worker that was asked is gone: whoever asked need not wait for long.
  mutating func forgetRequests(of link: Int) {
    for (request, passed) in requests.filter({ $0.value.link == link }).sorted(by: { $0.key < $1.key }) {
      requests[request] = nil
      answer(passed.asking, .busy(retryMilliseconds: Limits.retryUnavailableMilliseconds))
    }
  }

  mutating func forgetOverdueRequests(_ now: Now) {
    while let request = requestWaits.takeDue(now.monotonic) { requests[request] = nil }
  }

  package var requestCount: Int { requests.count }
}
