// What the server says of itself once a second.
import Control
import Foundation

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

extension LiveVitals {
  /// Of a look's JSON.
  init(_ json: [UInt8]) throws(HTTPFailure) {
    do { self = try JSONDecoder().decode(LiveVitals.self, from: Data(json)) } catch {
      throw HTTPFailure("What the server shows of itself is not what this program understands; is it of its version?")
    }
  }
}
