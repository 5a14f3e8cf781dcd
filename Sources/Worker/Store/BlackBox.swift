// What a dead worker was doing: a few words of memory that outlive the process, one box per shard.
package import Core
package import WorkerCore

/// Eight words that survive the death of the process, not of the machine: a mapped file, or the simulator's memory.
/// Zeros when new. Written on every event, so a store must be a store.
package protocol BlackBox {
  subscript(word: Int) -> UInt64 { get nonmutating set }
}

/// Words at an address that stays.
package struct WordBox: BlackBox {
  private let words: UnsafeMutablePointer<UInt64>
  package init(_ words: UnsafeMutablePointer<UInt64>) { self.words = words }
  package subscript(word: Int) -> UInt64 {
    get { words[word] }
    nonmutating set { words[word] = newValue }
  }
}

/// How the words are used: 0 format, 1…2 boot, 3…4 executing now (room, event; event 0: nothing), 5…6 what its
/// predecessor died at. An event's number is written last and cleared first, so a half-written pair names nothing.
package struct BlackBoxView<Box: BlackBox> {
  private static var format: UInt64 { 1 }
  let box: Box

  package init(_ box: Box) { self.box = box }

  private func suspect(at word: Int) -> ShardAdoption.Suspect? {
    let event = box[word + 1]
    return event == 0 ? nil : .init(room: RoomID(box[word]), event: EventSeq(event))
  }
  private func put(_ suspect: ShardAdoption.Suspect?, at word: Int) {
    box[word + 1] = 0
    guard let suspect else { return }
    box[word] = suspect.room.rawValue
    box[word + 1] = suspect.event.rawValue
  }

  /// For a new owner that holds the shard's lock: what the last two died at. From here on the box is its own.
  package func takeOver(_ boot: BootID) -> (suspect: ShardAdoption.Suspect?, previous: ShardAdoption.Suspect?) {
    // What a power loss left in the file means nothing.
    let isKnown = box[0] == Self.format && box[1] == boot.high && box[2] == boot.low
    let suspect = isKnown ? suspect(at: 3) : nil
    let previous = isKnown ? self.suspect(at: 5) : nil
    put(nil, at: 3)
    put(suspect, at: 5)
    box[1] = boot.high
    box[2] = boot.low
    box[0] = Self.format
    return (suspect, previous)
  }

  package func enter(_ room: RoomID, _ event: EventSeq) {
    box[3] = room.rawValue
    box[4] = event.rawValue
  }
  /// As if its predecessor had died there.
  package func countDeath(at room: RoomID, _ event: EventSeq) { put(.init(room: room, event: event), at: 5) }
  /// The event returned, so whoever died at it did not die of it.
  package func leave() {
    if box[4] == box[6], box[3] == box[5] { box[6] = 0 }
    box[4] = 0
  }
}
