// The client's frames, written by hand: protobuf behind a 4-byte big-endian length.
package import ClientCore
import Core

package struct FrameWriter {
  package init() {}
  package private(set) var bytes: [UInt8] = []

  package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  package mutating func put(_ request: ClientRequest) {
    let lengthAt = bytes.count
    bytes.append(contentsOf: [0, 0, 0, 0])
    var body: [UInt8] = []
    let kind: UInt8
    switch request {
    case .hello(let version, let name, let resume):
      kind = 1
      body.field(1, UInt64(version))
      body.field(2, Array(name.utf8))
      body.field(3, resume)
    case .join(let id, let module, let key, let parameters):
      kind = 2
      body.field(1, UInt64(id.rawValue))
      body.field(2, Array(module.utf8))
      body.field(3, Array(key.utf8))
      body.field(4, parameters)
    case .attach(let id, let room, let timeline, let lastOut):
      kind = 3
      body.field(1, UInt64(id.rawValue))
      body.fixed(2, room.rawValue)
      body.fixed(3, timeline.rawValue)
      body.field(4, lastOut.rawValue)
    case .input(let id, let seq, let payload, let stamp):
      kind = 4
      body.field(1, UInt64(id.rawValue))
      body.field(2, seq.rawValue)
      body.field(3, payload)
      body.field(4, stamp)
    case .leave(let id, let seq):
      kind = 5
      body.field(1, UInt64(id.rawValue))
      body.field(2, seq.rawValue)
    case .ping(let time):
      kind = 6
      body.fixed(1, time)
    }
    bytes.append(kind << 3 | 2)
    bytes.varint(UInt64(body.count))
    bytes.append(contentsOf: body)
    let length = UInt32(bytes.count - lengthAt - 4)
    for i in 0..<4 { bytes[lengthAt + i] = UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * i)) }
  }
}

extension [UInt8] {
  fileprivate mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    append(UInt8(value))
  }
  /// Zero and empty are left out, as proto3 does.
  fileprivate mutating func field(_ number: UInt8, _ value: UInt64) {
    guard value != 0 else { return }
    append(number << 3)
    varint(value)
  }
  fileprivate mutating func field(_ number: UInt8, _ value: [UInt8]) {
    guard !value.isEmpty else { return }
    append(number << 3 | 2)
    varint(UInt64(value.count))
    append(contentsOf: value)
  }
  fileprivate mutating func fixed(_ number: UInt8, _ value: UInt64) {
    guard value != 0 else { return }
    append(number << 3 | 1)
    put(value)
  }
}
