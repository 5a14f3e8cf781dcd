// What strangers can hold of the HTTP interface.
import Hummingbird
import HummingbirdCore
import NIOCore

enum HTTPLimits {
  /// Of a connection on which nothing is asked, or a request comes in pieces too far apart. What is being answered, such
  /// as a watcher's stream, is not idle.
  static let idleSeconds: Int64 = 10
  /// Beyond, connections wait until another ends, so that there are descriptors left for files and workers.
  static let connectionsMax = 512

  /// For a request's head; what is left of the body of the one before, which was answered without it, counts in.
  static let headSeconds: Int64 = 10

  static var server: HTTPServerBuilder {
    .http1(
      configuration: .init(
        additionalChannelHandlers: [HeadDeadlineSetter(.seconds(headSeconds))], idleTimeout: .seconds(idleSeconds)))
  }
}
