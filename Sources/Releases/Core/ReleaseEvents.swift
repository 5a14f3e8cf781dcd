// What happens to releases, and what they want done.
package import Artifacts
package import Core

/// A build that somebody brought.
package struct Candidate: Hashable, Sendable {
  package var module: String
  package var build: Build
  /// How the keys begin of the rooms that it is for; empty: all.
  package var scope: [String] = []
  /// Who brought it, for the audit log.
  package var who: String
  package var reason = ""
  /// Without waiting for evidence: no rehearsal, no canary, no twins. It is verified all the same.
  package var now = false
  /// To all rooms at once, without rehearsal and small steps, but watched for one step with the old version beside each.
  package var onTrial = false
  /// Somebody asked for an older version by its name.
  package var olderIsAskedFor = false

  package init(module: String, build: Build, who: String) { (self.module, self.build, self.who) = (module, build, who) }
}

/// A room, as its worker lists it.
package struct RoomSight: Hashable, Sendable {
  package var id: RoomID
  package var key: String
  /// What speaks.
  package var build: ModuleHash
  /// It is in memory.
  package var isAwake: Bool
  /// Its old version goes on beside it.
  package var isOnProbation: Bool
  /// It is frozen for good: no build can run it. One that is frozen for failing too often goes on with another build.
  package var isFrozen = false
  /// How busy it is: its events so far.
  package var events: UInt64
  package init(id: RoomID, key: String, build: ModuleHash, isAwake: Bool, isOnProbation: Bool, events: UInt64) {
    (self.id, self.key, self.build) = (id, key, build)
    (self.isAwake, self.isOnProbation, self.events) = (isAwake, isOnProbation, events)
  }
}

/// Why a worker did not do what it was told with a room.
package enum RoomRefusal: Hashable, Sendable {
  /// There is no such room any more.
  case gone
  /// It is as it was to become.
  case alreadySo
  /// Now it cannot be: try again.
  case later(String)
  /// The same, because the worker has no place for another version beside those that there are.
  case noPlace
  /// One of the builds has no `save` or no `restore`: rooms of that build stay on it.
  case cannotCarry(String)
  /// There is no silent version: it has ended.
  case noTwin
  /// The room is frozen, whatever builds there are.
  case frozen
  /// It was tried and came to nothing; the room is as before.
  case failed(String)

  /// Of a worker's sentence.
  package init(sentence: String) {
    func says(_ words: String...) -> Bool { words.contains { sentence.contains($0) } }
    // Behind these come the build's own words, which may be any.
    if says("does not understand the room's state", "its restore failed", "its save failed") {
      self = .failed(sentence)
    } else if says("runs this build already") {
      self = .alreadySo
    } else if says("has no save", "has no restore", "cannot save") {
      self = .cannotCarry(sentence)
    } else if says("the room is frozen") {
      self = .frozen
    } else if says("no older version is silent") {
      self = .noTwin
    } else if says("no room could be made") {
      self = .noPlace
    } else if says("has ended meanwhile") {
      self = .gone
    } else if says("on probation already", "is not here", "just now", "changed meanwhile") {
      self = .later(sentence)
    } else {
      self = .failed(sentence)
    }
  }
}

package enum RoomOrder: Hashable, Sendable {
  /// Both 0: without a twin.
  case upgrade(to: ModuleHash, probationEvents: UInt32, probationSeconds: UInt32)
  case back(reason: String)
  case settle
}

package enum ReleaseEvent: Sendable {
  /// Which build new rooms of a name get, as the server's directory says at start. What is known already wins.
  case currently(module: String, Build)
  /// At start: whoever signed the build is not trusted any more, and why nobody may be given it.
  case distrusted(module: String, ModuleHash, String)
  /// The artifact is right and is kept under its hash.
  case verified(RolloutID)
  /// Why it is not taken.
  case unverified(RolloutID, String)
  case rehearsed(RolloutID, Report)
  /// The rehearsal itself could not be held: why.
  case unrehearsed(RolloutID, String)
  /// All rooms of a module, asked for after the last order was answered. `isWhole`: every shard's owner has answered.
  /// `unknown`: rooms that sleep and of which nobody knows whose they are until they wake.
  case rooms(module: String, [RoomSight], isWhole: Bool, unknown: Int = 0)
  /// Of all workers that answered.
  case statistics([WorkerStatistics])
  /// What became of an order; nil: it was done.
  case answered(module: String, RoomID, RoomOrder, RoomRefusal?)
  /// How busy the machine's processors are, in percent of all.
  case load(percent: Int)
  /// At least each second.
  case tick
}

/// What somebody says about the rollout of a module.
package enum ReleaseOrder: Hashable, Sendable {
  /// On to permanent with what evidence there is.
  case promote
  case pause
  case resume
  /// Back with all rooms; without a rollout, a rollout of the version before.
  case rollback(now: Bool)
  /// A version that was rolled back may be tried again.
  case unban(version: String)
}

package enum ReleaseAction: Hashable, Sendable {
  /// Make the whole state durable before anything after this is done.
  case save
  /// Judge the artifact and keep it; answer with `verified` or `unverified`.
  case verify(RolloutID)
  /// `prepareOnly`: compile it for the workers and look whether it loads, without replaying. Answer with `rehearsed` or
  /// `unrehearsed`. Asked again after a restart.
  case rehearse(RolloutID, module: String, from: Build?, to: Build, prepareOnly: Bool)
  /// Its answer is not waited for any more.
  case stopRehearsal(RolloutID)
  /// To the room's worker; answer with `answered`.
  case room(module: String, RoomID, RoomOrder)
  /// New rooms of the name get this build: durably, then in every worker.
  case offer(module: String, Build)
  case audit(ReleaseAudit)
  /// Whoever watches sees this.
  case changed(Rollout)
}

/// One entry for the audit log.
package struct ReleaseAudit: Hashable, Sendable {
  package enum What: String, Sendable {
    case pushed, verified, refused, rehearsed, canary, permanent, done, paused, resumed, promoted
    case rolledBack = "rolled-back"
    case cameBack = "came-back"
    case stays, banned, unbanned
  }
  package var who: String
  package var what: What
  package var module: String
  package var build: Build
  /// Which rooms it was about, where it is about some.
  package var rooms: [RoomID] = []
  package var why: String
}

/// Why an order or a push is not carried out, with what to do.
package struct ReleaseError: Error, Hashable, Sendable, CustomStringConvertible {
  package var description: String
  /// The order was right, and the disk did not take what follows from it: nothing has changed.
  package var isOfDisk = false
  package init(_ description: String, isOfDisk: Bool = false) {
    (self.description, self.isOfDisk) = (description, isOfDisk)
  }
}
