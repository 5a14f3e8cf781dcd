// Another version of the engine may need more stack for the same calls. What was decided is followed there with a larger
// one (protocol §4.3); what is decided from then on has the stack that is on record.
import Core

extension Worker {
  /// A decided event went too deep where it is replayed: it is replayed again, from the snapshot, with a larger stack. Nil:
  /// that is no way out.
  func askForStack(_ room: Room, _ fault: RoomFault) -> WakeError? {
    guard fault.kind == .stack, !room.hasLargerStack else { return nil }
    room.needsLargerStack = true
    return WakeError(nil, "a decided event needs a larger stack here than it had")
  }

  /// The record has been followed: the room goes on with the usual stack, by its images. False: there is no place for it
  /// now, and why is in `replayTrouble`.
  mutating func moveToUsualStack(_ room: Room) -> Bool {
    guard room.hasLargerStack, let host = room.host, let old = room.instance else { return true }
    do throws(WakeError) {
      let instance = try moved(old, host.module, host.limits)
      if let twin = room.twin, let part = host.twin {
        do throws(WakeError) { room.twin = try moved(twin, part.module, part.limits) } catch {
          engine.discard(instance)
          throw error
        }
        engine.discard(twin)
      }
      engine.discard(old)
      room.instance = instance
    } catch {
      room.replayTrouble = error
      return false
    }
    room.hasLargerStack = false
    guard !room.isGhost else { return true }
    // From a tail with such an event in it, every replay would need the larger stack.
    room.needsSnapshot = true
    snapshotsAreNeeded = true
    return true
  }

  private mutating func moved(
    _ instance: any RoomInstance, _ module: ModuleHash, _ limits: RoomLimits
  ) throws(WakeError) -> any RoomInstance {
    var image: [UInt8] = []
    engine.image(of: instance, into: &image)
    return try image.withUnsafe { (image) throws(WakeError) in
      try restore(module, limits, image, forReplay: false)
    }
  }
}
