// Which builds a data directory cannot do without: those that something in its logs or its crash bundles was made with. Read
// beside the workers, without asking anybody.
package import Core
internal import Journal
internal import WorkerCore

package enum NeededBuilds {
  private static let system = PosixFileSystem()

  /// Throws where a part of a log, a bundle, or a list of them cannot be read: then nobody knows.
  package static func found(data: String) throws(RehearsalError) -> Set<ModuleHash> {
    var builds = NamedBuilds()
    let shards = data + "/shards"
    let names: [String]
    do throws(FileError) { names = try system.list(shards) } catch {
      throw RehearsalError("which shards there are cannot be read: \(error)")
    }
    for name in names where UInt16(name) != nil {
      do {
        guard let reader = try LogReader.beside(system, "\(shards)/\(name)", mustBeWhole: true) else { continue }
        try reader.scan(from: reader.oldest) { _, kind, payload in try builds.add(kind, payload) }
      } catch { throw RehearsalError("the log of shard \(name) cannot be read as a whole: \(error)") }
    }
    do throws(FileError) { try addCrashes(CrashStore(data: data).directory, to: &builds) } catch {
      throw RehearsalError("a kept crash cannot be read: \(error)")
    }
    return builds.hashes
  }

  /// What has gone since it was listed, is too large or does not decode is nothing that anybody could replay.
  private static func addCrashes(_ directory: String, to builds: inout NamedBuilds) throws(FileError) {
    guard let names = try unless([noSuchFile], { () throws(FileError) in try system.list(directory) }) else { return }
    for name in names where name.hasSuffix(".bundle") {
      let bytes = try unless([noSuchFile, tooLarge]) { () throws(FileError) in
        try system.contents(of: "\(directory)/\(name)", limit: CrashStore.fileBytesMax)
      }
      if let bytes, let crash = try? CrashCase(bytes) { builds.add(crash.bundle) }
    }
  }

  private static let noSuchFile: Int32 = 2
  private static let tooLarge: Int32 = 27
  private static func unless<R>(_ codes: [Int32], _ body: () throws(FileError) -> R) throws(FileError) -> R? {
    do throws(FileError) { return try body() } catch {
      guard codes.contains(error.code) else { throw error }
      return nil
    }
  }
}
