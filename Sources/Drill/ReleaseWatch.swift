// One release, followed from its push to its end.
import Core
import Glibc

/// What came of a release, with the times of its steps as they were seen. Microseconds of the monotonic clock.
struct ReleaseCourse: Sendable {
  var build: ReleasedBuild
  var pushedAt: Int64
  /// The control's words; "running" where it had not ended in time.
  var state = "running"
  var why = ""
  var rooms = 0
  /// At most so many ran it at once.
  var roomsReached = 0
  /// Some room ran it; the same as microseconds since 1970.
  var firstRoomAt: Int64?
  var firstRoomWall: Int64?
  /// All of them did.
  var allRoomsAt: Int64?
  var endedAt: Int64
  /// Where it was taken back: from its first trap, or else from the first room that ran it, to the last room back; from the
  /// push, where no look has seen that room.
  var backMicroseconds: Int64?
  /// What that is counted from.
  var backSince = ""
  var traps = 0
  var backs = 0
  /// It went the whole way, so that it may end before any room had it.
  var usesGates = false
  /// What its rehearsal found, where there was one.
  var rehearsal: RolloutView.Rehearsal?

  var isOver = false

  var isAsExpected: Bool {
    if build.stays { return state == "done" && roomsReached == rooms }
    // Refused by the gates before it could hurt anybody is as good as it gets.
    return state == "rolledBack" && roomsReached > 0 || usesGates && state == "refused" && roomsReached == 0
  }
}

struct ReleaseWatch: Sendable {
  let control: ControlClient
  let build: ReleasedBuild
  let usesGates: Bool
  static let everyMicroseconds: Int64 = 20_000

  /// Throws where the release is not taken. `deadline`: when the watch ends, whatever has come of it.
  func follow(until deadline: Int64) async throws -> ReleaseCourse {
    let pushedAt = Fleet.now()
    let id = try await push(until: deadline).id
    var course = ReleaseCourse(build: build, pushedAt: pushedAt, endedAt: pushedAt, usesGates: usesGates)
    while true {
      // Control may be dead just now: what it had begun goes on when it is back.
      if let rollout = try? await control.rollout(id) { note(rollout, in: &course) }
      course.endedAt = Fleet.now()
      if course.isOver || course.endedAt >= deadline { break }
      try await Task.sleep(for: .microseconds(Self.everyMicroseconds))
    }
    await readStatistics(into: &course)
    return course
  }

  /// Again and again where control does not answer at all: it may have been killed.
  private func push(until deadline: Int64) async throws -> RolloutView {
    while true {
      do {
        return try await control.push(build, now: !usesGates)
      } catch let error as ControlClient.NoAnswer {
        guard Fleet.now() < deadline else { throw error }
        try await Task.sleep(for: .milliseconds(50))
      }
    }
  }

  private func note(_ rollout: RolloutView, in course: inout ReleaseCourse) {
    let now = Fleet.now()
    course.why = rollout.why ?? ""
    if let rooms = rollout.rooms {
      course.rooms = max(course.rooms, rooms.total)
      course.roomsReached = max(course.roomsReached, rooms.new)
      if rooms.new > 0, course.firstRoomAt == nil {
        var wall = timespec()
        clock_gettime(CLOCK_REALTIME, &wall)
        course.firstRoomAt = now
        course.firstRoomWall = Int64(wall.tv_sec) * 1_000_000 + Int64(wall.tv_nsec) / 1_000
      }
      if rooms.new >= rooms.total, rooms.new > 0, course.allRoomsAt == nil { course.allRoomsAt = now }
    }
    course.rehearsal = rollout.rehearsal ?? course.rehearsal
    course.state = rollout.state
    course.isOver = rollout.isOver
  }

  private func readStatistics(into course: inout ReleaseCourse) async {
    guard let version = try? await control.version(build) else { return }
    course.traps = version.traps ?? 0
    course.backs = version.backs ?? 0
    // A room can go back before any look at the rollout has seen it.
    course.roomsReached = max(course.roomsReached, min(course.backs, course.rooms))
    guard course.state == "rolledBack" else { return }
    let since = version.firstTrapAt == nil ? "its first room" : "its first trap"
    if let first = version.firstTrapAt ?? course.firstRoomWall, let last = version.lastBackAt, last >= first {
      (course.backMicroseconds, course.backSince) = (last - first, since)
    } else {
      course.backMicroseconds = course.endedAt - (course.firstRoomAt ?? course.pushedAt)
      course.backSince = course.firstRoomAt == nil ? "the push" : "its first room"
    }
  }
}
