// What a supervisor process is started with.
package import SupervisionCore

package struct SupervisorOptions: Sendable {
  package var data: String
  /// nil: what the data directory has, or the default for a new one.
  package var shards: Int?
  package var workers: Int
  package var listen: Endpoint
  package var http: Endpoint
  /// Event loops of the gateway, each with a listening socket of its own.
  package var gatewayLoops: Int
  /// Passed on to every child as it is.
  package var passedOn: [String: String] = [:]
  /// Seen before it is used, so that tests can shorten its times.
  package var adjust: @Sendable (inout SupervisionSettings) -> Void = { _ in }
  /// The program that is started for each child, and its arguments for a role.
  package var executable = "/proc/self/exe"
  package var arguments: @Sendable (ChildRole) -> [String] = { ["oneup", $0.rawValue] }

  package init(data: String, shards: Int?, workers: Int, listen: Endpoint, http: Endpoint, gatewayLoops: Int) {
    self.data = data
    self.shards = shards
    self.workers = workers
    self.listen = listen
    self.http = http
    self.gatewayLoops = gatewayLoops
  }
}
