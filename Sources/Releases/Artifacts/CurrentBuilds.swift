// `releases/current.json`: which build new rooms of each module are made with.
package import Core

package enum CurrentBuilds {
  /// By module. What is no hash is left out.
  package static func read(_ json: [UInt8]) throws(ArtifactError) -> [String: ModuleHash] {
    let document: JSON
    do throws(JSONError) { document = try JSON(json) } catch {
      throw ArtifactError(
        "releases/current.json is damaged (\(error)): remove it, and the modules directory is taken in anew")
    }
    guard case .object(let members) = document else { return [:] }
    return members.compactMapValues { $0.text.flatMap { ModuleHash(hex: $0) } }
  }

  package static func json(_ builds: [String: ModuleHash]) -> [UInt8] {
    JSON.object(builds.mapValues { .text($0.description) }).lines
  }
}
