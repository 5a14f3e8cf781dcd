// What a dead worker was doing: a few words of memory that outlive the process, one box per shard.
package import Core
package import WorkerCore

/// `BlackBoxView.wordCount` words that survive the death of the process, not of the machine: a mapped file, or the
/// simulator's memory. Zeros when new. Written on every event, so a store must be a store.
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

/// How the words are used, format 2: 0 format, 1…2 boot, 3…4 executing now (room, `Suspect.word`; 0: nothing), 5…6 what
/// its predecessor died at, 7 how many calls were put aside, 8…11 the build that a room is carried to now, then the calls
/// that are put aside, in a ring (room, word). A word is written last and cleared first, so a half-written pair names
/// nothing. Format 1 knows events only and leaves the words from 7 on zeros.
package struct BlackBoxView<Box: BlackBox> {
  private static var format: UInt64 { 2 }
  private static var target: Int { 8 }
  private static var ring: Int { 12 }
  package static var wordCount: Int { ring + 2 * Limits.callsPutAsideMax }
  let box: Box

  package init(_ box: Box) { self.box = box }

  /// What a new owner finds.
  package struct Left {
    package var suspect: Suspect?
    package var previous: Suspect?
    package var target: ModuleHash?
    package var aside: [Suspect] = []
  }

  private func suspect(at word: Int) -> Suspect? {
    box[word + 1] == 0 ? nil : Suspect(room: RoomID(box[word]), word: box[word + 1])
  }
  private func put(_ suspect: Suspect?, at word: Int) {
    box[word + 1] = 0
    guard let suspect else { return }
    box[word] = suspect.room.rawValue
    box[word + 1] = suspect.word
  }
  private var places: StrideTo<Int> { stride(from: Self.ring, to: Self.wordCount, by: 2) }

  /// For a new owner that holds the shard's lock: what the last two died at. From here on the box is its own.
  package func takeOver(_ boot: BootID) -> Left {
    // What a power loss left in the file means nothing.
    let isKnown = (1...Self.format).contains(box[0]) && box[1] == boot.high && box[2] == boot.low
    var left = Left()
    if isKnown {
      left.suspect = suspect(at: 3)
      left.previous = suspect(at: 5)
      if left.suspect?.call == .carry { left.target = carried }
      left.aside = places.compactMap { suspect(at: $0) }.filter { $0.call != nil }
    } else {
      for place in places { put(nil, at: place) }
      box[7] = 0
    }
    put(nil, at: 3)
    put(left.suspect, at: 5)
    box[1] = boot.high
    box[2] = boot.low
    box[0] = Self.format
    return left
  }

  private var carried: ModuleHash {
    var bytes: [UInt8] = []
    for word in 0..<4 { withUnsafeBytes(of: box[Self.target + word].littleEndian) { bytes += $0 } }
    return ModuleHash(bytes)
  }

  package func enter(_ room: RoomID, _ event: EventSeq) {
    box[3] = room.rawValue
    box[4] = event.rawValue
  }
  package func enter(_ call: Suspect, to target: ModuleHash?) {
    // An event whose settling makes the call has returned.
    leave()
    target?.bytes.withUnsafeBytes { bytes in
      for word in 0..<4 {
        box[Self.target + word] = UInt64(
          littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * word, as: UInt64.self))
      }
    }
    put(call, at: 3)
  }
  /// As if its predecessor had died there.
  package func countDeath(at room: RoomID, _ event: EventSeq) { put(Suspect(room: room, event: event), at: 5) }
  /// The event returned, so whoever died at it did not die of it.
  package func leave() {
    if box[4] == box[6], box[3] == box[5] { box[6] = 0 }
    box[4] = 0
  }

  /// For this owner and those after it, until as many others are.
  package func putAside(_ call: Suspect) {
    guard !places.contains(where: { suspect(at: $0) == call }) else { return }
    put(call, at: Self.ring + 2 * Int(box[7] % UInt64(Limits.callsPutAsideMax)))
    box[7] &+= 1
  }
  package func forget(_ room: RoomID) {
    for place in places where suspect(at: place)?.room == room { put(nil, at: place) }
  }
}
