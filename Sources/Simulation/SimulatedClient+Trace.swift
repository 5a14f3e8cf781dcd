// What a simulated player hears, as the trace and the counters have it.
import Core
import Wire

extension SimulatedClient {
  struct HeardCount {
    var expected = 0
    var attached = 0
    var states = 0
    var unreliable = 0
    mutating func add(_ frame: ServerFrame) {
      switch frame {
      case .expected: expected += 1
      case .attached: attached += 1
      case .state: states += 1
      case .output(_, let seq, _, _, _) where seq.rawValue == 0: unreliable += 1
      default: break
      }
    }
  }

  /// Into the world's trace and counters.
  func note(_ frame: ServerFrame) {
    let me = UInt64(index)
    switch frame {
    case .welcome(let session, _, let resumed, _):
      world.trace.note(world.time, "< welcome", me, session.rawValue, resumed ? 1 : 0)
    case .attached(let id, let room, let slot, let next, let timeline, let upTo, _):
      world.trace.note(
        world.time, "< attached (client/join, next, upTo)", me << 32 | UInt64(id.rawValue), next.rawValue, upTo.rawValue
      )
      world.trace.note(
        world.time, "    (room, timeline, slot)", room.rawValue, timeline.rawValue, UInt64(slot.rawValue))
    case .output(let id, let seq, let prev, let payload, _):
      world.counters.outputs += 1
      world.trace.note(
        world.time, "< output (client/join, seq, prev)", me << 32 | UInt64(id.rawValue), seq.rawValue, prev.rawValue)
      for byte in payload { world.trace.mix(UInt64(byte)) }
    case .state(let id, let timeline, let asOf, _):
      world.counters.states += 1
      world.trace.note(
        world.time, "< state (client/join, timeline, asOf)", me << 32 | UInt64(id.rawValue), timeline.rawValue,
        asOf.rawValue)
    case .ack(let id, let seq):
      world.trace.note(world.time, "< ack", me << 32 | UInt64(id.rawValue), seq.rawValue)
    case .expected(let id, let seq):
      world.trace.note(world.time, "< expected", me << 32 | UInt64(id.rawValue), seq.rawValue)
    case .busy(let id, let seq, _, _):
      world.trace.note(world.time, "< busy", me << 32 | UInt64(id.rawValue), seq.rawValue)
    case .gone(let id, let last, let known, _):
      world.trace.note(world.time, "< gone", me << 32 | UInt64(id.rawValue), last.rawValue, known ? 1 : 0)
    case .error(let code, let id, _, _, _):
      world.trace.note(world.time, "< error", me << 32 | UInt64(id.rawValue), UInt64(code))
    case .notice(let id, let kind, _):
      world.trace.note(world.time, "< notice", me << 32 | UInt64(id.rawValue), UInt64(kind))
    case .pong: world.trace.note(world.time, "< pong", me)
    }
  }
}
