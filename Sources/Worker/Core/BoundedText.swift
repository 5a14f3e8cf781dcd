// Text of a room's code: it may be longer than what is kept, or no text at all.

extension [UInt8] {
  /// UTF-8 for people: at most `most` bytes, with no character cut in two; what is no UTF-8 is repaired.
  package init(text bytes: some Collection<UInt8>, most: Int) {
    self = []
    if bytes.count <= most, bytes.allSatisfy({ $0 < 0x80 }) {
      self.append(contentsOf: bytes)
      return
    }
    // By scalars, whose bounds are for ever: those of whole characters differ from one Unicode to the next.
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      let utf8 = UTF8.encode(scalar)!
      guard count + utf8.count <= most else { return }
      append(contentsOf: utf8)
    }
  }
}
