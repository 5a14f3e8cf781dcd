import Core
import Journal
import SimulatedFiles

/// Runs owners of one shard after each other on a failing disk, and compares what each finds with what it may find:
/// what was synced, and what was written as long as the machine stayed up, is there; nothing else is, in no other order.
final class CrashModel {
  enum End: Sendable {
    case process
    case power
  }
  struct Life: Sendable {
    /// Counted from the life's first operation; 0: none.
    var faultAt: Int = 0
    var fault: SimulatedFault = .death
    var end: End
    /// How much of the script is run.
    var steps: Int
  }

  let disk: SimulatedDisk
  let durability: Durability
  private(set) var operationsOfLastLife = 0
  /// Every record of the history that counts, in order.
  private var history: [Entry] = []
  /// So many of them must be found after a power loss.
  private var durable = 0
  /// So many of them must be found after a process death.
  private var written = 0
  private var releasedTo = LogPosition(0)
  private var boot: UInt64 = 1
  private var cutCounter: UInt32 = 0
  /// A power loss, or an I/O error, since the last adoption that finished.
  private var mayHaveCut = false
  /// Some file operation of an owner failed since, with or without consequences.
  private var mayDoubt = false
  private var wasClosed = true
  /// Adoptions since the last one that was checked.
  private var attempts: UInt32 = 0
  private var counter: UInt64 = 0
  private(set) var problems: [String] = []

  init(seed: UInt64, durability: Durability) throws {
    disk = try JournalTests.disk(seed)
    self.durability = durability
  }

  func run(_ life: Life) {
    let start = disk.operations
    if life.faultAt > 0 { disk.fail(at: start + life.faultAt, with: life.fault) }
    var ioFailure = false
    do throws(JournalError) { try live(steps: life.steps) } catch {
      switch error {
      case .poisoned(let file) where file.code != FileError.simulatedDeath: ioFailure = leavesDoubt(file)
      case .file(let file), .noSpace(let file): if leavesDoubt(file) { mayDoubt = true }
      case .poisoned: break
      default: problems.append("unexpected: \(error)")
      }
    }
    operationsOfLastLife = disk.operations - start
    switch life.end {
    case .process:
      disk.processDeath()
      if ioFailure { mayHaveCut = true }
    case .power:
      disk.powerLoss()
      boot += 1
      mayHaveCut = true
      written = min(written, durable)
    }
  }

  /// Where there was no space, nothing was changed; after a failed sync nobody knows.
  private func leavesDoubt(_ error: FileError) -> Bool {
    error.code != FileError.noSpace || error.operation == .sync || error.operation == .syncDirectory
  }

  private func live(steps: Int) throws(JournalError) {
    attempts += 1
    var journal = try adopt(disk, durability, boot: BootID(high: boot, low: 0))
    try check(journal)
    for step in 0..<steps {
      if step % 7 == 3 {
        journal.append(RecordKind.checkpoint, [1, 2, 3])
        try journal.write()
      }
      for _ in 0...(step % 3) {
        counter += 1
        let content = payload(counter)
        let position = journal.append(batchKind, content)
        history.append(Entry(position: position, kind: batchKind, payload: content))
      }
      try journal.write()
      written = history.count
      if durability == .disk || step % 5 == 4 {
        try journal.sync()
        durable = history.count
      }
      if step % 6 == 5, let work = journal.preparationWork() {
        do throws(FileError) { journal.notePrepared(try work.run()) } catch { journal.notePreparationFailed(error) }
      }
      if step % 11 == 10 {
        releasedTo = max(releasedTo, history[history.count - 8].position)
        try journal.releaseNow(upTo: releasedTo)
        durable = history.count
      }
    }
    if steps % 2 == 0 {
      // From here on it may be found closed, even if the last step of closing fails.
      wasClosed = true
      try journal.close()
      durable = history.count
    }
  }

  private func check(_ journal: borrowing ShardJournal<SimulatedDisk>) throws(JournalError) {
    let found: [Entry]
    do { found = try workersRecords(journal.reader()) } catch let error as JournalError {
      guard case .file = error else {
        problems.append("cannot be read: \(error)")
        throw error
      }
      throw error  // the fault of this life
    } catch { return }
    let oldest = journal.oldestPosition
    if oldest > releasedTo { problems.append("released too much: \(oldest) > \(releasedTo)") }
    let below = history.prefix { $0.position < oldest }.count
    let expected = history[below...]
    if !expected.starts(with: found) {
      problems.append("found \(found.map(\.position)), which is not the beginning of \(expected.map(\.position))")
    }
    if below + found.count < written {
      problems.append("\(written - below - found.count) of \(written) records are lost")
    }
    if !journal.adoption.damaged.isEmpty { problems.append("taken for damage: \(journal.adoption.damaged)") }
    let mustRise = durability == .process && mayHaveCut && !wasClosed
    let mayRise = durability == .process && (mayHaveCut || mayDoubt)
    let rise = journal.cutCounter &- cutCounter
    if rise > attempts || (rise > 0 && !mayRise) { problems.append("the cut counter rose by \(rise)") }
    if mustRise && rise == 0 { problems.append("the cut counter did not rise") }
    // What was in flight and is not there never was.
    history.removeSubrange((below + found.count)...)
    written = history.count
    if durability == .disk { durable = written }
    cutCounter = journal.cutCounter
    mayHaveCut = false
    mayDoubt = false
    wasClosed = false
    attempts = 0
  }

  /// A last owner must find everything in order and be able to go on.
  func finish() {
    disk.heal()
    for _ in 0..<2 { run(Life(end: .process, steps: 4)) }
  }
}
