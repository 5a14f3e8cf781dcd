// The file that a rehearsal's last line is left in, for whoever asked for it or comes after him, and the lock beside it that
// says who is at it. Kept by the kernel, so it ends with the process, however that ends.
internal import Glibc

package struct RehearsalFile: Sendable {
  package let path: String
  package init(path: String) { self.path = path }
  private var lockPath: String { path + ".lock" }

  /// Held by this process until it ends. Throws where another one is at it.
  package func hold() throws(RehearsalError) {
    let file = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw RehearsalError("\(lockPath) cannot be opened: \(String(cString: strerror(errno)))") }
    var lock = flock()
    lock.l_type = Int16(F_WRLCK)
    guard fcntl(file, F_SETLK, &lock) == 0 else {
      close(file)
      throw RehearsalError("this rehearsal is being held by another process")
    }
  }

  /// Whole or not at all.
  package func leave(_ line: [UInt8]) throws(RehearsalError) {
    let part = path + ".part"
    guard let file = fopen(part, "w") else {
      throw RehearsalError("\(part) cannot be written: \(String(cString: strerror(errno)))")
    }
    let written = fwrite(line, 1, line.count, file)
    guard fclose(file) == 0, written == line.count, rename(part, path) == 0 else {
      throw RehearsalError("\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
  }
}
