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

  static var server: HTTPServerBuilder { .http1(configuration: .init(idleTimeout: .seconds(idleSeconds))) }
}
