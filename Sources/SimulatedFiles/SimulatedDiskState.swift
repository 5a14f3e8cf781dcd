// What a simulated disk holds, and what each operation does to it.
package import Core

/// How an operation fails.
package enum SimulatedFault: Sendable, Hashable {
  /// With this `errno`. A sync that fails so has lost what it was to make durable, although reads still show it.
  case error(Int32)
  /// A write writes a part and says so; anything else fails with EIO.
  case shortWrite
  /// The process dies before the operation takes effect. Every later one of that process fails too.
  case death
  /// The process dies in a write: some of its pages are written, from the first on. Else as `death`.
  case deathWithin
  /// The process dies in a write of which all but the last so many bytes are written. Else as `death`.
  case deathBeforeEnd(Int)
}

/// One operation of a simulated disk, as `strike` is asked about it.
package struct SimulatedOperation: Sendable {
  package var kind: FileError.Operation
  package var path: String
  /// Of a write.
  package var bytes: [UInt8]
  package var offset: Int
}

/// What a power loss leaves of what no sync has covered.
package enum SimulatedRemains: Sendable {
  /// All, none or any sectors of a file, drawn for each.
  case drawn
  case nothing
}

/// A fault that waits for its operation.
struct SimulatedStrike {
  var fault: SimulatedFault
  /// Once it has been seen, so many operations more.
  var after: Int
  var isSeen = false
  var isIt: @Sendable (SimulatedOperation) -> Bool
}

/// A part of a file that the disk does not give, until it is written anew or mended.
struct SimulatedRuin {
  var node: Int
  var range: Range<Int>
}

struct SimulatedDiskState {
  static let sectorBytes = 512
  static let pageBytes = 4096

  struct Node {
    /// What reads show.
    var shown: [UInt8] = []
    /// What a power loss leaves for certain.
    var stored: [UInt8] = []
    /// What no sync has covered, in order.
    var unsynced: [(offset: Int, bytes: [UInt8])] = []
  }
  enum Change {
    case link(String, Int)
    case unlink(String)
    case rename(String, String, Int)
    case makeDirectory(String)
    var directory: String {
      switch self {
      case .link(let path, _), .unlink(let path), .rename(let path, _, _), .makeDirectory(let path):
        SimulatedDiskState.parent(path)
      }
    }
  }

  var random: RandomState
  var operations = 0
  var faults: [Int: SimulatedFault] = [:]
  var standing: SimulatedFault?
  var strike: SimulatedStrike?
  var ruins: [SimulatedRuin] = []
  /// Somebody looks at what is there, from outside: that is no operation, and nothing fails.
  var isLookedAt = false
  var capacity = Int.max
  var life = 0
  var isDead = false
  var nodes: [Node] = []
  var entries: [String: Int] = [:]
  var storedEntries: [String: Int] = [:]
  var directories: Set<String> = ["", "/"]
  var storedDirectories: Set<String> = ["", "/"]
  var changes: [Change] = []
  var locks: [String: Int] = [:]

  init(random: RandomState) { self.random = random }

  static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  // MARK: Faults

  mutating func begin(
    _ operation: FileError.Operation, _ path: String, life: Int?, written: (Int, [UInt8], Int)?, synced: Int?
  ) throws(FileError) {
    if !isLookedAt { operations += 1 }
    // The dead do nothing; neither do files that were opened in an earlier life.
    guard !isDead, life == nil || life == self.life else {
      throw FileError(operation, path, code: FileError.simulatedDeath)
    }
    guard !isLookedAt else { return }
    let struck = strikes(
      SimulatedOperation(kind: operation, path: path, bytes: written?.1 ?? [], offset: written?.2 ?? 0))
    guard let fault = faults[operations] ?? struck ?? standing else { return }
    switch fault {
    case .error(let code):
      if let synced { nodes[synced].unsynced = [] }
      throw FileError(operation, path, code: code)
    case .shortWrite:
      guard let (node, bytes, offset) = written else { throw FileError(operation, path, code: 5) }
      try write(node, path, Array(bytes.prefix(Int(random.next() % UInt64(max(1, bytes.count))))), at: offset)
      throw FileError(operation, path, code: FileError.shortWrite)
    case .deathBeforeEnd(let missing):
      isDead = true
      if let (node, bytes, offset) = written { try write(node, path, Array(bytes.dropLast(missing)), at: offset) }
      throw FileError(operation, path, code: FileError.simulatedDeath)
    case .death, .deathWithin:
      isDead = true
      if fault == .deathWithin, let (node, bytes, offset) = written {
        let pages = (offset + bytes.count - 1) / Self.pageBytes - offset / Self.pageBytes
        let page = offset / Self.pageBytes + Int(random.next() % UInt64(pages + 1))
        try write(node, path, Array(bytes.prefix(max(0, page * Self.pageBytes - offset))), at: offset)
      }
      throw FileError(operation, path, code: FileError.simulatedDeath)
    }
  }

  private mutating func strikes(_ operation: SimulatedOperation) -> SimulatedFault? {
    guard strike != nil else { return nil }
    if !strike!.isSeen {
      guard strike!.isIt(operation) else { return nil }
      strike!.isSeen = true
    }
    guard strike!.after == 0 else {
      strike!.after -= 1
      return nil
    }
    defer { strike = nil }
    return strike!.fault
  }

  mutating func endLife() {
    life += 1
    isDead = false
    locks = [:]
    faults = [:]
    standing = nil
    strike = nil
  }

  mutating func losePower(_ remains: SimulatedRemains) {
    // A journaling file system keeps the changes of directories in order; a simpler one keeps any of them.
    let keepsOrder = random.next() % 2 == 0
    var isCutOff = false
    for change in changes {
      let isKept = random.next() % 2 == 0 && remains == .drawn
      if !isKept { isCutOff = true }
      if keepsOrder ? !isCutOff : isKept { store(change) }
    }
    changes = []
    entries = storedEntries
    directories = storedDirectories
    for index in nodes.indices { loseUnsynced(index, remains) }
  }

  private mutating func loseUnsynced(_ index: Int, _ remains: SimulatedRemains) {
    // All, none, or any sectors.
    let mode = remains == .nothing ? 1 : random.next() % 4
    var stored = nodes[index].stored
    for write in nodes[index].unsynced {
      var at = 0
      while at < write.bytes.count {
        let offset = write.offset + at
        let size = min(write.bytes.count - at, Self.sectorBytes - offset % Self.sectorBytes)
        if mode == 0 || (mode > 1 && random.next() % 2 == 0) {
          Self.put(write.bytes[at..<at + size], at: offset, in: &stored)
        }
        at += size
      }
    }
    nodes[index] = Node(shown: stored, stored: stored)
  }

  private static func put(_ bytes: ArraySlice<UInt8>, at offset: Int, in target: inout [UInt8]) {
    let end = offset + bytes.count
    if target.count < end { target.append(contentsOf: repeatElement(0, count: end - target.count)) }
    target.withUnsafeMutableBytes { all in
      bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: all[offset..<end]).copyMemory(from: $0) }
    }
  }

  mutating func flip(_ path: String, at offset: Int, mask: UInt8) {
    guard let id = entries[path] else { preconditionFailure("no file \(path) to flip a bit in") }
    sync(id)
    nodes[id].shown[offset] ^= mask
    nodes[id].stored[offset] ^= mask
  }

  mutating func overwrite(_ path: String, _ bytes: [UInt8]) {
    if entries[path] == nil {
      nodes.append(Node())
      entries[path] = nodes.count - 1
    }
    storedEntries[path] = entries[path]
    nodes[entries[path]!] = Node(shown: bytes, stored: bytes)
  }

  // MARK: Files

  mutating func open(_ path: String, _ mode: FileMode) throws(FileError) -> (Int, Int) {
    if mode == .create {
      guard entries[path] == nil else { throw FileError(.open, path, code: 17) }
      guard directories.contains(Self.parent(path)) else { throw FileError(.open, path, code: 2) }
      nodes.append(Node())
      entries[path] = nodes.count - 1
      changes.append(.link(path, nodes.count - 1))
    }
    guard let id = entries[path] else { throw FileError(.open, path, code: 2) }
    return (id, life)
  }

  func read(_ node: Int, _ path: String, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
    if !isLookedAt, ruins.contains(where: { $0.node == node && $0.range.overlaps(offset..<offset + count) }) {
      throw FileError(.read, path, code: FileError.inputOutput)
    }
    let shown = nodes[node].shown
    guard offset < shown.count else { return [] }
    return Array(shown[offset..<min(shown.count, offset + count)])
  }

  mutating func write(_ node: Int, _ path: String, _ bytes: [UInt8], at offset: Int) throws(FileError) {
    let growth = max(0, offset + bytes.count - nodes[node].shown.count)
    if growth > 0, capacity != .max {
      let used = Set(entries.values).reduce(0) { $0 + nodes[$1].shown.count }
      guard used + growth <= capacity else { throw FileError(.write, path, code: 28) }
    }
    guard !bytes.isEmpty else { return }
    ruins.removeAll { $0.node == node && $0.range.overlaps(offset..<offset + bytes.count) }
    Self.put(bytes[...], at: offset, in: &nodes[node].shown)
    nodes[node].unsynced.append((offset, bytes))
  }

  mutating func sync(_ node: Int) {
    for write in nodes[node].unsynced { Self.put(write.bytes[...], at: write.offset, in: &nodes[node].stored) }
    nodes[node].unsynced = []
  }

  // MARK: Directories

  mutating func rename(_ from: String, _ to: String) throws(FileError) {
    guard let id = entries[from] else { throw FileError(.rename, from, code: 2) }
    entries[from] = nil
    entries[to] = id
    changes.append(.rename(from, to, id))
  }

  mutating func remove(_ path: String) throws(FileError) {
    guard entries[path] != nil else { throw FileError(.remove, path, code: 2) }
    entries[path] = nil
    changes.append(.unlink(path))
  }

  func list(_ directory: String) throws(FileError) -> [String] {
    guard directories.contains(directory) else { throw FileError(.list, directory, code: 2) }
    return (Array(entries.keys) + Array(directories)).filter {
      !$0.isEmpty && $0 != "/" && Self.parent($0) == directory
    }
    .map { String($0.split(separator: "/").last!) }.sorted()
  }

  mutating func createDirectory(_ path: String) throws(FileError) {
    guard directories.contains(Self.parent(path)) else { throw FileError(.createDirectory, path, code: 2) }
    guard directories.insert(path).inserted else { return }
    changes.append(.makeDirectory(path))
  }

  mutating func syncDirectory(_ path: String) throws(FileError) {
    guard directories.contains(path) else { throw FileError(.syncDirectory, path, code: 2) }
    for change in changes where change.directory == path { store(change) }
    changes.removeAll { $0.directory == path }
  }

  private mutating func store(_ change: Change) {
    switch change {
    case .link(let path, let id): storedEntries[path] = id
    case .unlink(let path): storedEntries[path] = nil
    case .rename(let from, let to, let id):
      storedEntries[from] = nil
      storedEntries[to] = id
    case .makeDirectory(let path): storedDirectories.insert(path)
    }
  }

  mutating func lock(_ directory: String) throws(FileError) -> Int {
    guard directories.contains(directory) else { throw FileError(.lock, directory, code: 2) }
    guard locks[directory] == nil else { throw FileError(.lock, directory, code: 11) }
    locks[directory] = life
    return life
  }

  mutating func unlock(_ path: String, life: Int) {
    if locks[path] == life { locks[path] = nil }
  }
}
