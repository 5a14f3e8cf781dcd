// The releases of a drill, one after another, beside its other faults.
import Core

struct ReleaseRuns {
  let control: ControlClient
  let usesGates: Bool
  let rooms: Int
  private(set) var courses: [ReleaseCourse] = []
  private var running: (markNumber: Int, task: Task<ReleaseCourse, any Error>)?

  /// Probes of more rooms would be the load that is measured.
  static let probedMax = 50
  /// A release may go on for so long after the load; what is not over then never will be.
  static let patienceMicroseconds: Int64 = 60_000_000
  /// Pauses are judged until so long after its end.
  static let afterMicroseconds: Int64 = 500_000

  init(control: ControlClient, usesGates: Bool, rooms: Int) {
    self.control = control
    self.usesGates = usesGates
    self.rooms = rooms
  }

  /// Pushes the build at `due` and follows it beside the drill. Precondition: the last one is finished.
  mutating func begin(
    _ kind: FaultKind, _ build: ReleasedBuild, markNumber: Int, _ due: Int64, _ loadEnd: Int64, _ fleet: Fleet
  ) async throws -> FaultMark {
    precondition(running == nil, "one release at a time")
    let step = max(rooms / Self.probedMax, 1)
    let probed = (0..<rooms).map { $0 % step == 0 }
    try await fleet.on {
      if build.changesOutcomes { $0.expectChanges() }
      $0.rest(probed)
    }
    let lead = due - Fleet.now()
    if lead > 0 { try await Task.sleep(for: .microseconds(lead)) }
    let watch = ReleaseWatch(control: control, build: build, usesGates: usesGates)
    let at = Fleet.now()
    running = (
      markNumber, Task { try await watch.follow(until: max(loadEnd, at) + Self.patienceMicroseconds) }
    )
    return FaultMark(kind: kind, at: at, affected: Array(repeating: true, count: rooms))
  }

  /// Waits for the end of the release that is under way, if one is.
  mutating func finish(_ marks: inout [FaultMark], _ fleet: Fleet) async throws {
    guard let (number, task) = running else { return }
    running = nil
    let course = try await task.value
    marks[number].end = course.endedAt + Self.afterMicroseconds
    courses.append(course)
    let none = Array(repeating: false, count: rooms)
    try await fleet.on { $0.rest(none) }
  }
}
