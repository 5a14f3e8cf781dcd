// By which rules releases pass their gates.

package struct ReleaseSettings: Hashable, Sendable {
  /// Of a rehearsal, beyond its own bound: to start, to compile, to end. It gets what everybody else leaves of the
  /// processors, which may be little for long.
  package static let rehearsalGraceSeconds = 600

  // MARK: The canary
  /// After the first room: percent of the rooms that are awake.
  package var percents = [5, 25, 50, 100]
  /// How long a step stays, at least, once all its rooms have been upgraded.
  package var bakeSeconds = 30
  /// How many events the new version must have handled in a step.
  package var eventsPerStep: UInt64 = 20
  /// A step that has not seen enough by then pauses the rollout.
  package var stepSecondsMax = 600
  /// A step that finds no room awake for so long pauses the rollout until one is: rooms that come back after a restart, or
  /// from a worker that died, are awake before.
  package var emptySecondsMax = 5
  /// How long old versions go on beside new ones if nobody ends it: longer than all steps may take.
  package var probationSeconds: UInt32 = 3_600
  /// Orders that wait for their answers, of one rollout.
  package var ordersMax = 128
  /// An order without an answer is given anew: its worker may have died.
  package var answerSecondsMax = 10
  /// So often a room that fails to go back is tried again before it is left where it is.
  package var backTriesMax = 5

  // MARK: What takes a release back; nil: it does not
  /// Failures that the old version did not share.
  package var unsharedTrapsMax: UInt64? = 0
  /// Of the new version's events, within `errorSeconds`.
  package var errorPercentMax: Double? = 5
  package var errorSeconds = 10
  /// No percentage is taken of fewer events than these.
  package var eventsMin: UInt64 = 20
  /// No 99 % is taken of fewer: the one event at the switch that sends everything anew would be all of it.
  package var tailEventsMin: UInt64 = 200
  /// Of the new version's fuel per event at 99 %, against the old one's on the same events.
  package var fuelRatioMax: Double? = 1.5
  /// More fuel than this it must be, too.
  package var fuelSlack: UInt64 = 20_000
  /// Of the new version's time per event at 99 %, against the old one's on the same events.
  package var timeRatioMax: Double? = 3
  package var timeSlackMicroseconds: UInt64 = 100
  /// Of the largest room's memory, against the old one's largest.
  package var memoryRatioMax: Double? = 1.5
  package var memorySlackBytes: UInt64 = 1_048_576
  /// Beyond the old version's on the same events.
  package var checkFailuresMax: UInt64? = 0
  /// Refusals more than the old version's, of the events: a release may mean to refuse more, and says so by this.
  package var refusalPercentMax: Double? = 5
  /// Events that came out differently, those that failed in the old version left out.
  package var outcomePercentMax: Double? = 5
  /// Rooms whose state the new version could not take over.
  package var failedUpgradesMax = 0

  // MARK: What pauses it
  package var loadPercentMax = 90
  package var loadSecondsMax = 60

  package init() {}
}
