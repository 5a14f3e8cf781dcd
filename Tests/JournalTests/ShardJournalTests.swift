import Core
import Journal
import SimulatedFiles
import Testing

@Suite struct ShardJournalTests {
  @Test(arguments: [Durability.process, .disk]) func whatWasWrittenIsThereForTheNextOwner(_ level: Durability) throws {
    let disk = try disk()
    var written: [Entry] = []
    do {
      var journal = try adopt(disk, level)
      #expect(journal.adoption.isNew == true)
      #expect(journal.epoch == ShardEpoch(1))
      for n in 0..<60 as Range<UInt64> {
        let position = journal.append(batchKind, payload(n))
        try journal.write()
        written.append(Entry(position: position, kind: batchKind, payload: payload(n)))
      }
      #expect(try workersRecords(journal.reader()) == written)
      try journal.close()
    }
    let journal = try adopt(disk, level, engine: "engine-2")
    #expect(journal.adoption.wasClean == true)
    #expect(journal.adoption.lastEngine == "engine-1")
    #expect(journal.adoption.copiedRecords == 0)
    #expect(journal.epoch == ShardEpoch(2))
    #expect(try workersRecords(journal.reader()) == written)
    for entry in written {
      let (kind, payload) = try journal.read(at: entry.position)
      #expect(kind == entry.kind && payload == entry.payload)
    }
  }

  @Test(arguments: [Durability.process, .disk]) func killedOwnerLosesNothingWritten(_ level: Durability) throws {
    let disk = try disk()
    var written: [Entry] = []
    for life in 0..<6 as Range<UInt64> {
      var journal = try adopt(disk, level)
      #expect(journal.adoption.wasClean == (life == 0))
      #expect(journal.adoption.cutBytes == 0 && journal.cutCounter == 0)
      #expect(try workersRecords(journal.reader()) == written)
      for n in 0..<25 as Range<UInt64> {
        let content = payload(life * 100 + n)
        let position = journal.append(batchKind, content)
        try journal.write()
        written.append(Entry(position: position, kind: batchKind, payload: content))
        if n == 7 { try journal.sync() }
      }
      journal.append(batchKind, payload(9999))  // never written
      disk.processDeath()
    }
    let journal = try adopt(disk, level)
    #expect(try workersRecords(journal.reader()) == written)
    #expect(journal.epoch == ShardEpoch(7))
  }

  @Test func aSecondOwnerIsRefusedWhileTheFirstLives() throws {
    let disk = try disk()
    let first = try adopt(disk)
    #expect(thrown { _ = try adopt(disk) } == .locked(directory: directory))
    _ = consume first
    #expect(try adopt(disk).epoch == ShardEpoch(2))
  }

  @Test func theAssignedEpochWinsWhenItIsHigher() throws {
    let disk = try disk()
    #expect(try adopt(disk, assigned: 40).epoch == ShardEpoch(40))
    #expect(try adopt(disk, assigned: 3).epoch == ShardEpoch(41))
  }

  @Test func anotherShardsDirectoryIsRefused() throws {
    let disk = try disk()
    _ = try adopt(disk)
    var other = identity(.process)
    other.shard = ShardID(4)
    let error = thrown {
      _ = try ShardJournal.adopt(
        disk, directory: directory, identity: other, assigned: ShardEpoch(1), options: smallOptions())
    }
    guard case .foreign = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func checkpointsAreAskedForAndFound() throws {
    let disk = try disk()
    var checkpoints: [LogPosition] = []
    do {
      var journal = try adopt(disk)
      var bytes = 0
      for n in 0..<80 as Range<UInt64> {
        journal.append(batchKind, payload(n))
        bytes += payload(n).count
        try journal.write()
        if journal.needsCheckpoint {
          checkpoints.append(journal.append(RecordKind.checkpoint, payload(n, bytes: 20)))
          #expect(journal.needsCheckpoint == false)
          try journal.write()
        }
        if n == 50 { try journal.sync() }
      }
      #expect(checkpoints.count >= bytes / (6 << 10))
      disk.processDeath()
    }
    let journal = try adopt(disk)
    #expect(journal.adoption.lastCheckpoint == checkpoints.last)
    let (kind, _) = try journal.read(at: checkpoints.last!)
    #expect(kind == RecordKind.checkpoint)
  }

  @Test(arguments: [Durability.process, .disk]) func cleaningRemovesWholeSegmentsBelow(_ level: Durability) throws {
    let disk = try disk()
    var written: [Entry] = []
    func check(_ journal: borrowing ShardJournal<SimulatedDisk>) throws {
      let kept = written.filter { $0.position >= journal.oldestPosition }
      #expect(try workersRecords(journal.reader()) == kept)
    }
    var filesMax = 0
    for life in 0..<5 as Range<UInt64> {
      var journal = try adopt(disk, level)
      try check(journal)
      for n in 0..<60 as Range<UInt64> {
        let content = payload(life * 1000 + n)
        let position = journal.append(batchKind, content)
        written.append(Entry(position: position, kind: batchKind, payload: content))
        try journal.write()
        if n % 20 == 19 {
          journal.append(RecordKind.checkpoint, [])
          try journal.write()
          let before = journal.oldestPosition
          try journal.releaseNow(upTo: written[written.count - 10].position)
          #expect(journal.oldestPosition >= before)
          #expect(journal.oldestPosition <= written[written.count - 10].position)
          try check(journal)
        }
      }
      filesMax = max(filesMax, disk.paths.count)
      disk.processDeath()
    }
    #expect(filesMax < 12, "segments are removed: \(disk.paths)")
    let journal = try adopt(disk, level)
    try check(journal)
    #expect(thrown { _ = try journal.read(at: LogPosition(0)) } == .notInLog(LogPosition(0)))
  }

  @Test func nothingIsReleasedWithoutADurableCheckpoint() throws {
    let disk = try disk()
    var journal = try adopt(disk)
    for n in 0..<60 as Range<UInt64> {
      journal.append(batchKind, payload(n))
      try journal.write()
    }
    try journal.releaseNow(upTo: journal.writtenPosition)
    #expect(journal.oldestPosition == LogPosition(0))
  }

  @Test func aFullDiskMakesItBusyAndTheReserveStays() throws {
    let disk = try disk()
    var journal = try adopt(disk)
    disk.capacity = 26 << 10
    let prepared = journal.preparationWork()
    let work = try #require(prepared)
    do throws(FileError) {
      let segment = try work.run()
      journal.notePrepared(segment)
      Issue.record("the disk is full")
    } catch { journal.notePreparationFailed(error) }
    #expect(journal.hasSpace == false)
    var n: UInt64 = 0
    while journal.canAppend(500) {
      journal.append(batchKind, payload(n, bytes: 500))
      try journal.write()
      n += 1
    }
    #expect(n > 5)
    #expect(journal.canAppend(500, useReserve: true) == true)
    journal.append(batchKind, payload(n, bytes: 500))
    try journal.write()
    #expect(journal.canAppend(1000, useReserve: true) == false)
    disk.capacity = .max
    try journal.prepareNextSegment()
    #expect(journal.hasSpace == true)
    #expect(journal.canAppend(5000) == true)
    journal.append(batchKind, payload(n + 1, bytes: 5000))
    try journal.write()
    #expect(try workersRecords(journal.reader()).count == Int(n) + 2)
    try journal.close()
  }

  @Test(arguments: [SimulatedFault.error(5), .shortWrite]) func aFailedWritePoisons(_ fault: SimulatedFault) throws {
    let disk = try disk()
    do {
      var journal = try adopt(disk)
      journal.append(batchKind, payload(1))
      try journal.write()
      journal.append(batchKind, payload(2))
      disk.fail(at: disk.operations + 1, with: fault)
      guard case .poisoned = thrown({ try journal.write() }) else {
        Issue.record("a failed write must poison")
        return
      }
      let operations = disk.operations
      for attempt in 0..<3 {
        guard case .poisoned = thrown({ attempt == 0 ? try journal.write() : try journal.sync() }) else {
          Issue.record("it must stay poisoned")
          return
        }
      }
      #expect(disk.operations == operations, "nothing is tried again")
    }
    var journal = try adopt(disk)
    #expect(journal.cutCounter == 1, "an owner that failed leaves its tail in doubt")
    #expect(try workersRecords(journal.reader()).map(\.payload) == [payload(1)])
    try journal.close()
    #expect(try adopt(disk).cutCounter == 1)
  }

  /// It stops the owner, but nothing that was written is in doubt: no player is told of a cut.
  @Test func noSpaceForAWriteIsNoDoubtAboutTheOnesBefore() throws {
    let disk = try disk()
    do {
      var journal = try adopt(disk)
      journal.append(batchKind, payload(1))
      try journal.write()
      journal.append(batchKind, payload(2))
      disk.fail(at: disk.operations + 1, with: .error(FileError.noSpace))
      guard case .poisoned = thrown({ try journal.write() }) else {
        Issue.record("a failed write must poison")
        return
      }
    }
    let journal = try adopt(disk)
    #expect(journal.cutCounter == 0)
    #expect(try workersRecords(journal.reader()).map(\.payload) == [payload(1)])
  }

  /// A new owner that finds no space tries again, each time from where the dead one stood.
  @Test func anAdoptionWithoutSpaceCutsNothing() throws {
    let disk = try disk()
    do {
      var journal = try adopt(disk)
      journal.append(batchKind, payload(1))
      try journal.write()
    }
    disk.processDeath()
    disk.capacity = 26 << 10
    for _ in 0..<3 {
      guard case .file(let error) = thrown({ _ = try adopt(disk) }), error.code == FileError.noSpace else {
        Issue.record("the disk is full")
        return
      }
    }
    disk.capacity = .max
    let journal = try adopt(disk)
    #expect(journal.cutCounter == 0)
    #expect(try workersRecords(journal.reader()).map(\.payload) == [payload(1)])
  }

  @Test func aFailedSyncIsNeverRetriedAndItsRecordsAreCopied() throws {
    let disk = try disk()
    do {
      var journal = try adopt(disk, .process)
      journal.append(batchKind, payload(1))
      try journal.write()
      disk.fail(at: disk.operations + 1, with: .error(5))
      guard case .poisoned = thrown({ try journal.sync() }) else {
        Issue.record("a failed sync must poison")
        return
      }
    }
    // The kernel still shows what the disk will never hold: the next owner writes it anew.
    do {
      var journal = try adopt(disk, .process)
      #expect(try workersRecords(journal.reader()).map(\.payload) == [payload(1)])
      try journal.sync()
    }
    disk.powerLoss()
    let journal = try adopt(disk, .process, boot: .second)
    #expect(try workersRecords(journal.reader()).map(\.payload) == [payload(1)])
  }

  @Test func syncOnAnotherThreadMovesTheMarkToWhereItBegan() throws {
    let disk = try disk()
    var journal = try adopt(disk)
    journal.append(batchKind, payload(1))
    try journal.write()
    let sync = try journal.syncWork()
    let work = try #require(sync)
    let upTo = journal.writtenPosition
    for n in 2..<40 as Range<UInt64> {
      journal.append(batchKind, payload(n))
      try journal.write()
    }
    try work.run()
    try journal.noteSynced(work)
    #expect(journal.durablePosition >= upTo)
    #expect(journal.durablePosition < journal.writtenPosition)
    try journal.sync()
    #expect(journal.durablePosition == journal.writtenPosition)
    let more = try journal.syncWork()
    #expect(more == nil)
  }

  /// A sync that was begun before two seals and is noted after them covers neither.
  @Test func aLateSyncDoesNotVouchForWhatWasSealedSince() throws {
    for seed in 0..<20 as Range<UInt64> {
      let disk = try disk(seed)
      var written: [Entry] = []
      do {
        var journal = try adopt(disk)
        func write(untilSegments count: Int) throws {
          while disk.paths.count < count {
            let content = payload(UInt64(written.count))
            let position = journal.append(batchKind, content)
            written.append(Entry(position: position, kind: batchKind, payload: content))
            try journal.write()
          }
        }
        try write(untilSegments: 2)
        let late = try journal.syncWork()
        try write(untilSegments: 4)
        try late?.run()
        if let late { try journal.noteSynced(late) }
        try journal.sync()
        disk.powerLoss()
      }
      let journal = try adopt(disk, boot: .second)
      #expect(try workersRecords(journal.reader()) == written, "seed \(seed)")
    }
  }

  @Test func aWriteThatNeedsASegmentInPreparationWaitsWithItsRecords() throws {
    let disk = try disk()
    var journal = try adopt(disk)
    let preparation = journal.preparationWork()
    let work = try #require(preparation)
    var n: UInt64 = 0
    while journal.canAppend(1000, useReserve: true) {
      journal.append(batchKind, payload(n, bytes: 1000))
      try journal.write()
      n += 1
    }
    journal.append(batchKind, payload(n, bytes: 1000))
    guard case .noSpace = thrown({ try journal.write() }) else {
      Issue.record("there is no room yet")
      return
    }
    let segment = try work.run()
    journal.notePrepared(segment)
    try journal.write()
    #expect(try workersRecords(journal.reader()).map(\.payload) == (0...n).map { payload($0, bytes: 1000) })
  }
}
