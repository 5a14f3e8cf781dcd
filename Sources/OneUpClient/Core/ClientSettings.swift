// The bounds and times of one client.

package struct ClientSettings: Sendable, Hashable {
  /// Inputs sent and not acknowledged, per membership; more wait in the queue.
  package var window = 256
  /// Inputs that wait for their acknowledgement, per membership; at it `send` refuses.
  package var queueMax = 8_192
  /// Full jitter: the n-th attempt waits between 0 and min(max, base · 2ⁿ).
  package var backoffBaseMicroseconds: Int64 = 50_000
  package var backoffMaxMicroseconds: Int64 = 10_000_000
  /// From `connect` to `Welcome`.
  package var greetingMicroseconds: Int64 = 10_000_000
  /// Without `Attached` for so long, a join or attach is sent again.
  package var attachMicroseconds: Int64 = 10_000_000
  /// After a refusal that does not say when to ask again; and how far that, or what is said, is doubled by further ones.
  package var refusedMicroseconds: Int64 = 1_000_000
  package var refusedMaxMicroseconds: Int64 = 10_000_000
  /// Without a frame for so long, a ping is sent; for twice as long, the connection is given up.
  package var silenceMicroseconds: Int64 = 15_000_000
  package init() {}
}
