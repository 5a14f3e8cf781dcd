// Builds of scripted modules that differ, by the second byte of their hash.
package import Core
import WorkerCore

package enum ScriptedBuild: UInt8, Sendable, CaseIterable {
  case first = 0
  /// Does what the first does.
  case same = 1
  /// Traps at `split`, refuses `appendAndReply`, sets timers later, takes members whom the first refuses and refuses
  /// those who ask with a `wave`; draws one more random number.
  case odd = 2
  /// Its rooms cannot be saved.
  case mute = 3
  /// Its `save` traps.
  case unsaved = 4
  /// Does not understand what others saved.
  case strange = 5
  /// Its `restore` traps.
  case broken = 6
  /// Its `restore` takes more fuel than an event may.
  case hungry = 7
  /// Traps at every tick.
  case restive = 8
  /// Whose bytes are nowhere.
  case missing = 9
  /// Takes twice the time, and its limits let it burn.
  case wide = 10
  /// Traps at every tick, too.
  case restiveToo = 11

  static func of(_ module: ModuleHash) -> ScriptedBuild { ScriptedBuild(rawValue: module.bytes[1]) ?? .first }
  package func hash(of module: ModuleHash) -> ModuleHash {
    ModuleHash([module.bytes[0], rawValue] + Array(repeating: 0, count: 30))
  }
  var version: String { self == .first ? "1" : "hotfix-1-v\(rawValue)" }
}

extension ScriptedEngine {
  /// Every build of every module, those that new rooms are made with first.
  static func builds(_ modules: [ModuleSettings]) -> [ModuleSettings] {
    modules
      + modules.flatMap { first in
        ScriptedBuild.allCases.filter { $0 != .first && $0 != .missing }.map { build in
          var other = first
          other.hash = build.hash(of: first.hash)
          other.version = build.version
          if build == .wide { other.limits.fuel *= 4 }
          return other
        }
      }
  }

  package func carry(
    _ instance: any RoomInstance, to module: ModuleHash, limits: RoomLimits, context: RoomContext
  ) throws(CarryError) -> any RoomInstance {
    let old = scripted(instance)
    environment?.strike(.carry, ScriptedBuild.of(module))
    func fault(_ kind: RoomFault.Kind) -> RoomFault { RoomFault(kind: kind, text: "scripted \(kind)") }
    switch old.build {
    case .mute: throw CarryError(.cannotSave, "it has no save")
    case .unsaved: throw CarryError(.saveFailed, "its save failed", fault: fault(.trap))
    default: break
    }
    switch ScriptedBuild.of(module) {
    case .strange: throw CarryError(.refused, "it does not understand the room's state")
    case .broken: throw CarryError(.restoreFailed, "its restore failed", fault: fault(.trap))
    case .hungry: throw CarryError(.restoreFailed, "its restore failed", fault: fault(.fuel))
    default: return ScriptedInstance(old.room, limits, ScriptedBuild.of(module))
    }
  }
}
