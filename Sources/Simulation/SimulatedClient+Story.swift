// What a player hears, as the story tells it.
import Core
import Wire

extension SimulatedClient {
  /// One frame, before the client's core gets it.
  func tell(_ frame: ServerFrame) {
    guard world.story != nil else { return }
    switch frame {
    case .welcome(_, _, let resumed, _): world.tell(name, resumed ? "is welcomed back" : "is welcomed")
    case .attached(_, let room, let slot, let next, let timeline, let upTo, _):
      world.tell(
        "\(name) is attached to \(world.name(room)) as slot \(slot), timeline \(words(timeline)), next input \(next), "
          + "outputs up to \(upTo)")
    case .output(_, let seq, _, _, let verdict):
      if let verdict, verdict.kind != 0 {
        world.tell(
          name,
          "hears that input \(verdict.seq) was \(["applied", "refused", "quarantined", "rejected"][Int(min(verdict.kind, 3))])"
        )
      }
      world.tell(name, seq.rawValue == 0 ? "hears something unreliable" : "hears output", seq.rawValue)
    case .state(_, let timeline, let asOf, _):
      world.tell(name, "gets the state, timeline \(words(timeline)), as of output \(asOf)")
    case .ack(_, let seq): world.story?.replace(name, "acknowledged up to", seq.rawValue, at: world.time)
    case .expected(_, let seq): world.tell(name, "is expected to send \(seq)")
    case .busy(_, let seq, _, let reason): world.tell(name, "finds it busy at \(seq) (\(reason))")
    case .gone(_, let last, let known, let reason):
      world.tell(name, "is gone (\(reason), \(known ? "last \(last)" : "unknown"))")
    case .error(_, _, _, _, let text): world.tell(name, "is told: \(text)")
    case .notice(_, _, let text): world.tell(name, "notice: \(text)")
    case .pong: break
    }
  }

  /// The shard's part, then the room's.
  private func words(_ timeline: Timeline) -> String {
    "\(timeline.rawValue >> 32).\(timeline.rawValue & 0xffff_ffff)"
  }
}
