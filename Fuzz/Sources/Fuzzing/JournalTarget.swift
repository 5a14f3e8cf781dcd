// A shard's directory that was damaged, or made by somebody: whatever is in it, its readers and its next owner say what
// they can and stay alive.
import Core
import Journal
import SimulatedFiles

extension FuzzTarget {
  /// u8 directory, u8 mode, then edits. An input names changes to a good directory, so that it stays small.
  static let journal = FuzzTarget(
    name: "journal", bytesMax: 2_048, seeds: { JournalEdits.seeds },
    run: { bytes in
      var script = Script(bytes)
      let good = JournalDirectories.all
      var files = good[Int(script.take(UInt8.self)) % good.count]
      let mode: UInt8 = script.take()
      while !script.isAtEnd { JournalEdits.step(&files, &script) }
      let disk = SimulatedDisk(seed: 1)
      JournalDirectories.put(files, on: disk)
      // A header may ask for a file as long as it likes.
      disk.capacity = 8 << 20
      visit(disk, mode)
    })

  private static func visit(_ disk: SimulatedDisk, _ mode: UInt8) {
    let inspector = JournalInspector(disk)
    _ = try? inspector.inspect(JournalDirectories.path).text
    _ = try? inspector.verify(JournalDirectories.path).text
    if mode & 8 != 0 {
      _ = try? inspector.repair(JournalDirectories.path, apply: true).map(\.description)
    }
    for round in 0..<2 { own(disk, mode, round) }
    _ = try? inspector.verify(JournalDirectories.path).text
  }

  /// Takes the journal, reads it whole, and writes on.
  private static func own(_ disk: SimulatedDisk, _ mode: UInt8, _ round: Int) {
    var options = JournalDirectories.options
    options.lastOwnerFailed = mode & 2 != 0
    do {
      var journal = try ShardJournal.adopt(
        disk, directory: JournalDirectories.path,
        identity: JournalDirectories.identity(boot: mode & 1 == 0 ? 1 : 2, mode & 4 == 0 ? .process : .disk),
        assigned: ShardEpoch(1), options: options)
      var positions: [LogPosition] = []
      try journal.scan(from: journal.oldestPosition, damage: { _ in }) { position, _, _ in
        if positions.count < 64 { positions.append(position) }
      }
      for position in positions + [journal.adoption.lastCheckpoint ?? LogPosition(1)] {
        _ = try? journal.read(at: position)
        _ = try? journal.read(at: LogPosition(position.rawValue &+ 1))
      }
      if journal.hasSpace, journal.canAppend(100, records: 1, useReserve: false) {
        [UInt8](repeating: 3, count: 100).withUnsafeBytes { _ = journal.append(RecordKind.workerFirst, $0) }
        try journal.write()
        try journal.sync()
      }
      if round == 0 { try journal.close() }
    } catch {}
  }
}

/// Good directories of one shard, by file.
enum JournalDirectories {
  typealias Files = [(name: String, bytes: [UInt8])]
  static let path = "s"
  static var options: JournalOptions {
    var options = JournalOptions()
    options.segmentBytes = 32 << 10
    options.recordBytesMax = 8 << 10
    options.reserveBytes = 2 << 10
    options.checkpointBytes = 4 << 10
    return options
  }
  static func identity(boot: UInt64, _ durability: Durability) -> JournalIdentity {
    JournalIdentity(shard: ShardID(3), boot: BootID(high: boot, low: boot), durability: durability, engine: "engine 1")
  }

  static let all: [Files] = [
    make(.process, lives: 1, records: 20, closes: true), make(.process, lives: 3, records: 60, closes: false),
    make(.disk, lives: 2, records: 90, closes: false), make(.disk, lives: 2, records: 10, closes: true),
  ]

  private static func make(_ durability: Durability, lives: Int, records: Int, closes: Bool) -> Files {
    let disk = SimulatedDisk(seed: 1)
    put([], on: disk)
    do {
      for life in 1...lives {
        var journal = try ShardJournal.adopt(
          disk, directory: path, identity: identity(boot: 1, durability), assigned: ShardEpoch(UInt32(life)),
          options: options)
        for i in 0..<records {
          let kind = i % 10 == 9 ? RecordKind.checkpoint : RecordKind.workerFirst
          let payload = [UInt8](repeating: UInt8(i), count: 40 + i * 7 % 400)
          payload.withUnsafeBytes { _ = journal.append(kind, $0) }
          try journal.write()
          if durability == .disk || i % 8 == 7 { try journal.sync() }
          if let work = journal.preparationWork() { journal.notePrepared(try work.run()) }
        }
        if closes { try journal.close() }
        disk.processDeath()
      }
    } catch { preconditionFailure("a good journal cannot be made: \(error)") }
    return disk.paths.map { (String($0.dropFirst(path.utf8.count + 1)), disk.bytes(of: $0)!) }
  }

  static func put(_ files: Files, on disk: SimulatedDisk) {
    do {
      try disk.createDirectory(path)
      try disk.syncDirectory("")
    } catch { preconditionFailure("a disk without faults fails: \(error)") }
    for file in files { disk.overwrite(path + "/" + file.name, with: file.bytes) }
  }
}

/// Changes to the files of a directory, those with right checks among them: see docs/journal-format.md.
enum JournalEdits {
  enum Operation: UInt8 {
    case overwrite, flip, truncate, remove, seal, header, mark, copy
    static let count: UInt8 = 8
  }
  private static let headerBytes = 512
  private static let twin = 3 * 4_096
  private static let records = 4 * 4_096
  /// Offset and width of the header's numbers, and of a mark's.
  private static let headerFields: [(Int, Int)] = [
    (8, 2), (10, 2), (12, 4), (16, 8), (24, 8), (32, 8), (40, 8), (56, 1), (57, 1), (60, 4), (64, 8), (72, 8), (80, 8),
    (88, 4), (92, 8), (100, 4), (104, 2), (106, 8),
  ]
  private static let markFields: [(Int, Int)] = [(8, 8), (16, 8), (24, 4), (28, 8), (36, 1)]
  private static let markBytes = 41

  static func step(_ files: inout JournalDirectories.Files, _ script: inout Script) {
    let operation = Operation(rawValue: script.take(UInt8.self) % Operation.count)!
    let choice = Int(script.take(UInt8.self))
    guard !files.isEmpty else { return }
    let f = choice % files.count
    switch operation {
    case .overwrite:
      let at = Int(script.take(UInt32.self))
      for (i, byte) in script.takePiece().enumerated() where at + i < files[f].bytes.count {
        files[f].bytes[at + i] = byte
      }
    case .flip:
      let at = Int(script.take(UInt32.self))
      let mask: UInt8 = script.take()
      if at < files[f].bytes.count { files[f].bytes[at] ^= mask }
    case .truncate: files[f].bytes = Array(files[f].bytes.prefix(Int(script.take(UInt32.self))))
    case .remove: files.remove(at: f)
    case .seal: seal(&files[f].bytes)
    case .header:
      let (offset, width) = headerFields[Int(script.take(UInt8.self)) % headerFields.count]
      put(script.take(), width, at: offset, in: &files[f].bytes)
      put(&files[f].bytes)
    case .mark:
      let place = 4_096 * (1 + Int(script.take(UInt8.self)) % 2)
      let (offset, width) = markFields[Int(script.take(UInt8.self)) % markFields.count]
      put(script.take(), width, at: place + offset, in: &files[f].bytes)
      check(&files[f].bytes, place..<place + markBytes)
    case .copy:
      let number: UInt64 = script.take()
      let digits = String(number)
      let name = String(repeating: "0", count: max(0, 10 - digits.count)) + digits + ".segment"
      guard files.count < 8, !files.contains(where: { $0.name == name }) else { return }
      files.append((name, files[f].bytes))
      put(number, 8, at: 16, in: &files[files.count - 1].bytes)
      put(&files[files.count - 1].bytes)
      files.sort { $0.name < $1.name }
    }
  }

  private static func put(_ value: UInt64, _ width: Int, at offset: Int, in bytes: inout [UInt8]) {
    for i in 0..<width where offset + i < bytes.count {
      bytes[offset + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i))
    }
  }
  /// The check behind a range's bytes, which the range includes.
  private static func check(_ bytes: inout [UInt8], _ range: Range<Int>) {
    guard range.upperBound <= bytes.count else { return }
    put(UInt64(CRC32C.of(Array(bytes[range.dropLast(4)]))), 4, at: range.upperBound - 4, in: &bytes)
  }
  /// The header's check, and its twin.
  private static func put(_ bytes: inout [UInt8]) {
    check(&bytes, 0..<headerBytes)
    guard bytes.count >= twin + headerBytes else { return }
    bytes.replaceSubrange(twin..<twin + headerBytes, with: Array(bytes[..<headerBytes]))
  }

  /// Makes every check of a segment right again: header, marks, and the records as far as their lengths lead.
  private static func seal(_ bytes: inout [UInt8]) {
    put(&bytes)
    for place in [4_096, 8_192] where bytes.count >= place + markBytes && bytes[place] != 0 {
      check(&bytes, place..<place + markBytes)
    }
    guard bytes.count >= records else { return }
    func number(_ at: Int, _ width: Int) -> UInt64 {
      (0..<width).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
    }
    let start = number(24, 8)
    var chain = UInt32(number(headerBytes - 4, 4))
    var at = records
    while at + 14 <= bytes.count {
      let length = Int(number(at, 4))
      guard length >= 14, length <= bytes.count - at else { return }
      put(UInt64(chain), 4, at: at + 4, in: &bytes)
      let place = [UInt8](made: {
        $0.put(start &+ UInt64(at - records))
        $0.put(UInt32(length))
      })
      let crc = place.withUnsafeBytes { CRC32C.extend(chain, $0) }
      chain = bytes.withUnsafeBytes { CRC32C.extend(crc, UnsafeRawBufferPointer(rebasing: $0[at + 12..<at + length])) }
      put(UInt64(chain), 4, at: at + 8, in: &bytes)
      at += length
    }
  }

  // MARK: Seeds

  /// One or two edits of every kind to every directory.
  static var seeds: [[UInt8]] {
    var seeds: [[UInt8]] = []
    for directory in UInt8(0)..<4 {
      for mode in [UInt8(0), 1, 2, 5, 8, 13] {
        let start = [directory, mode]
        seeds.append(start)
        for file in UInt8(0)..<2 {
          seeds.append(
            start
              + edit(.flip, file) {
                $0.put(UInt32(records + 300)); $0.put(UInt8(1))
              })
          seeds.append(
            start
              + edit(.overwrite, file) {
                $0.put(UInt32(records + 100)); $0.putPiece([0, 0, 0, 0])
              } + edit(.seal, file) { _ in })
          seeds.append(start + edit(.truncate, file) { $0.put(UInt32(20_000)) })
          seeds.append(start + edit(.remove, file) { _ in })
          seeds.append(
            start
              + edit(.mark, file) {
                $0.put(UInt16(0x0101)); $0.put(UInt64(700))
              }
              + edit(.mark, file) {
                $0.put(UInt16(0x0100)); $0.put(UInt64(1))
              })
          seeds.append(start + edit(.copy, file) { $0.put(UInt64(9)) })
          for field in UInt8(0)..<UInt8(headerFields.count) {
            seeds.append(
              start
                + edit(.header, file) {
                  $0.put(field); $0.put(UInt64(2))
                } + edit(.seal, file) { _ in })
          }
        }
      }
    }
    return seeds
  }
  private static func edit(_ operation: Operation, _ file: UInt8, _ write: (inout [UInt8]) -> Void) -> [UInt8] {
    [operation.rawValue, file] + [UInt8](made: write)
  }
}
