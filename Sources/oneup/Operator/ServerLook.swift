// What the server says of itself, as far as the operator's commands read it.
import Foundation

struct ServerLook: Decodable {
  struct Process: Decodable {
    var role: String
    var instance: Int
    var pid: Int32
    var state: String
    var beat_ms: Int
    var up_ms: Int64
    var cpu: Double?
    var memory_bytes: Int64
    var rooms: Int
    var members: Int
    var turn_ms: Double
    var shards: [Int]
  }
  var at: Int64
  var served: Bool
  var players: Int
  var connections: Int
  var rooms: Int
  var messages_per_s: Double
  var events_per_s: Double
  var p50_ms: Double?
  var p99_ms: Double?
  var worst_pause_ms: Double
  var processes: [Process]
}

struct RoomLook: Decodable {
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
  /// Microseconds since 1970: a timer of the sleeping room is due.
  var wakesAt: Int64?
  /// A room that sleeps is known by its id only.
  var name: String { module.isEmpty ? id : "\(module)/\(key)" }
}

/// Names in place of numbers: processes say of a room only its id.
struct RoomNames {
  private let names: [String: String]
  init(_ rooms: [RoomLook]) {
    names = Dictionary(rooms.filter { !$0.module.isEmpty }.map { ($0.id, $0.name) }, uniquingKeysWith: { $1 })
  }
  func put(into text: String) -> String {
    text.split(separator: "room ", omittingEmptySubsequences: false).enumerated().map { at, part in
      guard at > 0, let name = names[String(part.prefix(16))] else { return at > 0 ? "room " + part : String(part) }
      return name + part.dropFirst(16)
    }.joined()
  }
}

struct HappenedLook: Decodable {
  var atMicroseconds: Int64
  var role: String
  var instance: Int
  var kind: String
  var text: String
}

struct RecoveryLook: Decodable {
  var role: String
  var replacement: Int
  var cause: String
  var shards: [Int]
  var atMicroseconds: Int64
  var tookMicroseconds: Int64
}

/// The live stream's looks, one a second.
struct LiveLooks: ~Copyable {
  private var stream: HTTPStream
  private var text: [UInt8] = []

  init(_ server: HTTPServer) throws(HTTPFailure) {
    var stream = try server.open("/v1/live")
    guard stream.status == 200 else {
      var body = Data()
      while let piece = try stream.next() { body.append(contentsOf: piece) }
      throw server.refusal("/v1/live", HTTPServer.Answer(status: stream.status, head: stream.head, body: body))
    }
    self.stream = stream
  }

  /// Readable when the next look is there.
  var descriptor: Int32 { stream.fd }

  /// The next look's JSON; nil when the server ends the stream.
  mutating func next() throws(HTTPFailure) -> [UInt8]? {
    while true {
      while let end = text.firstRange(of: Array("\n\n".utf8)) {
        let message = String(decoding: text[..<end.lowerBound], as: UTF8.self)
        text.removeSubrange(..<end.upperBound)
        guard message.hasPrefix("event: vitals\ndata: ") else { continue }
        return Array(message.utf8.dropFirst("event: vitals\ndata: ".utf8.count))
      }
      guard let piece = try stream.next() else { return nil }
      text += piece
    }
  }

  static func first(_ server: HTTPServer) throws(HTTPFailure) -> [UInt8] {
    var looks = try LiveLooks(server)
    guard let look = try looks.next() else { throw HTTPFailure("The server at \(server.endpoint) is stopping.") }
    return look
  }
}

extension ServerLook {
  init(_ json: [UInt8]) throws(HTTPFailure) {
    do { self = try JSONDecoder().decode(ServerLook.self, from: Data(json)) } catch {
      throw HTTPFailure("What the server shows of itself is not what this program understands; is it of its version?")
    }
  }
}
