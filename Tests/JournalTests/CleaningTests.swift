import Core
import Journal
import SimulatedFiles
import Testing

/// What is let go of, in which order, and what becomes of it when the disk fails.
@Suite struct CleaningTests {
  /// A segment's worth of records, a checkpoint, and the release of what is before it, again and again.
  private func churn(
    _ journal: inout ShardJournal<SimulatedDisk>, rounds: Int, sync: (inout ShardJournal<SimulatedDisk>) throws -> Void
  ) throws {
    for round in 0..<rounds {
      for n in 0..<5 as Range<UInt64> {
        journal.append(batchKind, payload(UInt64(round) * 5 + n, bytes: 4_000))
        try journal.write()
      }
      let needed = journal.writtenPosition
      journal.append(RecordKind.checkpoint, [])
      try journal.write()
      journal.release(upTo: needed)
      try sync(&journal)
    }
  }

  @Test func whatIsReleasedMeanwhilePutsOffNothing() throws {
    let disk = try disk()
    var journal = try adopt(disk)
    // Each sync ends when more was written, and released, since it began.
    var under: SyncWork<SimulatedDisk>?
    try churn(&journal, rounds: 40) { journal in
      if let work = under {
        try work.run()
        try journal.noteSynced(work)
      }
      try journal.removeNow()
      under = try journal.syncWork()
    }
    #expect(journal.writtenPosition.rawValue - journal.oldestPosition.rawValue <= 5 * (24 << 10))
  }

  @Test func whatCouldNotBeRemovedGoesBeforeTheNext() throws {
    let disk = try disk()
    var journal = try adopt(disk)
    var failures = 0
    try churn(&journal, rounds: 20) { journal in
      try journal.sync()
      guard let work = journal.removalWork() else { return }
      if failures < 2 { disk.strike(.error(FileError.inputOutput)) { $0.kind == .remove } }
      do {
        try work.run()
        journal.noteRemoved(work)
      } catch { failures += 1 }
    }
    #expect(failures == 2)
    #expect(try disk.list(directory).filter { $0.hasSuffix(".segment") }.count <= 6, "what was left is gone")
    // Read by another owner there is no gap.
    disk.processDeath()
    let next = try adopt(disk)
    #expect(next.oldestPosition.rawValue > 100_000)
    #expect(try !workersRecords(next.reader()).isEmpty)
  }

  @Test func aSyncThatFailsInARemovalIsToldAsSuch() throws {
    let disk = try disk()
    var journal = try adopt(disk)
    var isOver = false
    // And nobody who syncs that file afterwards moves the mark.
    let poison = thrown {
      try churn(&journal, rounds: 10) { journal in
        try journal.sync()
        guard let work = journal.removalWork() else { return }
        isOver = true
        disk.strike(.error(FileError.inputOutput)) { $0.kind == .sync }
        do {
          try work.run()
          Issue.record("its sync fails")
        } catch { #expect((error as? FileError)?.operation == .sync) }
      }
    }
    guard isOver, case .poisoned? = poison else {
      Issue.record("a sync that failed is passed over")
      return
    }
  }

  @Test func historyStaysWhileThereIsSpace() throws {
    let disk = try disk()
    var options = smallOptions()
    options.historyBytes = 100 << 10
    var journal = try adopt(disk, options: options)
    func clean(_ journal: inout ShardJournal<SimulatedDisk>) throws {
      try journal.sync()
      try journal.removeNow()
    }
    try churn(&journal, rounds: 40, sync: clean)
    func history(_ journal: borrowing ShardJournal<SimulatedDisk>) -> Int {
      Int(journal.writtenPosition.rawValue - journal.oldestPosition.rawValue)
    }
    let kept = history(journal)
    #expect(kept >= 100 << 10 && kept <= (100 << 10) + 2 * (24 << 10))
    // No next segment: nobody who plays shall wait for the sake of what is over.
    disk.capacity = 0
    #expect(thrown { try journal.prepareNextSegment() } != nil)
    disk.capacity = .max
    try clean(&journal)
    let left = history(journal)
    #expect(left < 60 << 10)
    try churn(&journal, rounds: 10, sync: clean)
    let later = history(journal)
    #expect(later < 60 << 10)
  }
}
