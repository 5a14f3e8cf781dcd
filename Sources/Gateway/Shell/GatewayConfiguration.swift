// What a gateway process is started with.
package import Core
import GatewayCore
package import Wire

package struct GatewayConfiguration: Sendable {
  /// Of this life of the gateway: one more than any before, synced by whoever started it.
  package var epoch: GatewayEpoch
  package var loops: Int
  package var shards: ShardMap
  /// 32 bytes of `keys/session`.
  package var sessionKey: [UInt8]
  /// Bound stream sockets, one for each loop where there are as many. Owned by the gateway from `start` on.
  package var listeners: [CInt]
  package var tls: Certificate?
  package var handshakeMilliseconds: Int64 = Limits.handshakeSeconds * 1_000
  package var framesPerSecond = Limits.framesPerSecond
  package var framesBurst = Limits.framesBurst
  package var connectionsPerAddressMax = Limits.connectionsPerAddressMax
  /// Of all loops. The rest of the process's descriptors is for links: without one a new worker could not be reached.
  package var connectionsMax = Descriptors.max - GatewayConfiguration.descriptorsKept
  private static let descriptorsKept = 192
  package var outboundBytesMax = Limits.outboundBytesMax
  /// Lines for the log. Called from any thread.
  package var log: @Sendable (String) -> Void = { _ in }
  /// About ten times a second, while every loop turns: what they have to do. Called from any thread.
  package var onBeat: @Sendable (Vitals) -> Void = { _ in }
  /// The gateway can do its work no more, for the reason given: its process should end. Called from any thread.
  package var onBroken: @Sendable (String) -> Void = { _ in }

  /// PEM files. Read again for new connections when they have changed.
  package struct Certificate: Sendable, Hashable {
    package var chainPath: String
    package var keyPath: String
    package init(chainPath: String, keyPath: String) {
      self.chainPath = chainPath
      self.keyPath = keyPath
    }
  }

  package init(epoch: GatewayEpoch, loops: Int, shards: ShardMap, sessionKey: [UInt8], listeners: [CInt]) {
    self.epoch = epoch
    self.loops = loops
    self.shards = shards
    self.sessionKey = sessionKey
    self.listeners = listeners
  }

  func settings(ofLoop loop: Int) -> GatewaySettings {
    var settings = GatewaySettings(
      epoch: epoch, loop: UInt16(loop), loops: UInt16(loops), shards: shards)
    settings.handshakeMicroseconds = handshakeMilliseconds * 1_000
    settings.framesPerSecond = framesPerSecond
    settings.framesBurst = framesBurst
    settings.connectionsPerAddressMax = max(1, connectionsPerAddressMax / loops)
    settings.connectionsMax = max(1, connectionsMax / loops)
    settings.outboundBytesMax = outboundBytesMax
    return settings
  }
}

package struct GatewayError: Error, Sendable, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}
