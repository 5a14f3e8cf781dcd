// The process that runs rooms.
import ArgumentParser
import Artifacts
import Core
import Foundation
import SupervisionShell
import WorkerShell

struct WorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker", abstract: "A process that runs rooms; started by `oneup serve`.", shouldDisplay: false)

  func run() throws {
    nameProcess("oneup-worker")
    leaveStopsToTheSupervisor()
    let configuration = try started { try Self.configuration(try RoleConfiguration.required()) }
    do {
      endProcess(try WorkerProcess(configuration).run())
    } catch {
      emit("oneup worker: \(error)\n".utf8, to: STDERR_FILENO)
      endProcess(78)
    }
  }

  private static func configuration(_ role: RoleConfiguration) throws(StartError) -> WorkerConfiguration {
    var configuration = WorkerConfiguration(
      data: try role.text("data"), socket: try role.text("socket"),
      shards: try role.shardMap(), durability: try role.text("durability") == "disk" ? .disk : .process,
      isDevelopment: try role.text("dev") == "true")
    do throws(ArtifactError) {
      configuration.trustedNative = try KeyFile.trusted(role.values[Setting.trustNative.name] ?? "")
    } catch { throw StartError(error.description) }
    let history: Int = try role.number(Setting.history.name)
    configuration.historyBytes = history << 20
    return configuration
  }
}

extension RoleConfiguration {
  func shardMap() throws(StartError) -> ShardMap {
    guard let map = DataDirectory.Identity.map(shards: try number("shards"), hashKey: try text("hash-key")) else {
      throw StartError("The supervisor's shards make no map.")
    }
    return map
  }
}
