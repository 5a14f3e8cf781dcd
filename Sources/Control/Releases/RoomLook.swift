// One room of a worker's list, as far as a rollout looks at it.
import Artifacts
import Core
import ReleaseCore

struct RoomLook: Sendable {
  /// The worker that has it.
  let worker: UInt32
  private(set) var module: String
  let sight: RoomSight

  /// A room that sleeps, and of which its worker has seen nothing yet.
  private static let unknown = ModuleHash(Array(repeating: 0, count: 32))

  /// nil: this is no room, or one that has ended.
  private init?(_ json: ArraySlice<UInt8>, worker: UInt32) {
    var id: UInt64?
    var (module, key) = ("", "")
    var build: ModuleHash?
    var (isAwake, isStopped, hasEnded, isOnProbation) = (true, false, false, false)
    var events: UInt64 = 0
    JSONPieces.members(json) { name, value in
      switch String(decoding: name, as: UTF8.self) {
      case "id": id = JSONPieces.text(value).flatMap { UInt64($0, radix: 16) }
      case "module": module = JSONPieces.text(value) ?? ""
      case "key": key = JSONPieces.text(value) ?? ""
      case "sha256": build = JSONPieces.text(value).flatMap { ModuleHash(hex: $0) }
      case "phase":
        let phase = JSONPieces.text(value)
        (isAwake, isStopped) = (phase != "asleep", phase == "stopped")
      case "ended": hasEnded = value.first == UInt8(ascii: "\"")
      case "events": events = UInt64(String(decoding: value, as: UTF8.self)) ?? 0
      case "probation": isOnProbation = value.first == UInt8(ascii: "{")
      default: break
      }
    }
    guard let id, !hasEnded, build != nil || !isAwake else { return nil }
    self.worker = worker
    self.module = module
    var sight = RoomSight(
      id: RoomID(id), key: key, build: build ?? Self.unknown, isAwake: isAwake, isOnProbation: isOnProbation,
      events: events)
    // A room whose code kept failing is thawed by another build. One that cannot be replayed takes none.
    sight.isFrozen = isStopped
    self.sight = sight
  }

  /// The rooms whose build is known, and how many sleep of which it is not. `naming`: whose build that is; one that
  /// sleeps says its build alone.
  static func list(
    _ answers: [(worker: UInt32, json: [UInt8])], naming: (ModuleHash) -> String?
  ) -> (rooms: [RoomLook], unknown: Int) {
    var rooms: [RoomLook] = []
    var unknown = 0
    for answer in answers {
      for json in JSONPieces.elements(answer.json[...]) {
        guard var look = RoomLook(json, worker: answer.worker) else { continue }
        if look.module.isEmpty { look.module = naming(look.sight.build) ?? "" }
        if look.module.isEmpty { unknown += 1 } else { rooms.append(look) }
      }
    }
    return (rooms, unknown)
  }
}
