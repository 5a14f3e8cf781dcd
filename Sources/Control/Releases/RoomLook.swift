// One room of a worker's list, as far as a rollout looks at it.
import Artifacts
import Core
import ReleaseCore

struct RoomLook: Sendable {
  /// The worker that has it.
  let worker: UInt32
  let module: String
  let sight: RoomSight

  /// nil: this is no room of whose build anything is known; one that sleeps says nothing.
  init?(_ json: ArraySlice<UInt8>, worker: UInt32) {
    var id: UInt64?
    var (module, key) = ("", "")
    var build: ModuleHash?
    var (isAwake, isFrozen, hasEnded, isOnProbation) = (true, false, false, false)
    var events: UInt64 = 0
    JSONPieces.members(json) { name, value in
      switch String(decoding: name, as: UTF8.self) {
      case "id": id = JSONPieces.text(value).flatMap { UInt64($0, radix: 16) }
      case "module": module = JSONPieces.text(value) ?? ""
      case "key": key = JSONPieces.text(value) ?? ""
      case "sha256": build = JSONPieces.text(value).flatMap { ModuleHash(hex: $0) }
      case "phase": isAwake = JSONPieces.text(value) != "asleep"
      case "frozen": isFrozen = value.first == UInt8(ascii: "\"")
      case "ended": hasEnded = value.first == UInt8(ascii: "\"")
      case "events": events = UInt64(String(decoding: value, as: UTF8.self)) ?? 0
      case "probation": isOnProbation = value.first == UInt8(ascii: "{")
      default: break
      }
    }
    guard let id, let build, !module.isEmpty, !hasEnded else { return nil }
    self.worker = worker
    self.module = module
    var sight = RoomSight(
      id: RoomID(id), key: key, build: build, isAwake: isAwake, isOnProbation: isOnProbation, events: events)
    sight.isFrozen = isFrozen
    self.sight = sight
  }

  static func list(_ answers: [(worker: UInt32, json: [UInt8])]) -> [RoomLook] {
    answers.flatMap { answer in
      JSONPieces.elements(answer.json[...]).compactMap { RoomLook($0, worker: answer.worker) }
    }
  }
}
