// What supervision is told at its start.

/// All times in milliseconds.
package struct SupervisionSettings: Sendable, Hashable {
  /// How many shards the data directory has; fixed for ever.
  package var shards: Int
  /// How many workers share them; a spare comes on top.
  package var workers: Int
  /// A loop that has not turned for so long hangs: three missed beats of a second.
  package var hangMilliseconds: Int64 = 3_000
  /// From spawned to ready: compiling modules is the longest part.
  package var startMilliseconds: Int64 = 60_000
  /// From `adopt` to the last `adopted`; beats are not demanded meanwhile, for a long replay is no hang.
  package var adoptMilliseconds: Int64 = 60_000
  /// What a hanging process gets to write its report before it is killed.
  package var dumpMilliseconds: Int64 = 300
  /// What each stage of a stop gets before the rest is killed.
  package var graceMilliseconds: Int64 = 5_000
  /// So many uninvited deaths of one role, of workers those of one place's owners …
  package var intensity = 5
  /// … within so long make the supervisor give up.
  package var periodMilliseconds: Int64 = 30_000
  /// The first pause between a second death and the restart; doubles up to the maximum.
  package var backoffMilliseconds: Int64 = 100
  package var backoffMaxMilliseconds: Int64 = 10_000
  /// So long without an uninvited death, and the pauses begin anew.
  package var wellMilliseconds: Int64 = 60_000
  /// The gateway starts when all shards are served, or after so long without.
  package var gatewayWaitMilliseconds: Int64 = 5_000
  /// A supervisor that was away for longer (stopped, machine asleep) does not take its children for hanging.
  package var absenceMilliseconds: Int64 = 1_000

  /// Precondition: at least one shard and one worker.
  package init(shards: Int, workers: Int) {
    precondition(shards >= 1 && workers >= 1, "supervision needs at least one shard and one worker")
    self.shards = shards
    self.workers = min(workers, shards)
  }
}
