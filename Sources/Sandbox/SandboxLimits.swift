// The bounds of game code, with unit and reason.
package import Core

package enum SandboxLimits {
  /// What a room gets when nothing else is said; recorded with it.
  package static let room = RoomLimits(
    fuel: 30_000_000, memoryBytes: 16 * 1_048_576, stackBytes: 262_144,
    outputBytes: UInt32(Limits.outputBytesPerEventMax))
  /// The most memory a module's settings may ask for.
  package static let roomMemoryBytesMax: UInt32 = 64 * 1_048_576
  /// The smallest memory limit that makes sense: one page.
  package static let roomMemoryBytesMin: UInt32 = 65_536
  /// What each request to the host counts beside its bytes, so that empty ones are bounded too.
  package static let requestBytes = 16

  /// A development build may burn so many times the usual fuel: it is not optimised.
  package static let developmentFuel: UInt64 = 20
  /// `save`, `restore` and `check` may each burn the fuel of so many events: what many events built up is walked through
  /// as a whole. The watchdog bounds them as it bounds an event.
  package static let wholeStateEvents: UInt64 = 32
  static func fuel(_ fuel: UInt64, times factor: UInt64) -> UInt64 {
    let (product, over) = fuel.multipliedReportingOverflow(by: factor)
    return over ? UInt64.max : product
  }
  /// What `save` may write: a room's state fits several times over in the memory that a room may have.
  package static let savedBytesMax = 32 * 1_048_576

  /// The stack of an event that was decided under another engine, whose code may have needed less of it, in the usual
  /// one's bytes. wasmtime wants it within 2 MiB, and the worker's own thread has several.
  static let replayStackTimes: UInt32 = 4
  /// Rooms that are replayed with that at once; more wait.
  static let replayPlaces = 16

  /// Copies for `describe` and `check`, and settings being read: places beside the rooms'.
  package static let scratchInstances = 2
  /// The watchdog's unit: this much of the thread's CPU time is one tick.
  package static let watchdogTickMilliseconds = 10
  /// Far above what `fuel` can take, so that it trips for the environment's sake only.
  package static let watchdogTicks: UInt64 = 50

  package static let ticksPerSecondMax: UInt32 = 240
  /// A member's place is kept for a day at most.
  package static let graceSecondsMax: UInt32 = 86_400
  /// Frames of a backtrace that are kept.
  package static let backtraceFramesMax = 32
  /// Mutable globals of a module; each is read and written with every image.
  package static let mutableGlobalsMax = 256
  /// What an image leaves out when it is zero. A fresh room's image is a fifth of what it would be with 4 KiB, and a full
  /// one's takes no longer.
  package static let imagePageBytes = 256
}
