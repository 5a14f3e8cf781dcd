// The numbers of a worker's beat.
internal import Wire
internal import WorkerCore

struct WorkerVitals {
  private var vitals = Vitals()
  /// Of this second and of the one before, in microseconds.
  private var turnMax: (now: Int64, before: Int64) = (0, 0)
  private var nextLook: Int64 = 0
  private static let lookEveryMicroseconds: Int64 = 1_000_000

  mutating func noteTurn(microseconds: Int64) {
    if microseconds > turnMax.now { turnMax.now = microseconds }
  }

  /// With each beat.
  mutating func take(_ worker: Worker, now: Int64) -> Vitals {
    vitals.events = worker.counters.events
    vitals.differences = worker.counters.differences
    vitals.turnMax = UInt64(clamping: max(turnMax.now, turnMax.before))
    let rooms = UInt64(worker.roomCount)
    // What was just taken over is shown at once.
    guard now >= nextLook || rooms != vitals.rooms else { return vitals }
    nextLook = now + Self.lookEveryMicroseconds
    turnMax = (0, turnMax.now)
    vitals.rooms = rooms
    vitals.members = UInt64(worker.memberCount)
    return vitals
  }
}
