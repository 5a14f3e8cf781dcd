// Which builds a data directory cannot do without: those that something in its logs or its crash bundles was made with. Read
// beside the workers, without asking anybody.
package import Core
internal import FoundationEssentials
internal import Journal
internal import WorkerCore

package enum NeededBuilds {
  /// Throws where a part of a log cannot be read: then nobody knows.
  package static func found(data: String) throws(RehearsalError) -> Set<ModuleHash> {
    var builds = NamedBuilds()
    let shards = data + "/shards"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: shards)) ?? []
    for name in names.sorted() where UInt16(name) != nil {
      do {
        guard let reader = try LogReader.beside(PosixFileSystem(), "\(shards)/\(name)") else { continue }
        try reader.scan(from: reader.oldest) { _, kind, payload in try builds.add(kind, payload) }
      } catch { throw RehearsalError("the log of shard \(name) cannot be read as a whole: \(error)") }
    }
    for stored in CrashStore(data: data).list() {
      if let crash = try? CrashStore.read(stored.path) { builds.add(crash.bundle) }
    }
    return builds.hashes
  }
}
