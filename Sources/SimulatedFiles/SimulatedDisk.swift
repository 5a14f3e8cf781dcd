// Files in memory that fail as real ones do: a second implementation of the file system seam, deterministic from a seed.
//
// Two layers: what the kernel would show (survives the process) and what is on the disk (survives a power loss). Between
// them, for each file, the writes that no sync has covered, and for directories the changes that none has.
package import Core
internal import Synchronization

/// A disk, shared by all "processes" of a simulation. Every call counts as one operation.
package final class SimulatedDisk: FileSystem {
  package typealias Fault = SimulatedFault

  /// An open file of one process's life.
  package final class File: Sendable {
    let path: String
    let node: Int
    let life: Int
    /// As on the real one: a sync that failed once fails for ever.
    let syncFailure = Mutex<FileError?>(nil)
    init(path: String, node: Int, life: Int) {
      self.path = path
      self.node = node
      self.life = life
    }
  }
  package final class Lock: Sendable {
    let path: String
    let life: Int
    let disk: SimulatedDisk
    init(path: String, life: Int, disk: SimulatedDisk) {
      self.path = path
      self.life = life
      self.disk = disk
    }
    deinit { disk.unlock(path, life: life) }
  }

  private let state: Mutex<SimulatedDiskState>

  package init(seed: UInt64) {
    state = Mutex(SimulatedDiskState(random: RandomState(seed: seed)))
  }

  // MARK: What happens to it

  /// Operations since the disk was made.
  package var operations: Int { state.withLock { $0.operations } }
  /// The operation with this number, counted as `operations` does (the first is 1), fails so.
  package func fail(at operation: Int, with fault: Fault) { state.withLock { $0.faults[operation] = fault } }
  /// So do all from this one on, until `heal`.
  package func failAlways(with fault: Fault) { state.withLock { $0.standing = fault } }
  /// The first operation from now on for which `isIt` holds, or the one so many after it, fails so.
  package func strike(
    _ fault: Fault, after: Int = 0, at isIt: @escaping @Sendable (SimulatedOperation) -> Bool
  ) {
    state.withLock { $0.strike = SimulatedStrike(fault: fault, after: after, isIt: isIt) }
  }
  package func heal() {
    state.withLock {
      $0.strike = nil
      $0.standing = nil
      $0.faults = [:]
    }
  }
  /// The pages of a file that hold the bytes give an input/output error when they are read, in this life and later ones.
  package func ruin(_ path: String, _ bytes: Range<Int>) {
    let page = SimulatedDiskState.pageBytes
    let range = bytes.lowerBound / page * page..<(bytes.upperBound + page - 1) / page * page
    state.withLock {
      if let node = $0.entries[path] { $0.ruins.append(SimulatedRuin(node: node, range: range)) }
    }
  }
  /// All that was ruined can be read.
  package func mend() { state.withLock { $0.ruins = [] } }
  /// While `body` runs, what is done to the disk counts as nothing and does not fail: a checker looks at it.
  package func lookedAt<R>(_ body: () -> R) -> R {
    state.withLock { $0.isLookedAt = true }
    defer { state.withLock { $0.isLookedAt = false } }
    return body()
  }
  /// Bytes that files may hold in all; more is ENOSPC.
  package var capacity: Int {
    get { state.withLock { $0.capacity } }
    set { state.withLock { $0.capacity = newValue } }
  }
  /// A `death` has struck, and nobody has ended the process yet.
  package var isDead: Bool { state.withLock { $0.isDead } }
  /// The process ends: what was written stays, its locks are free, its open files are void.
  package func processDeath() { state.withLock { $0.endLife() } }
  /// The machine stops: what no sync has covered stays in parts, sector by sector, or not at all.
  package func powerLoss(leaving remains: SimulatedRemains = .drawn) {
    state.withLock {
      $0.endLife()
      $0.losePower(remains)
    }
  }
  /// Flips bits in a byte, in memory and on the disk.
  package func flip(_ path: String, at offset: Int, mask: UInt8 = 0x01) {
    state.withLock { $0.flip(path, at: offset, mask: mask) }
  }
  /// Replaces what is there, durably.
  package func overwrite(_ path: String, with bytes: [UInt8]) { state.withLock { $0.overwrite(path, bytes) } }
  package func bytes(of path: String) -> [UInt8]? {
    state.withLock { disk in disk.entries[path].map { disk.nodes[$0].shown } }
  }
  package var paths: [String] { state.withLock { $0.entries.keys.sorted() } }

  // MARK: FileSystem

  package func open(_ path: String, _ mode: FileMode) throws(FileError) -> File {
    try perform(.open, path) { state throws(FileError) in
      let (node, life) = try state.open(path, mode)
      return File(path: path, node: node, life: life)
    }
  }
  package func read(
    _ file: File, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
  ) throws(FileError) -> Int {
    let bytes = try perform(.read, file.path, life: file.life) { state throws(FileError) in
      try state.read(file.node, file.path, at: offset, count: buffer.count)
    }
    bytes.withUnsafeBytes { buffer.copyMemory(from: $0) }
    return bytes.count
  }
  package func write(_ file: File, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
    let copy = Array(bytes)
    try perform(.write, file.path, life: file.life, written: (file.node, copy, offset)) { state throws(FileError) in
      try state.write(file.node, file.path, copy, at: offset)
    }
  }
  package func sync(_ file: File) throws(FileError) {
    do throws(FileError) {
      try perform(.sync, file.path, life: file.life, synced: file.node) { state throws(FileError) in
        if let known = file.syncFailure.withLock({ $0 }) { throw known }
        state.sync(file.node)
      }
    } catch {
      file.syncFailure.withLock { known in if known == nil { known = error } }
      throw error
    }
  }
  package func size(_ file: File) throws(FileError) -> Int {
    try perform(.size, file.path, life: file.life) { state throws(FileError) in state.nodes[file.node].shown.count }
  }
  package func rename(_ from: String, to: String) throws(FileError) {
    try perform(.rename, from) { state throws(FileError) in try state.rename(from, to) }
  }
  package func remove(_ path: String) throws(FileError) {
    try perform(.remove, path) { state throws(FileError) in try state.remove(path) }
  }
  package func list(_ directory: String) throws(FileError) -> [String] {
    try perform(.list, directory) { state throws(FileError) in try state.list(directory) }
  }
  package func createDirectory(_ path: String) throws(FileError) {
    try perform(.createDirectory, path) { state throws(FileError) in try state.createDirectory(path) }
  }
  package func syncDirectory(_ path: String) throws(FileError) {
    try perform(.syncDirectory, path) { state throws(FileError) in try state.syncDirectory(path) }
  }
  package func lock(directory: String) throws(FileError) -> Lock {
    try perform(.lock, directory) { state throws(FileError) in
      Lock(path: directory, life: try state.lock(directory), disk: self)
    }
  }
  fileprivate func unlock(_ path: String, life: Int) { state.withLock { $0.unlock(path, life: life) } }

  /// Counts, and fails if this is the operation that is to.
  private func perform<R: Sendable>(
    _ operation: FileError.Operation, _ path: String, life: Int? = nil, written: (Int, [UInt8], Int)? = nil,
    synced: Int? = nil, _ body: (inout SimulatedDiskState) throws(FileError) -> sending R
  ) throws(FileError) -> R {
    try state.withLock { (state) throws(FileError) -> R in
      try state.begin(operation, path, life: life, written: written, synced: synced)
      return try body(&state)
    }
  }
}
