// The client protocol by hand, frame by frame: nothing here is shared with the server.
import ServerHarness

func varint(_ value: UInt64) -> [UInt8] {
  value < 128 ? [UInt8(value)] : [UInt8(value & 127 | 128)] + varint(value >> 7)
}
func number(_ field: UInt64, _ value: UInt64) -> [UInt8] { varint(field << 3) + varint(value) }
func blob(_ field: UInt64, _ bytes: [UInt8]) -> [UInt8] { varint(field << 3 | 2) + varint(UInt64(bytes.count)) + bytes }
func fixed(_ field: UInt64, _ value: UInt64) -> [UInt8] { varint(field << 3 | 1) + little(value) }
func little(_ value: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
func big(_ length: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - $0 * 8)) } }
/// A frame as TCP carries it.
func frame(_ kind: UInt64, _ body: [UInt8]) -> [UInt8] {
  let message = blob(kind, body)
  return big(UInt32(message.count)) + message
}

/// A protobuf message's fields, the last of each.
struct Fields {
  var numbers: [UInt64: UInt64] = [:]
  var blobs: [UInt64: [UInt8]] = [:]

  /// Of the server's own bytes, which are well-formed.
  init(_ bytes: [UInt8] = []) {
    var at = 0
    func take() -> UInt64 {
      var (value, shift): (UInt64, UInt64) = (0, 0)
      while true {
        let byte = bytes[at]
        at += 1
        value |= UInt64(byte & 127) << shift
        shift += 7
        if byte < 128 { return value }
      }
    }
    while at < bytes.count {
      let key = take()
      switch key & 7 {
      case 0: numbers[key >> 3] = take()
      case 2:
        let size = Int(take())
        blobs[key >> 3] = Array(bytes[at..<at + size])
        at += size
      default:
        let size = key & 7 == 1 ? 8 : 4
        numbers[key >> 3] = bytes[at..<at + size].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        at += size
      }
    }
  }
  func text(_ field: UInt64) -> String { String(decoding: blobs[field] ?? [], as: UTF8.self) }
}

enum Kind {
  static let welcome: UInt64 = 1
  static let attached: UInt64 = 2
  static let output: UInt64 = 3
  static let state: UInt64 = 4
  static let ack: UInt64 = 5
  static let expected: UInt64 = 6
  static let busy: UInt64 = 7
  static let gone: UInt64 = 8
  static let error: UInt64 = 9
}
struct Answer {
  var kind: UInt64
  var fields: Fields
  /// Of an Error, else nil.
  var code: UInt64? { kind == Kind.error ? fields.numbers[1] : nil }
  var isClosing: Bool { fields.numbers[5] == 1 }
}

/// One connection of a client.
final class Player {
  let stream: Socket
  private(set) var token: [UInt8] = []
  /// Of the last Attached.
  private(set) var room: UInt64 = 0

  init(_ server: RunningServer, resume: [UInt8] = [], hello: Bool = true) throws {
    stream = try Socket(port: server.port)
    guard hello else { return }
    stream.send(frame(1, number(1, 1) + blob(2, Array("ann".utf8)) + (resume.isEmpty ? [] : blob(3, resume))))
    guard let welcome = receive(), welcome.kind == Kind.welcome else { throw Failure(description: "no Welcome") }
    token = welcome.fields.blobs[2] ?? []
  }

  func receive() -> Answer? {
    guard let head = stream.receive(4) else { return nil }
    guard let bytes = stream.receive(Int(head.reduce(0) { $0 << 8 | UInt32($1) })) else { return nil }
    let whole = Fields(bytes)
    guard let (kind, body) = whole.blobs.first else { return nil }
    let answer = Answer(kind: kind, fields: Fields(body))
    if kind == Kind.attached { room = answer.fields.numbers[2] ?? 0 }
    return answer
  }
  /// The next answer of one of these kinds; nil at the connection's end.
  func next(_ kinds: UInt64...) -> Answer? {
    while let answer = receive() { if kinds.contains(answer.kind) { return answer } }
    return nil
  }

  func join(_ id: UInt64, _ module: String, _ key: String) {
    stream.send(frame(2, number(1, id) + blob(2, Array(module.utf8)) + blob(3, Array(key.utf8))))
  }
  /// Joins and waits for the state.
  func enter(_ key: String, of module: String = "tally") throws -> Answer {
    join(1, module, key)
    guard let state = next(Kind.state, Kind.error), state.kind == Kind.state else {
      throw Failure(description: "\(module) \(key) was not joined")
    }
    return state
  }
  func input(_ seq: UInt64, _ payload: [UInt8], id: UInt64 = 1) {
    stream.send(frame(4, number(1, id) + number(2, seq) + blob(3, payload)))
  }
  func add(_ seq: UInt64, _ value: UInt64) { input(seq, [1] + little(value)) }
}

/// How many numbers a tally's state says its list has.
func count(_ state: Answer?) -> UInt64? {
  state?.fields.blobs[4].map { $0.prefix(4).reversed().reduce(0) { $0 << 8 | UInt64($1) } }
}
