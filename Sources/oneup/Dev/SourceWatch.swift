// What is saved in a module's folder. The kernel says that something happened; what has changed is found by looking.
import Foundation
import SupervisionShell

struct SourceWatch {
  /// What a save makes necessary.
  struct Change: Sendable {
    /// Names below the module's folder, sorted.
    var files: [String]
    var needsBuild: Bool { files.contains { !$0.hasPrefix("Page/") } }
  }
  private struct Stamp: Equatable {
    var seconds: Int
    var nanoseconds: Int
    var size: Int64
    var file: UInt64
  }

  /// Readable when something happened.
  let descriptor: Int32
  private let module: String
  private var known: [String: Stamp] = [:]
  private static let events = UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE)

  init(module: String) throws(HTTPFailure) {
    self.module = module
    descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
    guard descriptor >= 0 else { throw HTTPFailure("Files cannot be watched: \(systemText(errno)).") }
    known = look()
  }

  /// Of all files, without their folders.
  var names: Set<String> { Set(known.keys.map { String($0.split(separator: "/").last ?? "") }) }

  /// What differs from the last time; nil: nothing that matters. Waits until nothing more happens for a moment, since
  /// editors save in several steps.
  mutating func changes() -> Change? {
    var waited = 0
    repeat {
      var buffer = [UInt8](repeating: 0, count: 16_384)
      while read(descriptor, &buffer, buffer.count) > 0 {}
      waited += 1
    } while waited < 20 && happens(within: 50)
    let now = look()
    let files = Set(now.keys).union(known.keys).filter { now[$0] != known[$0] }.sorted()
    known = now
    return files.isEmpty ? nil : Change(files: files)
  }

  private func happens(within milliseconds: Int32) -> Bool {
    var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&wait, 1, milliseconds) > 0
  }

  /// Watches every folder that there is now, and gives all files that matter.
  private func look() -> [String: Stamp] {
    var found: [String: Stamp] = [:]
    inotify_add_watch(descriptor, module, Self.events)
    add("module.json", to: &found)
    for folder in ["Sources", "Page"] { walk(folder, into: &found) }
    return found
  }

  private func walk(_ folder: String, into found: inout [String: Stamp]) {
    inotify_add_watch(descriptor, module + "/" + folder, Self.events)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: module + "/" + folder)) ?? []
    // Editors keep their own things in files with a dot before or a ~ behind their names.
    for name in names where !name.hasPrefix(".") && !name.hasSuffix("~") {
      var isDirectory: ObjCBool = false
      let path = folder + "/" + name
      guard FileManager.default.fileExists(atPath: module + "/" + path, isDirectory: &isDirectory) else { continue }
      if isDirectory.boolValue {
        walk(path, into: &found)
      } else if folder.hasPrefix("Page") || name.hasSuffix(".swift") {
        add(path, to: &found)
      }
    }
  }

  private func add(_ path: String, to found: inout [String: Stamp]) {
    var status = stat()
    guard stat(module + "/" + path, &status) == 0 else { return }
    found[path] = Stamp(
      seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec, size: Int64(status.st_size),
      file: UInt64(status.st_ino))
  }
}
