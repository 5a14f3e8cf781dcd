// What control shows of supervision, boiled down to what tells whether it has changed.
import Wire

struct Scene: Sendable, Hashable {
  /// Of each child: instance and state.
  var children: [String] = []
  var events: Int64 = 0
  var recoveries: Int64 = 0
}

extension Supervisor {
  /// A word to control where it should look again. It is no news that a beat came.
  mutating func tellControl(_ actions: inout [SupervisionAction]) {
    guard let control = children.first(where: { $0.role == .control && $0.phase == .ready }) else { return }
    let scene = Scene(
      children: children.map { "\($0.instance) \($0.stateName) \($0.pid)" }, events: feed.total,
      recoveries: repaired.total)
    guard scene != toldControl else { return }
    toldControl = scene
    actions.append(.send(control.instance, .changed))
  }
}
