// A watcher of a real server: server-sent events over HTTP's chunks.
import Foundation
import ServerHarness

final class LiveStream {
  private let socket: Socket
  private var received = Data()
  private var text = Data()
  private(set) var head = ""
  /// The last chunk came: the server said that this is the end.
  private(set) var endedInOrder = false

  init(_ server: RunningServer, path: String = "/v1/live") throws {
    socket = try server.connected()
    socket.send(Array("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
    while true {
      if let gap = received.firstRange(of: Data("\r\n\r\n".utf8)) {
        head = String(decoding: received[..<gap.lowerBound], as: UTF8.self)
        received.removeSubrange(..<gap.upperBound)
        return
      }
      guard read() else { throw Failure(description: "no answer") }
    }
  }

  /// The next message of a kind that fits; nil when the stream ends before, or none came in time.
  func next<T: Decodable>(_ event: String, _: T.Type, where fits: (T) -> Bool = { _ in true }) throws -> T? {
    let start = "event: \(event)\ndata: "
    let deadline = Date(timeIntervalSinceNow: 180)
    while true {
      while let end = text.firstRange(of: Data("\n\n".utf8)) {
        let message = String(decoding: text[..<end.lowerBound], as: UTF8.self)
        text.removeSubrange(..<end.upperBound)
        guard message.hasPrefix(start) else { continue }
        let value = try JSONDecoder().decode(T.self, from: Data(message.dropFirst(start.count).utf8))
        if fits(value) { return value }
      }
      guard Date() < deadline, nextChunk() else { return nil }
    }
  }

  /// Takes what is here, so that the server goes on sending; `next` finds it later.
  func keepUp() { while socket.hasMore, read() {} }

  private func nextChunk() -> Bool {
    while true {
      if let line = received.firstRange(of: Data("\r\n".utf8)),
        let count = Int(String(decoding: received[..<line.lowerBound], as: UTF8.self), radix: 16),
        received.distance(from: line.upperBound, to: received.endIndex) >= count + 2
      {
        if count == 0 {
          endedInOrder = true
          return false
        }
        let begin = line.upperBound
        text.append(received[begin..<begin + count])
        received.removeSubrange(..<(begin + count + 2))
        return true
      }
      guard read() else { return false }
    }
  }

  private func read() -> Bool {
    guard let bytes = socket.receiveSome() else { return false }
    received.append(contentsOf: bytes)
    return true
  }
}
