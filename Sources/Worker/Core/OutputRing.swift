// A room's numbered outputs, kept with their recipients for whoever comes back. Trimmed by its own bounds only.
package import Core

/// Bytes in one growing buffer whose front is let go in steps, so that a warm ring allocates nothing.
package struct OutputRing {
  /// Of one recipient: u32 slot, u64 prev.
  static let recipientBytes = 12

  private struct Entry {
    var seq: OutSeq
    var start: Int
    var recipients: Int
  }
  private var entries: [Entry] = []
  private var firstEntry = 0
  private var bytes: [UInt8] = []
  private var firstByte = 0
  private var opened: (start: Int, recipients: Int)?
  /// The highest number that was trimmed: everything above it is here.
  package private(set) var floor = OutSeq(0)

  package init() {}

  /// The number of the newest that was ever in it.
  var last: OutSeq { entries.last?.seq ?? floor }
  package var count: Int { entries.count - firstEntry }
  package var byteCount: Int { bytes.count - firstByte }

  /// Recipients, then the frame, then `end`.
  mutating func begin() {
    precondition(opened == nil, "an output is begun while another is open")
    opened = (bytes.count, 0)
  }
  mutating func putRecipient(_ slot: Slot, prev: OutSeq) {
    bytes.append(count: Self.recipientBytes) { bytes in
      bytes.put(slot, at: 0)
      bytes.put(prev, at: 4)
    }
    opened!.recipients += 1
  }
  mutating func putFrame(_ write: (inout [UInt8]) -> Void) { write(&bytes) }
  /// Nobody was to get it.
  mutating func cancel() {
    guard let open = opened else { preconditionFailure("an output is cancelled that was not begun") }
    bytes.removeLast(bytes.count - open.start)
    opened = nil
  }
  /// Numbers must rise.
  mutating func end(_ seq: OutSeq) {
    guard let open = opened else { preconditionFailure("an output ends that was not begun") }
    precondition(seq > last, "output numbers must rise")
    opened = nil
    entries.append(Entry(seq: seq, start: open.start, recipients: open.recipients))
    while count > Limits.ringEntriesMax || (byteCount > Limits.ringBytesMax && count > 1) { trimOldest() }
  }

  private mutating func trimOldest() {
    floor = entries[firstEntry].seq
    firstEntry += 1
    firstByte = firstEntry < entries.count ? entries[firstEntry].start : bytes.count
    if firstByte > 4096, firstByte * 2 > bytes.count {
      bytes.removeFirst(firstByte)
      entries.removeFirst(firstEntry)
      for i in entries.indices { entries[i].start -= firstByte }
      firstEntry = 0
      firstByte = 0
    }
  }

  /// The recipients and frame of the entry appended last.
  func withLast<R>(_ body: (_ recipients: UnsafeRawBufferPointer, _ frame: UnsafeRawBufferPointer) -> R) -> R {
    visit(entries.count - 1, body)
  }

  private func visit<R>(_ i: Int, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> R) -> R {
    let entry = entries[i]
    let end = i + 1 < entries.count ? entries[i + 1].start : bytes.count
    let frame = entry.start + entry.recipients * Self.recipientBytes
    return bytes.withUnsafeBytes {
      body(
        UnsafeRawBufferPointer(rebasing: $0[entry.start..<frame]), UnsafeRawBufferPointer(rebasing: $0[frame..<end]))
    }
  }

  /// Every output above `lastOut` that was meant for the slot, in order.
  func outputs(
    for slot: Slot, above lastOut: OutSeq, _ body: (OutSeq, _ prev: OutSeq, _ frame: UnsafeRawBufferPointer) -> Void
  ) {
    for i in firstEntry..<entries.count where entries[i].seq > lastOut {
      visit(i) { recipients, frame in
        for r in 0..<entries[i].recipients {
          let at = r * Self.recipientBytes
          let who = Slot(UInt32(littleEndian: recipients.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
          guard who == slot else { continue }
          let prev = OutSeq(UInt64(littleEndian: recipients.loadUnaligned(fromByteOffset: at + 4, as: UInt64.self)))
          body(entries[i].seq, prev, frame)
          break
        }
      }
    }
  }

  /// Floor, count, then (seq, recipients, length, bytes) of each.
  package func encode(into out: inout [UInt8]) {
    out.put(floor)
    out.put(UInt32(count))
    for i in firstEntry..<entries.count {
      visit(i) { recipients, frame in
        out.put(entries[i].seq)
        out.put(UInt32(entries[i].recipients))
        out.put(UInt32(recipients.count + frame.count))
        out.append(contentsOf: recipients)
        out.append(contentsOf: frame)
      }
    }
  }
  package init(_ r: inout ByteReader) throws(DecodingError) {
    floor = try r.take()
    let count: UInt32 = try r.take()
    guard count <= Limits.ringEntriesMax else { throw DecodingError("ring of \(count) outputs") }
    var last = floor
    for _ in 0..<count {
      let seq: OutSeq = try r.take()
      let recipients: UInt32 = try r.take()
      let data = try r.takeBlob()
      guard seq > last, Int(recipients) <= data.count / Self.recipientBytes else {
        throw DecodingError("ring with a wrong entry")
      }
      last = seq
      entries.append(Entry(seq: seq, start: bytes.count, recipients: Int(recipients)))
      bytes.append(contentsOf: data)
    }
  }
}
