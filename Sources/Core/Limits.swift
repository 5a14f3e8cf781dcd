// Every bound of OneUp, with its unit, its reason and what happens when it is reached.

package enum Limits {
  // MARK: Frames
  /// One client frame, in bytes, without its length. Longer: `Error(TOO_LARGE)` and a close.
  package static let clientFrameBytesMax = 65_536
  /// One input's payload. Longer: a `rejected` event.
  package static let inputBytesMax = 32_768
  /// One link record: a full state for a late joiner is the largest.
  package static let linkRecordBytesMax = 16 * 1_048_576
  /// What waits for one gateway loop; beyond, its link is closed and the loop attaches anew.
  package static let linkOutputBytesMax = 64 * 1_048_576
  /// One full state as a room describes it.
  package static let stateBytesMax = 8 * 1_048_576
  package static let playerNameBytesMax = 64
  package static let moduleNameBytesMax = 64
  package static let roomKeyBytesMax = 128
  package static let joinParametersBytesMax = 4_096

  // MARK: Rooms
  package static let shardsDefault = 8
  package static let shardsMax = 256
  /// In one worker's memory at once; beyond, joins of new rooms are refused.
  package static let liveRoomsMax = 5_000
  /// Of one shard, asleep ones too: a checkpoint names them all, and must not be due again by its own size.
  package static let roomsPerShardMax = 16_384
  package static let checkpointBytesPerRoom = 31
  /// Builds of its rooms that a checkpoint names; rooms of further ones say theirs when they wake.
  package static let checkpointBuildsMax = 256
  /// What bringing a room back costs a turn, besides its events, counted in events.
  package static let wakeCostsEvents: UInt64 = 50
  /// So many bytes of their snapshots cost as much as one event.
  package static let wakeBytesPerEvent: UInt64 = 512
  /// Of rooms that are brought back in one turn, what they cost in events; one room is always taken. Beyond, they wait.
  package static let wakeEventsPerTurn: UInt64 = 2_000
  /// Rooms that one checkpoint brings forward: more wait for the next.
  package static let broughtForwardPerCheckpoint = 64
  package static let membersMax = 1_000
  /// Memberships of one session at once.
  package static let membershipsPerSessionMax = 64
  /// Ended memberships a room remembers; the oldest are forgotten first, and answered `gone` without `last`.
  package static let tombstonesMax = 1_024
  package static let tombstoneSeconds: Int64 = 24 * 3_600
  package static let timersMax = 1_024
  /// Timers fired in one turn of a room.
  package static let timersPerTurnMax = 16
  /// Ticks made up after a gap; the rest is skipped and counted.
  package static let ticksMadeUpMax = 5
  /// Inputs taken from one room in one batch; the rest waits in the link.
  package static let inputsPerRoomPerBatchMax = 256
  /// What lists say of a room. Longer: cut.
  package static let labelBytesMax = 128
  /// Beyond, further keys are passed over; longer ones too.
  package static let propertiesMax = 16
  package static let propertyKeyBytesMax = 32
  package static let propertyValueBytesMax = 64
  package static let reasonBytesMax = 256
  /// Answers that a room remembers by their idempotency keys, to other rooms and to everybody else so many each; the oldest
  /// are forgotten first. What a room has its answer to is forgotten when it signals again, so of one room that signals
  /// often little is kept.
  package static let signalAnswersMax = 512
  package static let idempotencyKeyBytesMax = 64
  /// A longer reply makes the signal fail.
  package static let signalReplyBytesMax = 1_024
  /// Requests of one room that have no answer yet; beyond, it is told that there is no place.
  package static let requestsPerRoomMax = 16
  /// `module/key`.
  package static let requestTargetBytesMax = moduleNameBytesMax + 1 + roomKeyBytesMax
  /// A request without an answer is sent again after so long, twice as long each time up to the second.
  package static let requestRetryMicroseconds: Int64 = 1_000_000
  package static let requestRetryMicrosecondsMax: Int64 = 10_000_000
  /// Requests of rooms on their way through one gateway loop; beyond, they are told to come again.
  package static let requestsPerLoopMax = 65_536
  /// What waits for one gateway loop while rooms still send requests over it; beyond, they wait a moment.
  package static let requestPendingBytesMax = 8 * 1_048_576
  /// How long a gateway loop waits for an answer: then the room has asked again.
  package static let requestWaitSeconds: Int64 = 10
  /// Commands that wait for one room; beyond, `busy`.
  package static let commandsPerRoomMax = 64
  /// How long an ended room answers for itself before its key can be used anew.
  package static let endedSeconds: Int64 = 600
  /// Counters of one module in one worker; further names are passed over.
  package static let moduleCountersMax = 64
  /// Events of a room that are remembered for whoever looks into it.
  package static let lastEventsMax = 32
  /// Inputs one worker takes in one batch.
  package static let inputsPerBatchMax = 8_192

  // MARK: Changing versions
  /// How fast a worker carries rooms to another build, in bytes of their images a millisecond: its other rooms have four
  /// fifths of its time meanwhile. One room is always taken at a time.
  package static let upgradeBytesPerMillisecond: Int64 = 49_152
  /// What carrying a room costs besides its image, in bytes.
  package static let upgradeCostsBytes: Int64 = 65_536
  /// A turn that comes late carries what would have been carried meanwhile, at the most.
  package static let upgradesMadeUpMicroseconds: Int64 = 4_000
  /// Upgrades that wait for their turn in one worker; beyond, `busy`.
  package static let pendingUpgradesMax = 8_192
  /// Of `liveRoomsMax`, what silent versions leave to new rooms and to those that wake; beyond, upgrades are `busy`.
  package static let placesKeptFromTwins = 500
  /// Of `liveRoomsMax`, what rooms that wake by themselves leave to those that somebody asks for; beyond, they wait.
  package static let placesKeptFromSleepers = 500
  package static let retryWithoutPlaceMilliseconds: UInt32 = 1_000
  /// Inputs of one room that are remembered as decided otherwise by its silent version; the oldest are forgotten.
  package static let twinDifferencesMax = 64
  /// How often, and of how many rooms at once, both versions' own checks are asked for. Each room has them once a second
  /// at most.
  package static let twinChecksEveryMicroseconds: Int64 = 20_000
  package static let twinChecksPerTurnMax = 4
  /// Differing effects of a room that are remembered for the audit log.
  package static let twinEffectsMax = 32

  // MARK: The ring of numbered outputs
  package static let ringEntriesMax = 1_024
  package static let ringBytesMax = 1_048_576
  /// Numbered outputs a gateway loop has not confirmed; at it the room is busy (I-7, protocol §3.2).
  package static let unconfirmedMax = 512
  /// A gateway loop confirms when so many more have been passed on, and on each of its ticks.
  package static let confirmEveryOutputs: UInt64 = 64
  /// The most that one event may add to a room's ring.
  package static let outputsPerEventMax = 128
  /// Of sends, replies and timers of one event.
  package static let outputBytesPerEventMax = 262_144

  // MARK: Members
  /// Log that must be free for a shard to take inputs in a turn; a turn that needs more asks again.
  package static let spaceAskedBytes = 131_072
  /// Of a journal's reserve, left by leaves, attaches, suspensions and removals for verdicts on events: a room waits for
  /// its verdict.
  package static let verdictSpaceBytes = 4_096
  /// What waits for space is tried again after so long.
  package static let retryHeldMilliseconds: Int64 = 20
  /// A room that found no place in memory is tried again by itself after so long.
  package static let retryWakeMilliseconds: Int64 = 1_000
  /// From an adoption, or a new gateway's first word, until who is in none of its loops' lists has nobody, although some
  /// loop has not sent its list.
  package static let listsSeconds: Int64 = 10
  /// From losing its claim to `suspended`.
  package static let claimSeconds: Int64 = 3
  /// From `suspended` to `expired`.
  package static let graceSeconds: Int64 = 30
  /// A member that makes the room fail so often in a minute of event time is removed.
  package static let quarantinesPerMinuteMax = 3
  /// Calls outside of events that killed two owners of a shard in a row, and are remembered in its black box: the mapped
  /// page of 4 KiB holds them beside what is executing. With one more the oldest is tried again.
  package static let callsPutAsideMax = 64
  package static let quarantineWindowSeconds: Int64 = 60

  // MARK: Recovery
  /// What replaying all of a worker's tails may cost; a snapshot is taken when it would cost more.
  package static let replayBudgetMilliseconds: Int64 = 50
  /// A checkpoint at the latest after so many bytes of log.
  package static let checkpointEveryBytes = 524_288
  /// How far back a room's tail may begin in its shard's log before it is shortened by a snapshot: this much, so much more
  /// for each room, and twice what their snapshots take, which must not become the larger part of the log.
  package static let tailLogBytes: UInt64 = 1_048_576
  package static let tailLogBytesPerRoom: UInt64 = 4_096
  /// Snapshots that shorten tails in one turn: when they take so much more than the turn has written, the rest waits.
  package static let shortenedBytesPerTurn = 65_536
  /// Bounds what one turn spends on snapshots.
  package static let snapshotsPerTurnMax = 16
  /// Log that is kept of one shard before rooms are brought forward and old segments go.
  package static let logKeptBytes: UInt64 = 128 * 1_048_576
  /// How long a rebuilding room may hold up its neighbours in one turn.
  package static let rebuildSliceMilliseconds: Int64 = 1
  /// Versions that failed alone whose states are worked out for their bundles; beyond, bundles have none.
  package static let autopsiesMax = 8
  /// Nobody in it for so long, and no timer due within as long again: the room is passivated.
  package static let passivateSeconds: Int64 = 60
  /// When the wall clock has moved so far against the monotonic one, what is due by it is looked at anew.
  package static let clockStepMilliseconds: Int64 = 250
  package static let retryBusyMilliseconds: UInt32 = 50

  // MARK: Watching determinism
  /// Of a worker's time, what playing rooms again may take.
  package static let samplePermille: Int64 = 3
  /// Between two rooms, at least.
  package static let sampleEveryMilliseconds: Int64 = 500
  /// How long one step may hold up the other rooms: an event, a copy of an image or, of many events, this much.
  package static let sampleSliceMicroseconds: UInt64 = 200
  /// Larger rooms are not played again: one step copies an image.
  package static let sampleImageBytesMax = 4 * 1_048_576
  package static let sampleTailBytesMax = 1_048_576
  /// Rooms looked at in one turn for one to play again.
  package static let sampleLooksMax = 64
  /// A room that came out differently is left alone for so long.
  package static let sampleAgainSeconds: Int64 = 600

  // MARK: Connections
  package static let connectionsPerAddressMax = 10_000
  package static let handshakeSeconds: Int64 = 10
  /// Bytes that wait for one slow client; beyond, it is disconnected with `TOO_SLOW` and may come back.
  package static let outboundBytesMax = 1_048_576
  /// Token bucket of one session: frames a second, and burst.
  package static let framesPerSecond = 2_000
  package static let framesBurst = 4_000
  /// What a join takes from the bucket, in frames: each is an event of a room, refused ones too.
  package static let joinCostsFrames: Int64 = 20

  /// Above this, a slow client's unreliable outputs are dropped, so that replacing older ones stays cheap.
  package static let unreliablePendingBytesMax = 65_536
  /// A join or attach whose shard has no owner; then `Error(UNAVAILABLE)`.
  package static let ownerWaitSeconds: Int64 = 10
  /// Told to a client with `UNAVAILABLE` and `TOO_MANY`.
  package static let retryUnavailableMilliseconds: UInt32 = 500
  /// Attachments of one gateway loop; beyond, `Error(UNAVAILABLE)`. A route is 20 bits of index and 12 of tag.
  package static let routesPerLoopMax = 1 << 20
  /// Bytes that wait for one worker; beyond, inputs are dropped and their attachments repaired when it has caught up.
  package static let linkPendingBytesMax = 8 * 1_048_576

  /// Relations that must hold; checked once at start and by a test.
  package static func check() {
    precondition(inputBytesMax < clientFrameBytesMax, "an input must fit in a frame")
    precondition(
      ringEntriesMax >= unconfirmedMax + outputsPerEventMax + inputsPerRoomPerBatchMax,
      "the ring must hold what is unconfirmed and what one event adds")
    precondition(
      confirmEveryOutputs * 2 <= unconfirmedMax, "confirmations must come well before a room is busy for them")
    precondition(ringBytesMax >= 2 * outputBytesPerEventMax, "the ring must hold what an event can send")
    precondition(
      roomsPerShardMax * checkpointBytesPerRoom + checkpointBuildsMax * 32 + 256 < checkpointEveryBytes,
      "a checkpoint must not make the next one due")
    precondition(placesKeptFromTwins < liveRoomsMax, "some rooms must be able to have two versions")
    precondition(placesKeptFromSleepers < liveRoomsMax, "some rooms must be able to wake by themselves")
    precondition(propertiesMax < 256 && requestsPerRoomMax < 256, "their counts are bytes in snapshots")
    precondition(2 * signalAnswersMax < 65_536, "their count is 16 bits in snapshots")
    precondition(requestPendingBytesMax < linkOutputBytesMax / 2, "requests must not cost a gateway loop its link")
    precondition(
      requestWaitSeconds * 1_000_000 >= requestRetryMicrosecondsMax, "a loop must wait until the room asks again")
    precondition(stateBytesMax < linkRecordBytesMax, "a state must fit in a link record")
    precondition(unreliablePendingBytesMax < outboundBytesMax, "unreliable outputs must give way to numbered ones")
    precondition(outboundBytesMax >= ringBytesMax / 2, "a client that comes back must be able to take the ring")
  }
}
