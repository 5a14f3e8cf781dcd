// `GET /v1/live`: a stream of server-sent events.
import Hummingbird
import NIOCore

enum LiveRoutes {
  private static let headers: HTTPFields = [
    .contentType: "text/event-stream", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
  ]

  /// To HEAD: nobody watches.
  static var head: Response { Response(status: .ok, headers: headers) }

  /// Ends when the watcher goes or is too slow, or the server stops.
  /// `first`: builds that do not compile, told at once.
  static func stream(_ watchers: Watchers, first: [BuildWord], to channel: any Channel) -> Response {
    // Whoever does not read cannot be told the end of the stream either.
    guard let messages = watchers.join(dropped: { channel.close(promise: nil) }) else {
      return Answer.error(.serviceUnavailable, "too many watch this server, or it is stopping; try again later")
    }
    return Response(
      status: .ok, headers: headers,
      body: ResponseBody { writer in
        defer { watchers.finished() }
        try await writer.write(ByteBuffer(string: "retry: 1000\n\n"))
        for word in first { try await writer.write(Watchers.message("build", Answer.encode(word))) }
        for await message in messages { try await writer.write(message) }
        try await writer.finish(nil)
      })
  }
}
