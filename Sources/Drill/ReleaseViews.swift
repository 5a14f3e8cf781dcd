// What control says of releases, as far as a drill reads it.

/// `GET /v1/releases`, one module's rollout in it, and the ended ones of `GET /v1/releases/NAME/history`.
struct RolloutView: Decodable, Sendable {
  struct Rooms: Decodable, Sendable {
    var new: Int
    var total: Int
  }
  struct Build: Decodable, Sendable { var version: String }
  struct Rehearsal: Decodable, Sendable, Equatable {
    var rooms: Int
    var events: UInt64
    var verdict: String
    var problems: [String]
    /// What else is worth saying of it, and how long it took.
    var notes: [String]?
    var seconds: Double?
    /// Why there was none: the build was only compiled.
    var skipped: String?
  }
  var id: String
  var to: Build
  var state: String
  var why: String?
  var rooms: Rooms?
  var rehearsal: Rehearsal?

  /// Nothing is left to do: the next one may come.
  var isOver = false

  enum CodingKeys: CodingKey { case id, to, state, why, rooms, rehearsal }
  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    if let number = try? values.decode(Int.self, forKey: .id) {
      id = "\(number)"
    } else {
      id = try values.decode(String.self, forKey: .id)
    }
    to = try values.decode(Build.self, forKey: .to)
    state = try values.decode(String.self, forKey: .state)
    why = try values.decodeIfPresent(String.self, forKey: .why)
    rooms = try values.decodeIfPresent(Rooms.self, forKey: .rooms)
    rehearsal = try values.decodeIfPresent(Rehearsal.self, forKey: .rehearsal)
  }
}

struct ReleasesView: Decodable {
  struct Module: Decodable {
    var name: String
    var rollout: RolloutView?
  }
  var modules: [Module]
}

/// One build in `GET /v1/versions`. Times are microseconds since 1970.
struct VersionView: Decodable, Sendable {
  var module: String
  var version: String
  var traps: Int?
  var backs: Int?
  var firstTrapAt: Int64?
  var lastBackAt: Int64?
}

struct ReleasePush: Encodable {
  var shelf: String
  var now: Bool
  var reason: String
}

extension ControlClient {
  func push(_ build: ReleasedBuild, now: Bool) async throws -> RolloutView {
    try await post("/v1/releases", ReleasePush(shelf: build.file, now: now, reason: "drill"))
  }

  /// As it is now, whether it goes on or has ended.
  func rollout(_ id: String) async throws -> RolloutView? {
    let view: ReleasesView = try await get("/v1/releases")
    if let now = view.modules.first(where: { $0.name == "tally" })?.rollout, now.id == id { return now }
    let ended: [RolloutView] = try await get("/v1/releases/tally/history")
    var over = ended.first { $0.id == id }
    over?.isOver = true
    return over
  }

  func version(_ build: ReleasedBuild) async throws -> VersionView? {
    let all: [VersionView] = try await get("/v1/versions")
    return all.first { $0.module == "tally" && $0.version == build.version }
  }
}
