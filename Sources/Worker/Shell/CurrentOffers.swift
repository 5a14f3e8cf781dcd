// Which builds new rooms get when a worker starts; afterwards control says what changes.
internal import Artifacts
internal import Core
internal import Sandbox
internal import WorkerCore

extension WorkerProcess {
  /// A build that cannot be loaded is told, and no rooms of its module can be made.
  func offerCurrent() throws(WorkerError) {
    let current: [String: ModuleHash]
    do throws(ArtifactError) {
      current = try StandingFiles(fileSystem, directory: configuration.data + "/releases").current()
    } catch { throw WorkerError("\(error)") }
    for (name, hash) in current.sorted(by: { $0.key < $1.key }) {
      do throws(EngineError) {
        try engine.offer(hash)
        worker.count(name)
      } catch { log("module-refused", "no rooms of \(name) can be made: \(error)") }
    }
  }
}
