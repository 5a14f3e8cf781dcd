// Says when files of a directory were written or moved there.
import Dispatch
import Glibc

final class DirectoryWatch {
  private let source: any DispatchSourceRead

  /// Calls `changed` after each change, on a queue of its own, until this is released. nil where the kernel cannot watch it.
  init?(_ directory: String, changed: @escaping @Sendable () -> Void) {
    let fd = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
    guard fd >= 0 else { return nil }
    // A file that is still open says nothing yet.
    let events = UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_DELETE) | UInt32(IN_ONLYDIR)
    guard inotify_add_watch(fd, directory, events) >= 0 else {
      close(fd)
      return nil
    }
    source = DispatchSource.makeReadSource(fileDescriptor: fd, queue: DispatchQueue(label: "directory"))
    source.setEventHandler {
      // Which file it was does not matter: the directory is looked through as a whole.
      var bytes = [UInt8](repeating: 0, count: 16_384)
      while Glibc.read(fd, &bytes, bytes.count) > 0 {}
      changed()
    }
    source.setCancelHandler { close(fd) }
    source.activate()
  }

  deinit { source.cancel() }
}
