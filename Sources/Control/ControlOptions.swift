// What control is given at its start: where it serves, who may ask, and its ways to the other processes.
package import Wire

package struct ControlOptions: Sendable {
  package var host: String
  /// 0: any.
  package var port: Int
  package var adminToken: [UInt8]
  /// The directory of the crash bundles and reports.
  package var crashes: String
  /// The directory of module builds, and of the pages that come with them.
  package var modules: String
  /// The directory of oneup.js and the dashboard; nil where there is none.
  package var web: String?
  package var releases: ReleaseOptions
  /// Where players connect; shown, not used.
  package var playersAddress: String
  /// Whether players may connect with TLS.
  package var hasTLS: Bool
  /// Asks the supervisor; the answer is JSON.
  package var ask: @Sendable (_ verb: String, _ body: [UInt8]) async -> [UInt8]
  /// The workers that can be connected to now.
  package var workers: @Sendable () -> [WorkerAddress]
  /// Called when the server listens, with its port.
  package var serving: @Sendable (_ port: Int) -> Void
  /// Tells what an operator did, for the log and the feed.
  package var note: @Sendable (_ text: String) -> Void
  /// Tells what releases come to, for the log and the feed.
  package var noteRelease: @Sendable (_ text: String) -> Void

  package init(
    host: String, port: Int, adminToken: [UInt8], crashes: String, modules: String, web: String?,
    releases: ReleaseOptions, playersAddress: String, hasTLS: Bool,
    ask: @escaping @Sendable (_ verb: String, _ body: [UInt8]) async -> [UInt8],
    workers: @escaping @Sendable () -> [WorkerAddress], serving: @escaping @Sendable (_ port: Int) -> Void,
    note: @escaping @Sendable (_ text: String) -> Void, noteRelease: @escaping @Sendable (_ text: String) -> Void
  ) {
    self.host = host
    self.port = port
    self.adminToken = adminToken
    self.crashes = crashes
    self.modules = modules
    self.web = web
    self.releases = releases
    self.playersAddress = playersAddress
    self.hasTLS = hasTLS
    self.ask = ask
    self.workers = workers
    self.serving = serving
    self.note = note
    self.noteRelease = noteRelease
  }

  /// The data directory.
  var data: String { releases.files.data }
  /// Builds need no signature.
  var isDevelopment: Bool { releases.trust.development != nil }
  /// Only processes of this machine can ask.
  var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}
