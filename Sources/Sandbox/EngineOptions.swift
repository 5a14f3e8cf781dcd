// What an engine can be told.
package import Artifacts
package import Core

package struct EngineOptions: Sendable {
  /// Rooms at once; one more is an error.
  package var roomsMax: Int
  /// What rooms get whose module asks for nothing else.
  package var limits: RoomLimits
  /// CPU time of 10 ms each before the watchdog stops a call.
  package var watchdogTicks: UInt64
  /// Reserve only `SandboxLimits.roomMemoryBytesMax` of addresses a room instead of 4 GiB, for hosts with little address
  /// space. Costs bounds checks in game code.
  package var reservesLittle: Bool
  /// Where compiled code is kept: a directory that only this user can enter, made if missing. nil: compile every time.
  package var cacheDirectory: String?
  /// A module is compiled by the thread that asks for it, alone: for a process that may take only a part of a processor.
  package var compilesAlone = false
  /// Where every build that was ever loaded is kept, so that old rooms find theirs. nil: in memory only.
  package var keptDirectory: String?
  /// Whether a native module may be loaded into this process. Nothing confines it: say yes only for what somebody signed
  /// whom you trust with the server.
  package var trustsNative: @Sendable (Manifest) -> Bool = { _ in false }

  package init(
    roomsMax: Int = Limits.liveRoomsMax, limits: RoomLimits = SandboxLimits.room,
    watchdogTicks: UInt64 = SandboxLimits.watchdogTicks, reservesLittle: Bool = false,
    cacheDirectory: String? = nil, keptDirectory: String? = nil
  ) {
    self.roomsMax = roomsMax
    self.limits = limits
    self.watchdogTicks = watchdogTicks
    self.reservesLittle = reservesLittle
    self.cacheDirectory = cacheDirectory
    self.keptDirectory = keptDirectory
  }
}
