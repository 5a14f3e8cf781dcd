// What the server says of a room, as far as the operator's commands read it.

struct RoomLook: Decodable {
  struct Member: Decodable { var suspended: Bool? }
  struct Request: Decodable { var room: String }
  struct Fuel: Decodable {
    /// Of its most expensive event so far.
    var max: UInt64
    /// What one event may use.
    var limit: UInt64?
  }
  struct Trouble: Decodable {
    var seq: UInt64
    var fault: String
    var text: String
    var at: Int64?
  }
  struct Probation: Decodable {
    var from: String
    /// Microseconds since 1970.
    var endsAt: Int64
  }
  var id: String
  var module: String
  var version: String
  var key: String
  var shard: Int
  var phase: String
  var frozen: String?
  var members: Int
  var events: UInt64
  var queue: Int?
  var locked: Bool?
  var ended: String?
  var probation: Probation?
  /// Microseconds since 1970: a timer of the sleeping room is due.
  var wakesAt: Int64?

  // Only where it is asked for alone.
  var check: String?
  var membersList: [Member]?
  /// Of other rooms, without an answer.
  var requests: [Request]?
  var fuel: Fuel?
  var history: [Trouble]?

  /// The key of a room that sleeps is not known.
  var isNamed: Bool { !key.isEmpty }
  var name: String { isNamed ? "\(module)/\(key)" : id }
}

/// Names in place of numbers: processes say of a room only its id.
struct RoomNames {
  private let names: [String: String]
  init(_ rooms: [RoomLook]) {
    names = Dictionary(rooms.filter(\.isNamed).map { ($0.id, $0.name) }, uniquingKeysWith: { $1 })
  }
  func put(into text: String) -> String {
    text.split(separator: "room ", omittingEmptySubsequences: false).enumerated().map { at, part in
      guard at > 0, let name = names[String(part.prefix(16))] else { return at > 0 ? "room " + part : String(part) }
      return name + part.dropFirst(16)
    }.joined()
  }
}
