// What a worker is told at its start.
package import Artifacts
package import Core

package struct WorkerConfiguration: Sendable {
  /// The server's data directory.
  package var data: String
  /// Of the Unix socket that gateway loops and control connect to.
  package var socket: String
  package var shards: ShardMap
  package var durability: Durability
  /// Without it nobody makes rooms of `developmentModules`.
  package var isDevelopment: Bool
  static let developmentModules: Set<String> = ["faulty"]
  /// Whose native modules are loaded into this process; nothing confines them.
  package var trustedNative = TrustedKeys()
  /// Of each shard's log, so much stays beyond what a takeover needs, while the disk has space.
  package var historyBytes = 0

  package init(
    data: String, socket: String, shards: ShardMap, durability: Durability, isDevelopment: Bool
  ) {
    self.data = data
    self.socket = socket
    self.shards = shards
    self.durability = durability
    self.isDevelopment = isDevelopment
  }
}
