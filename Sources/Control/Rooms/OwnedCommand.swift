// A command that holds its own bytes, for a request that is tried more than once.
import Core
import Wire

enum OwnedCommand: Sendable {
  case create(module: [UInt8], key: [UInt8], parameters: [UInt8])
  case signal(module: [UInt8], key: [UInt8], idempotencyKey: [UInt8], payload: [UInt8])
  case kick(RoomID, Slot, reason: [UInt8])
  case lock(RoomID, Bool)
  case end(RoomID, reason: [UInt8])
  case upgrade(RoomID, to: ModuleHash, probationEvents: UInt32, probationSeconds: UInt32)
  case back(RoomID, reason: [UInt8])
  case settle(RoomID)
  case offer(ModuleHash)

  /// Whether a second one does no more than the first. Slots are given away again, so a kick may hit somebody else.
  var isSafeToRepeat: Bool {
    if case .kick = self { false } else { true }
  }

  /// The command as the link takes it, valid within `body` only.
  func borrowed(_ body: (RoomCommand) -> Void) {
    switch self {
    case .create(let module, let key, let parameters):
      Self.with([module, key, parameters]) { body(.create(module: $0[0], key: $0[1], parameters: $0[2])) }
    case .signal(let module, let key, let idempotencyKey, let payload):
      Self.with([module, key, idempotencyKey, payload]) {
        body(.signal(module: $0[0], key: $0[1], idempotencyKey: $0[2], payload: $0[3]))
      }
    case .kick(let room, let slot, let reason): Self.with([reason]) { body(.kick(room, slot, reason: $0[0])) }
    case .lock(let room, let isLocked): body(.lock(room, isLocked))
    case .end(let room, let reason): Self.with([reason]) { body(.end(room, reason: $0[0])) }
    case .upgrade(let room, let module, let events, let seconds):
      body(.upgrade(room, to: module, probationEvents: events, probationSeconds: seconds))
    case .back(let room, let reason): Self.with([reason]) { body(.back(room, reason: $0[0])) }
    case .settle(let room): body(.settle(room))
    case .offer(let module): body(.offer(module))
    }
  }

  private static func with(_ pieces: [[UInt8]], _ body: ([UnsafeRawBufferPointer]) -> Void) {
    var ends: [Int] = [0]
    for piece in pieces { ends.append(ends[ends.count - 1] + piece.count) }
    Array(pieces.joined()).withUnsafeBytes { all in
      body(pieces.indices.map { UnsafeRawBufferPointer(rebasing: all[ends[$0]..<ends[$0 + 1]]) })
    }
  }
}
