import Core
import SimulatedFiles

/// A file system that does what its simulated disk does, but for what it says itself.
protocol FilesOfDisk: FileSystem where File == SimulatedDisk.File, Lock == SimulatedDisk.Lock {
  var disk: SimulatedDisk { get }
}

extension FilesOfDisk {
  func open(_ path: String, _ mode: FileMode) throws(FileError) -> SimulatedDisk.File { try disk.open(path, mode) }
  func read(
    _ file: SimulatedDisk.File, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
  ) throws(FileError) -> Int { try disk.read(file, into: buffer, at: offset) }
  func write(_ file: SimulatedDisk.File, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
    try disk.write(file, bytes, at: offset)
  }
  func sync(_ file: SimulatedDisk.File) throws(FileError) { try disk.sync(file) }
  func size(_ file: SimulatedDisk.File) throws(FileError) -> Int { try disk.size(file) }
  func rename(_ from: String, to: String) throws(FileError) { try disk.rename(from, to: to) }
  func remove(_ path: String) throws(FileError) { try disk.remove(path) }
  func list(_ directory: String) throws(FileError) -> [String] { try disk.list(directory) }
  func createDirectory(_ path: String) throws(FileError) { try disk.createDirectory(path) }
  func syncDirectory(_ path: String) throws(FileError) { try disk.syncDirectory(path) }
  func lock(directory: String) throws(FileError) -> SimulatedDisk.Lock { try disk.lock(directory: directory) }
}
