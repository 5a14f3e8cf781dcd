// One question to a worker, over a link of its own.
import NIOCore
import Wire

enum WorkerQuery {
  /// What the worker shows of itself, as JSON.
  static func inspect(_ what: String, _ worker: WorkerAddress, _ group: any EventLoopGroup) async throws -> [UInt8] {
    let link = try await WorkerLink.open(worker, group)
    defer { link.close() }
    return try await link.inspect(what)
  }

  /// An error leaves open whether it was done.
  static func command(
    _ command: OwnedCommand, _ worker: WorkerAddress, _ group: any EventLoopGroup
  ) async throws -> CommandAnswer {
    let link = try await WorkerLink.open(worker, group)
    defer { link.close() }
    return try await link.command(command)
  }
}
