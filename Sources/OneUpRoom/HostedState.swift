// The state of a room in its four written forms: saved, readable, as clients see it, and as a schema.

extension Hosted {
  private static var saveVersion: UInt8 { 1 }

  /// Everything, for another build of the module or another copy: a version byte, what the SDK keeps, the room's fields.
  func saved(into out: Buffer, _ room: inout R) {
    out.byte(Self.saveVersion)
    var kept = Kept(sent: desk.sent, seats: desk.seats, fingerprint: Self.fingerprint)
    kept.put(Encoder(out, all: true))
    room.put(Encoder(out, all: true))
  }
  public mutating func save() {
    let out = Buffer(capacity: 4096)
    saved(into: out, &room)
    withExtendedLifetime(out) { context.hostState(out.bytes) }
  }

  /// Takes over what `save` wrote, whatever build of the module it was; or changes nothing and says why. The buffer is
  /// given back: the host asks for one before the next payload.
  public mutating func restore(_ count: UInt32) -> UInt32 {
    defer { release() }
    do throws(Refused) { try restore(input(count)) } catch {
      context.refuse(error.reason)
      return 1
    }
    return 0
  }
  mutating func restore(_ bytes: UnsafeRawBufferPointer) throws(Refused) {
    guard bytes.first == Self.saveVersion else {
      throw Refused("the saved state is of a version that this build does not know")
    }
    var decoder = Decoder(Cursor(UnsafeRawBufferPointer(rebasing: bytes.dropFirst())), from: .saved)
    var kept = Kept()
    kept.take(&decoder)
    guard !decoder.failed else { throw Refused("the saved state is damaged before the room's fields") }
    var restored = R()
    restored.take(&decoder)
    guard !decoder.failed, decoder.isAtEnd else {
      throw Refused("the saved state does not fit the room's fields: a number may have been given to another type")
    }
    room = restored
    desk.seats = kept.seats
    // Changes count from the old keyframe only while the fields are the same; clients get a new one otherwise.
    let number = kept.sent.number
    desk.sent = kept.fingerprint == Self.fingerprint ? kept.sent : Desk.Sent()
    desk.sent.number = number
  }

  /// Of everything that `save` keeps.
  var stateHash: UInt64 {
    mutating get {
      let out = Buffer(capacity: 4096)
      saved(into: out, &room)
      return out.hash
    }
  }

  /// The room's fields by name.
  public mutating func json() {
    let out = Buffer(capacity: 4096)
    room.json(out)
    withExtendedLifetime(out) { context.hostState(out.bytes) }
  }
  public func schema() {
    let writer = SchemaWriter(path: "messages")
    R.schema(into: writer)
    if let problem = writer.problem {
      writer.out.clear()
      writer.out.text("{\"problem\":")
      writer.out.quoted(problem)
      writer.out.text("}")
    }
    withExtendedLifetime(writer) { context.hostState(writer.out.bytes) }
  }
  /// Changes when what clients see is laid out otherwise.
  private static var fingerprint: UInt64 {
    let writer = SchemaWriter(path: "state")
    writer.fields(of: R.self, hiddenToo: false)
    return writer.out.hash
  }
}

/// What `save` keeps beside the room's own fields.
struct Kept: Fields {
  var sent = Desk.Sent()
  var seats: [Desk.Seat] = []
  var fingerprint: UInt64 = 0
  mutating func fields<C: Coder>(_ c: inout C) {
    c(1, "sent", &sent)
    c(2, "seats", &seats)
    c(3, "fingerprint", &fingerprint)
  }
}
