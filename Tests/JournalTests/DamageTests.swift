import Core
import Journal
import SimulatedFiles
import Testing

/// Flipped bytes, cut files, garbage: what is damage, what is a torn tail, and that readers never trap.
@Suite struct DamageTests {
  /// A journal of several segments; its records, of which so many are below the mark.
  func filled(
    _ durability: Durability = .process, records: UInt64 = 40, syncAt: UInt64 = 20,
    options: JournalOptions = smallOptions()
  ) throws -> (SimulatedDisk, [Entry], Int) {
    let disk = try disk()
    var entries: [Entry] = []
    var durable = 0
    var journal = try adopt(disk, durability, options: options)
    for n in 0..<records {
      entries.append(Entry(position: journal.append(batchKind, payload(n)), kind: batchKind, payload: payload(n)))
      try journal.write()
      if n == syncAt || durability == .disk {
        try journal.sync()
        durable = entries.count
      }
    }
    disk.processDeath()
    return (disk, entries, durable)
  }

  /// Where a record's payload is in the files.
  func place(_ entry: Entry, _ disk: SimulatedDisk) -> (String, Int)? {
    for path in disk.paths where path.hasSuffix(".segment") {
      let bytes = disk.bytes(of: path)!
      let pattern = entry.payload
      var at = 16384
      while at + pattern.count <= bytes.count {
        if bytes[at] == pattern[0], bytes[at..<at + pattern.count].elementsEqual(pattern) { return (path, at) }
        at += 1
      }
    }
    return nil
  }

  @Test func aFlippedByteAfterAProcessDeathIsDamageAndTheRestServes() throws {
    // One segment: a second seal would move the mark.
    let options = smallOptions(segment: 128 << 10)
    for victim in [21, 30, 39] {
      let (disk, entries, _) = try filled(syncAt: 20, options: options)
      let (path, offset) = try #require(place(entries[victim], disk))
      disk.flip(path, at: offset + 3)
      let journal = try adopt(disk, options: options)
      #expect(journal.adoption.damaged.count == 1)
      #expect(journal.adoption.damaged.first?.lowerBound == entries[victim].position)
      #expect(journal.adoption.cutBytes == 0)
      var damaged: [Range<LogPosition>] = []
      var found: [Entry] = []
      try journal.scan(from: journal.oldestPosition, damage: { damaged.append($0) }) { position, kind, payload in
        if kind >= RecordKind.workerFirst {
          found.append(Entry(position: position, kind: kind, payload: Array(payload)))
        }
      }
      var rest = entries
      rest.remove(at: victim)
      #expect(found == rest)
      #expect(damaged == journal.adoption.damaged)
    }
  }

  @Test func whatTheDiskDoesNotGiveIsAnErrorUnlessItIsTakenForDamage() throws {
    let options = smallOptions(segment: 128 << 10)
    let (disk, entries, _) = try filled(syncAt: 39, options: options)
    let journal = try adopt(disk, options: options)
    let reader = journal.reader()
    let places = try entries.map { try #require(place($0, disk)) }
    let page = places[20].1 / 4_096 * 4_096
    disk.ruin(places[20].0, places[20].1..<places[20].1 + 1)
    // With its frame.
    let isLost = entries.indices.map { i in
      let (path, at) = places[i]
      return path == places[20].0 && (at - 13..<at + entries[i].payload.count + 1).overlaps(page..<page + 4_096)
    }
    for i in entries.indices {
      let error = thrown { _ = try reader.read(at: entries[i].position) }
      if case .file(let file)? = error {
        #expect(isLost[i] && file.code == FileError.inputOutput && file.operation == .read)
      } else {
        #expect(!isLost[i] && error == nil)
      }
    }
    #expect(thrown { _ = try workersRecords(reader) } != nil)
    var damaged: [Range<LogPosition>] = []
    var found: [Entry] = []
    try reader.scan(from: reader.oldest, takesUnreadable: true, damage: { damaged.append($0) }) {
      position, kind, payload in
      if kind >= RecordKind.workerFirst { found.append(Entry(position: position, kind: kind, payload: Array(payload))) }
    }
    #expect(found == entries.indices.filter { !isLost[$0] }.map { entries[$0] })
    #expect(damaged.count == 1 && damaged.first?.contains(entries[20].position) == true)
    disk.mend()
    #expect(try workersRecords(reader) == entries)
  }

  @Test func anOwnerThatCannotReadTellsTheNextOne() throws {
    let disk = try disk()
    var journal = try adopt(disk)
    journal.append(batchKind, payload(1))
    try journal.write()
    journal.giveUp(FileError(.read, "shard/segment", code: FileError.inputOutput))
    #expect(thrown { try journal.sync() } != nil)
    disk.processDeath()
    let next = try adopt(disk)
    // Nothing that was written is in doubt.
    #expect(next.adoption.followsReadError && next.adoption.cutCounter == 0)
    #expect(try workersRecords(next.reader()).count == 1)
    disk.processDeath()
    let third = try adopt(disk)
    #expect(!third.adoption.followsReadError && third.adoption.cutCounter == 0)
  }

  @Test func anAdoptionThatCannotReadTellsNobody() throws {
    let disk = try disk()
    var journal = try adopt(disk)
    // Above the mark: who cannot read it does not take the shard over.
    let offset = (16 << 10) + Int(journal.writtenPosition.rawValue)
    journal.append(batchKind, payload(1))
    try journal.write()
    disk.processDeath()
    let path = try #require(disk.paths.filter { $0.hasSuffix(".segment") }.max())
    disk.ruin(path, offset..<offset + 1)
    #expect(thrown { _ = try adopt(disk) }?.mayPass != nil)
    disk.mend()
    let next = try adopt(disk)
    #expect(!next.adoption.followsReadError && next.adoption.cutCounter == 0)
    #expect(try workersRecords(next.reader()).count == 1)
  }

  @Test func aFlippedByteBelowTheMarkIsDamageAfterAnyDeath() throws {
    for boot in [BootID.first, .second] {
      let (disk, entries, _) = try filled(.disk, records: 20)
      let (path, offset) = try #require(place(entries[8], disk))
      disk.flip(path, at: offset)
      disk.powerLoss()
      let journal = try adopt(disk, .disk, boot: boot)
      #expect(journal.adoption.end > entries[19].position, "nothing is cut")
      guard case .damaged(let range) = thrown({ _ = try workersRecords(journal.reader()) }) else {
        Issue.record("damage must be told")
        return
      }
      #expect(range == entries[8].position..<entries[9].position)
      #expect(try workersRecords(journal.reader(), from: entries[9].position) == Array(entries[9...]))
      guard case .damaged = thrown({ _ = try journal.read(at: entries[8].position) }) else {
        Issue.record("damage must be told")
        return
      }
    }
  }

  @Test func aBadRecordAboveTheMarkAfterAnotherBootIsATornTail() throws {
    var options = smallOptions(segment: 128 << 10)
    options.cutFilesMax = 2
    let (disk, entries, durable) = try filled(syncAt: 20, options: options)
    let (path, offset) = try #require(place(entries[30], disk))
    disk.flip(path, at: offset + 1)
    let journal = try adopt(disk, boot: .second, options: options)
    #expect(durable == 21)
    #expect(try workersRecords(journal.reader()) == Array(entries[..<30]))
    #expect(journal.adoption.damaged.isEmpty == true)
    #expect(journal.adoption.cutBytes > 0)
    #expect(journal.cutCounter == 1)
    let cut = try #require(disk.paths.first { $0.contains("/cut-") })
    let kept = try #require(disk.bytes(of: cut))
    #expect(kept.count == journal.adoption.cutBytes)
    #expect(kept[13..<40].elementsEqual(entries[30].payload[..<27].enumerated().map { $0 == 1 ? $1 ^ 1 : $1 }))
  }

  @Test func anIncompleteLastRecordIsCutAfterAProcessDeath() throws {
    let (disk, entries, _) = try filled(records: 10, syncAt: 3)
    let (path, offset) = try #require(place(entries[9], disk))
    var bytes = try #require(disk.bytes(of: path))
    let half = offset + entries[9].payload.count / 2
    for at in half..<bytes.count { bytes[at] = 0 }
    disk.overwrite(path, with: bytes)
    let journal = try adopt(disk)
    #expect(try workersRecords(journal.reader()) == Array(entries[..<9]))
    #expect(journal.adoption.damaged.isEmpty == true)
    #expect(journal.adoption.cutBytes > 0)
    #expect(journal.cutCounter == 0, "that write never returned: nobody was told of it")
  }

  @Test func aDamagedHeaderIsReadFromItsTwinAndRepaired() throws {
    let (disk, entries, _) = try filled()
    disk.flip(directory + "/0000000001.segment", at: 40)
    let inspector = JournalInspector(disk)
    #expect(try inspector.verify(directory).log[0].isHeaderFromTwin)
    let said = try inspector.repair(directory, apply: false)
    #expect(said == [.restoreHeader(segment: 1)])
    #expect(try inspector.verify(directory).log[0].isHeaderFromTwin, "saying is not doing")
    #expect(try inspector.repair(directory, apply: true) == said)
    #expect(try inspector.repair(directory, apply: false).isEmpty)
    #expect(try workersRecords(try adopt(disk).reader()) == entries)
  }

  @Test func repairMarksDamageAndKeepsItsBytes() throws {
    let (disk, entries, _) = try filled(.disk)
    let (path, offset) = try #require(place(entries[5], disk))
    disk.flip(path, at: offset + 2)
    let inspector = JournalInspector(disk)
    let before = try inspector.verify(directory)
    #expect(before.damaged == [entries[5].position..<entries[6].position])
    #expect(before.text.contains("DAMAGED"))
    #expect(before.needsRepair)
    let glance = try inspector.inspect(directory)
    #expect(!glance.needsRepair && !glance.isVerified, "it does not read below the mark")
    #expect(!glance.text.hasSuffix("whole") && glance.text.contains("oneup journal verify"))
    let repairs = try inspector.repair(directory, apply: true)
    #expect(repairs.count == 1)
    let saved = try #require(disk.paths.first { $0.contains("/damaged-") })
    #expect(disk.bytes(of: saved)?.count == entries[5].position.rawValue.distance(to: entries[6].position.rawValue))
    let after = try inspector.verify(directory)
    #expect(after.damaged == before.damaged, "what is lost stays lost, and is still told")
    #expect(after.lost == before.damaged && !after.needsRepair && !after.isWhole)
    #expect(after.text.contains("LOST"))
    let kept = disk.bytes(of: saved)
    #expect(try inspector.repair(directory, apply: true).isEmpty, "a second repair finds nothing to do")
    #expect(disk.bytes(of: saved) == kept)
    let journal = try adopt(disk, .disk)
    #expect(try workersRecords(journal.reader(), from: entries[6].position) == Array(entries[6...]))
    #expect(thrown { _ = try inspector.repair(directory, apply: true) } == .locked(directory: directory))
  }

  @Test func aLostSegmentBelowTheMarkIsToldAndTheRestServes() throws {
    let (disk, entries, _) = try filled(.disk)
    try disk.remove(directory + "/0000000002.segment")
    let report = try JournalInspector(disk).verify(directory)
    #expect(report.missing == [2])
    #expect(report.damaged.count == 1)
    #expect(report.needsRepair)
    let journal = try adopt(disk, .disk)
    var found: [Entry] = []
    var lost: [Range<LogPosition>] = []
    try journal.scan(from: journal.oldestPosition, damage: { lost.append($0) }) { position, kind, payload in
      if kind >= RecordKind.workerFirst { found.append(Entry(position: position, kind: kind, payload: Array(payload))) }
    }
    #expect(lost == report.damaged)
    #expect(found == entries.filter { entry in !lost.contains { $0.contains(entry.position) } })
    #expect(found.count > 10)
  }

  @Test func aSegmentSetAsideIsLostAndNeedsNoMoreRepair() throws {
    let (disk, _, _) = try filled(.disk)
    let name = directory + "/0000000002.segment"
    disk.overwrite(name, with: [UInt8](repeating: 0x5A, count: disk.bytes(of: name)!.count))
    let inspector = JournalInspector(disk)
    #expect(try inspector.verify(directory).needsRepair)
    _ = try inspector.repair(directory, apply: true)
    let report = try inspector.verify(directory)
    #expect(report.missing == [2] && report.setAside == [2])
    #expect(!report.needsRepair && !report.isWhole)
    #expect(try inspector.repair(directory, apply: false).isEmpty)
  }

  @Test func filesOfNoLengthOrOfGarbageDoNotStopIt() throws {
    let (disk, entries, _) = try filled()
    disk.overwrite(directory + "/0000000077.segment", with: [])
    disk.overwrite(directory + "/0000000078.segment", with: [UInt8](repeating: 0x5A, count: 70_000))
    disk.overwrite(directory + "/0000000079.segment.tmp", with: [1])
    disk.overwrite(directory + "/notes.txt", with: [1])
    var journal = try adopt(disk)
    #expect(try workersRecords(journal.reader()) == entries)
    journal.append(batchKind, payload(500))
    try journal.write()
    #expect(disk.bytes(of: directory + "/notes.txt") == [1])
    #expect(disk.bytes(of: directory + "/0000000079.segment.tmp") == nil)
  }

  @Test func garbageAloneIsRefusedAndNotOverwritten() throws {
    let disk = try disk()
    let garbage = [UInt8](repeating: 0x5A, count: 70_000)
    disk.overwrite(directory + "/0000000001.segment", with: garbage)
    guard case .unreadable = thrown({ _ = try adopt(disk) }) else {
      Issue.record("garbage is no new journal")
      return
    }
    #expect(disk.bytes(of: directory + "/0000000001.segment") == garbage)
  }

  /// Whatever the files hold, adoption, scan, inspection and repair end, and say only what was written.
  @Test func noBytesMakeAReaderTrapOrLoopOrInvent() throws {
    var options = smallOptions(segment: 20 << 10)
    options.recordBytesMax = 2 << 10
    let (original, entries, _) = try filled(records: 12, syncAt: 6, options: options)
    let known = Set(entries)
    let files = original.paths.map { ($0, original.bytes(of: $0)!) }
    for seed in 0..<400 as Range<UInt64> {
      var random = RandomState(seed: seed)
      let disk = try disk(seed)
      for (path, bytes) in files {
        var bytes = bytes
        for _ in 0..<Int.random(in: 0...6, using: &random) where !bytes.isEmpty {
          let at = Int.random(in: 0..<bytes.count, using: &random)
          switch Int.random(in: 0..<6, using: &random) {
          case 0, 1: bytes[at] = UInt8.random(in: 0...255, using: &random)
          case 2: bytes.removeSubrange(at...)
          case 3:
            for i in at..<min(bytes.count, at + 600) { bytes[i] = UInt8.random(in: 0...255, using: &random) }
          case 4:
            let from = Int.random(in: 0..<bytes.count, using: &random)
            for i in 0..<min(700, bytes.count - max(at, from)) { bytes[at + i] = bytes[from + i] }
          default: for i in at..<min(bytes.count, at + 900) { bytes[i] = 0 }
          }
        }
        if Int.random(in: 0..<12, using: &random) != 0 { disk.overwrite(path, with: bytes) }
      }
      let inspector = JournalInspector(disk)
      _ = try? inspector.inspect(directory)
      _ = try? inspector.verify(directory)
      _ = try? inspector.repair(directory, apply: seed % 3 == 0)
      guard let journal = try? adopt(disk, boot: seed % 2 == 0 ? .first : .second, options: options) else { continue }
      var calls = 0
      _ = try? journal.scan(from: journal.oldestPosition, damage: { _ in calls += 1 }) { position, kind, payload in
        calls += 1
        if kind >= RecordKind.workerFirst {
          #expect(known.contains(Entry(position: position, kind: kind, payload: Array(payload))), "seed \(seed)")
        }
      }
      #expect(calls < 1000)
    }
  }
}
