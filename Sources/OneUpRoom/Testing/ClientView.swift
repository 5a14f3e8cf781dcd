// What a client knows of a room, from what it was sent.
#if !arch(wasm32) && !ONEUP_NATIVE

  /// Puts keyframes and changes together as a client does. Only what clients see is right in `state`; hidden fields are as
  /// in a fresh room.
  public final class ClientView<R: Room> {
    public private(set) var state = R()
    /// Of the newest change.
    public private(set) var tick: UInt64 = 0
    public private(set) var microseconds: Int64 = 0
    /// The newest fire-and-forget mark that was applied, by slot.
    public private(set) var stamps: [UInt32: UInt64] = [:]
    private var keyframes: [UInt64: [UInt8]] = [0: []]

    public init() {}

    /// Takes an output of the room, or what `describe` gave; the room's own messages are left alone. False: the bytes are
    /// not what a client understands.
    public func take(_ bytes: [UInt8]) -> Bool {
      bytes.withUnsafeBytes { bytes in
        guard let id = bytes.first else { return true }
        var cursor = Cursor(UnsafeRawBufferPointer(rebasing: bytes.dropFirst()))
        switch id {
        case SDKMessage.keyframe:
          guard let number = cursor.varint() else { return false }
          keyframes = keyframes.filter { $0.key + 1 >= number }
          keyframes[number] = Array(cursor.rest)
          return true
        case SDKMessage.described:
          guard let number = cursor.varint(), let keyframe = cursor.counted() else { return false }
          keyframes = [number: Array(keyframe.rest)]
          return change(&cursor)
        case SDKMessage.change: return change(&cursor)
        default: return true
        }
      }
    }

    private func change(_ cursor: inout Cursor) -> Bool {
      guard let number = cursor.varint(), let keyframe = keyframes[number], let tick = cursor.varint(),
        let time = cursor.eight(), let count = cursor.varint()
      else { return false }
      var stamps: [UInt32: UInt64] = [:]
      for _ in 0..<count {
        guard let slot = cursor.varint().flatMap(UInt32.init(exactly:)), let stamp = cursor.varint() else {
          return false
        }
        stamps[slot] = stamp
      }
      var state = R()
      let isKeyframeSound = keyframe.withUnsafeBytes {
        var decoder = Decoder(Cursor($0), from: .change)
        state.fields(&decoder)
        return decoder.isSound
      }
      var decoder = Decoder(cursor, from: .change)
      state.fields(&decoder)
      guard isKeyframeSound, decoder.isSound else { return false }
      self.state = state
      self.tick = tick
      self.microseconds = Int64(bitPattern: time)
      self.stamps = stamps
      return true
    }
  }
#endif
