// What the SDK itself keeps about a room.

/// The members and what clients were told of the state, beside what an event in progress needs. One for each room.
final class Desk {
  /// One for each slot up to the highest that was ever taken.
  var seats: [Seat] = []
  var sent = Sent()

  // Of the event in progress.
  var parameters = UnsafeRawBufferPointer(start: nil, count: 0)
  var reason = LeaveReason.left
  var skipped: UInt32 = 0
  let message = Buffer()
  let change = Buffer()

  #if ONEUP_NATIVE
    let host: UnsafePointer<HostTable>
    init(host: UnsafePointer<HostTable>) { self.host = host }
  #elseif !arch(wasm32)
    let host: RecordingHost
    init(host: RecordingHost) { self.host = host }
  #endif

  struct Seat: Fields {
    var isTaken = false
    var name = ""
    /// The newest mark of a fire-and-forget message that was applied; 0: none yet.
    var stamp: UInt64 = 0
    mutating func fields<C: Coder>(_ c: inout C) {
      c(1, "isTaken", &isTaken)
      c(2, "name", &name)
      c(3, "stamp", &stamp)
    }
  }
  /// What clients were told of the state.
  struct Sent: Fields {
    /// Keyframes made so far; 0: none, changes count from nothing.
    var number: UInt64 = 0
    /// The newest keyframe.
    var keyframe: [UInt8] = []
    var time: Int64 = 0
    /// Of the newest change, to send it once in a room that does not tick.
    var changeHash: UInt64 = 0
    mutating func fields<C: Coder>(_ c: inout C) {
      c(1, "number", &number)
      c(2, "keyframe", &keyframe)
      c(3, "time", &time)
      c(4, "changeHash", &changeHash)
    }
  }

  func member(_ slot: Slot) -> Member {
    let index = Int(slot.number)
    return Member(slot: slot, name: index < seats.count ? seats[index].name : "")
  }
  func sit(_ member: Member) {
    let index = Int(member.slot.number)
    while seats.count <= index { seats.append(Seat()) }
    seats[index] = Seat(isTaken: true, name: member.name)
  }
  func rise(_ slot: Slot) {
    let index = Int(slot.number)
    if index < seats.count { seats[index] = Seat() }
  }
  func stamped(_ slot: Slot, _ stamp: UInt64) {
    let index = Int(slot.number)
    if stamp > 0, index < seats.count { seats[index].stamp = stamp }
  }
  var isEmpty: Bool {
    for seat in seats where seat.isTaken { return false }
    return true
  }
}
