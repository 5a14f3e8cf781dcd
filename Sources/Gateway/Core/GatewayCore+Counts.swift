// What is there now, for whoever watches.

extension GatewayCore {
  /// Sessions whose connection is here and has said `Hello`.
  package var sessionCount: Int { sessions.count }
}
