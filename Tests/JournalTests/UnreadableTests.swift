import Core
import Journal
import SimulatedFiles
import Testing

/// Sectors that the disk does not give: what they hold up, and how they are got rid of.
@Suite struct UnreadableTests {
  private let whole = smallOptions(segment: 128 << 10)
  private func segment(_ number: Int) -> String { "\(directory)/000000000\(number).segment" }
  private func filled(_ durability: Durability = .process, options: JournalOptions? = nil) throws -> (
    SimulatedDisk, [Entry]
  ) {
    let (disk, entries, _) = try DamageTests().filled(durability, options: options ?? smallOptions())
    return (disk, entries)
  }
  private func isUnreadable(_ error: JournalError?) -> Bool {
    guard case .file(let file)? = error else { return false }
    return file.operation == .read && file.code == FileError.inputOutput && error?.mayPass != nil
  }

  // MARK: Header regions, and zeros that nobody wrote over

  @Test func aHeaderPageThatCannotBeReadHidesNothing() throws {
    for page in 0..<4 {
      let (disk, entries) = try filled()
      let segments = disk.paths.filter { $0.hasSuffix(".segment") }
      #expect(segments.count > 2)
      for path in segments { disk.ruin(path, page << 12..<(page + 1) << 12) }
      let beside = try #require(try LogReader<SimulatedDisk>.beside(disk, directory))
      #expect(try workersRecords(beside) == entries, "page \(page)")
      let journal = try adopt(disk)
      #expect(try workersRecords(journal.reader()) == entries, "page \(page)")
      #expect(journal.adoption.damaged.isEmpty && journal.adoption.cutBytes == 0)
    }
  }

  @Test func aHeaderWithoutAnyReadableCopyIsWaitedFor() throws {
    let (disk, entries) = try filled()
    disk.ruin(segment(2), 0..<16384)
    for _ in 0..<2 { #expect(isUnreadable(thrown { _ = try adopt(disk) })) }
    let report = try JournalInspector(disk).verify(directory)
    #expect(report.unreadable.first?.contains("cannot be read") == true && report.needsRepair)
    disk.mend()
    #expect(try workersRecords(try adopt(disk).reader()) == entries)
  }

  /// One copy cannot be read and the other one is none: that is no reason to go on without the segment.
  @Test func aDamagedHeaderWithAnUnreadableTwinIsWaitedFor() throws {
    let (disk, entries) = try filled()
    disk.flip(segment(2), at: 40)
    disk.ruin(segment(2), 3 << 12..<4 << 12)
    #expect(isUnreadable(thrown { _ = try adopt(disk) }))
    disk.mend()
    #expect(try workersRecords(try adopt(disk).reader()) == entries)
  }

  @Test func aPreparedSegmentWithAnUnreadableHeaderIsLetGoOf() throws {
    for page in [0, 3] {
      let disk = try disk()
      do {
        var journal = try adopt(disk)
        journal.append(batchKind, payload(1))
        try journal.write()
        try journal.prepareNextSegment()
      }
      disk.processDeath()
      disk.ruin(segment(2), page << 12..<(page + 1) << 12)
      let journal = try adopt(disk)
      #expect(try workersRecords(journal.reader()).map(\.payload) == [payload(1)])
      #expect(!disk.paths.contains(segment(2)), "and its number is not used again")
    }
  }

  @Test func zerosBehindTheEndHoldNobodyUpWhereTheLogEndsThereAnyway() throws {
    for offset in [0, 40 << 10] {
      let (disk, entries) = try filled(options: whole)
      let bytes = try #require(disk.bytes(of: segment(1)))
      let end = try #require(bytes.lastIndex { $0 != 0 })
      // Not the page that holds the end.
      let first = (end + 4096) / 4096 * 4096 + offset
      disk.ruin(segment(1), first..<first + 1)
      // On the same boot they tell the end from damage.
      #expect(isUnreadable(thrown { _ = try adopt(disk, options: whole) }))
      let report = try JournalInspector(disk).verify(directory)
      #expect(
        report.unread.map(\.bytes) == [first..<first + 4096] && report.unread[0].isAboveMark && report.needsRepair)
      #expect(report.text.contains("must be read before the shard is served"))
      let journal = try adopt(disk, boot: .second, options: whole)
      #expect(try workersRecords(journal.reader()) == entries)
      #expect(journal.adoption.cutBytes == 0)
    }
  }

  @Test func aTornTailIsKeptAsFarAsItCanBeRead() throws {
    var behind = 0
    let rounds: [(JournalOptions, UInt64)] = [(whole, 40)] + (40..<60).map { (smallOptions(), $0) }
    for (options, records) in rounds {
      let (disk, entries, _) = try DamageTests().filled(records: records, options: options)
      let durable = try #require(try JournalInspector(disk).inspect(directory).durable)
      let last = try #require(disk.paths.last { $0.hasSuffix(".segment") && disk.bytes(of: $0)!.contains { $0 != 0 } })
      // The last record of the segment in which the log ends, or of the one before it.
      let isOne = options.segmentBytes == whole.segmentBytes
      let places = try entries.map { try #require(DamageTests().place($0, disk)) }
      let kept = try #require(places.lastIndex { isOne || $0.0 != last })
      guard entries[kept].position >= durable else { continue }
      if !isOne { behind += 1 }
      disk.flip(places[kept].0, at: places[kept].1 + 3)
      let end = try #require(disk.bytes(of: last)!.lastIndex { $0 != 0 })
      let page = isOne ? (end + 4096) / 4096 * 4096 : 16384
      // Pages are not written in their order: something is behind the one that cannot be read.
      disk.flip(last, at: page + 5000)
      let wanted = disk.bytes(of: last)!
      disk.ruin(last, page..<page + 1)
      let journal = try adopt(disk, boot: .second, options: options)
      #expect(try workersRecords(journal.reader()) == Array(entries.prefix(kept)))
      #expect(journal.adoption.cutBytes > 0)
      let number = Int(last.split(separator: "/").last!.prefix(10))!
      let cut = try #require(disk.paths.first { $0.hasSuffix("-segment-\(number)") }.flatMap { disk.bytes(of: $0) })
      let lost = try #require(cut.firstRange(of: [UInt8](repeating: 0xff, count: 4096)))
      #expect(cut[lost.upperBound...].elementsEqual(wanted[(page + 4096)...].prefix(cut.count - lost.upperBound)))
      #expect(cut.count >= lost.upperBound + 5000 - 4096)
    }
    #expect(behind > 0)
  }

  // MARK: Tools

  @Test func verifyNamesThePlaceAndRepairGetsPastIt() throws {
    let (disk, entries) = try filled(.disk, options: whole)
    let (path, at) = try #require(DamageTests().place(entries[8], disk))
    let page = at / 4096 * 4096
    disk.ruin(path, at..<at + 1)
    let inspector = JournalInspector(disk)
    let before = try inspector.verify(directory)
    let damage = try #require(before.damaged.first)
    #expect(before.damaged.count == 1 && damage.contains(entries[8].position) && before.needsRepair)
    let place = try #require(before.unread.first)
    #expect(before.unread.count == 1 && path.hasSuffix("/" + place.file) && !place.isAboveMark)
    #expect(place.bytes == page..<page + 4096)
    #expect(before.text.contains("UNREADABLE: \(place.file), bytes \(page) to \(page + 4096): "))
    let original = try #require(disk.bytes(of: path))

    let said = try inspector.repair(directory, apply: false)
    #expect(
      said.count == 1 && isUnreadable(thrown { _ = try workersRecords(adopt(disk, .disk, options: whole).reader()) }))
    disk.processDeath()
    #expect(try inspector.repair(directory, apply: true) == said)
    // What could be read is kept, the rest is 0xff.
    let saved = try #require(disk.paths.first { $0.contains("/damaged-") }.flatMap { disk.bytes(of: $0) })
    let start = 16384 + Int(damage.lowerBound.rawValue)
    #expect(saved.count == Int(damage.upperBound.rawValue - damage.lowerBound.rawValue))
    for (i, byte) in saved.enumerated() {
      let isLost = (page..<page + 4096).contains(start + i)
      #expect(byte == (isLost ? 0xff : original[start + i]))
    }
    // Nothing was mended: writing was enough.
    let after = try inspector.verify(directory)
    #expect(after.unread.isEmpty && after.lost == [damage] && !after.needsRepair)
    let journal = try adopt(disk, .disk, options: whole)
    var found: [Entry] = []
    try journal.scan(from: journal.oldestPosition, damage: { #expect($0 == damage) }) { position, kind, payload in
      if kind >= RecordKind.workerFirst { found.append(Entry(position: position, kind: kind, payload: Array(payload))) }
    }
    #expect(found == entries.filter { !damage.contains($0.position) })
  }

  /// The kernel cannot write a part of a page whose rest it cannot read.
  private func refusePartsOfPages(_ disk: SimulatedDisk) {
    disk.strike(.error(FileError.inputOutput)) { operation in
      operation.kind == .write && operation.path.hasSuffix(".segment")
        && (operation.offset % 4096 != 0 || operation.bytes.count % 4096 != 0)
    }
  }

  @Test func everyPageBelowTheMarkIsGotRidOfAndNoneAbove() throws {
    let inspector = JournalInspector(try filled(.disk).0)
    let count = try inspector.verify(directory).log.count
    #expect(count > 2)
    var repaired = 0
    for victim in 0..<40 {
      let (disk, entries) = try filled(.disk)
      let (path, at) = try #require(DamageTests().place(entries[victim], disk))
      disk.ruin(path, at..<at + 1)
      let inspector = JournalInspector(disk)
      let before = try inspector.verify(directory)
      #expect(before.unread.count == 1 && before.needsRepair)
      refusePartsOfPages(disk)
      let steps = try inspector.repair(directory, apply: true)
      disk.heal()
      // Only the page with the mark itself.
      guard before.unread.first?.isAboveMark == false else {
        #expect(steps.isEmpty && path == disk.paths.last { $0.hasSuffix(".segment") })
        #expect(before.text.contains("no repair changes anything there"))
        continue
      }
      repaired += 1
      let after = try inspector.verify(directory)
      #expect(after.unread.isEmpty && !after.needsRepair && after.lost == before.damaged, "record \(victim)")
      var found: [Entry] = []
      let journal = try adopt(disk, .disk)
      try journal.scan(from: journal.oldestPosition, damage: { #expect(after.lost.contains($0)) }) {
        position, kind, payload in
        if kind >= RecordKind.workerFirst {
          found.append(Entry(position: position, kind: kind, payload: Array(payload)))
        }
      }
      #expect(found == entries.filter { entry in !after.lost.contains { $0.contains(entry.position) } })
    }
    #expect(repaired > 30)
  }

  @Test func aHeaderPageThatCannotBeReadIsWrittenAnewAsAWhole() throws {
    let (disk, entries) = try filled()
    disk.ruin(segment(1), 0..<1)
    let inspector = JournalInspector(disk)
    let report = try inspector.verify(directory)
    #expect(report.log[0].isHeaderFromTwin && report.unread.map(\.bytes) == [0..<4096])
    refusePartsOfPages(disk)
    #expect(try inspector.repair(directory, apply: true) == [.restoreHeader(segment: 1)])
    disk.heal()
    let after = try inspector.verify(directory)
    #expect(!after.log[0].isHeaderFromTwin && after.unread.isEmpty)
    #expect(try workersRecords(try adopt(disk).reader()) == entries)
  }

  @Test func whatIsAboveTheMarkIsNamedAndLeftAlone() throws {
    // Records 0 to 20 are below the mark.
    for victims in [[30], [21], [5, 30]] {
      let (disk, entries) = try filled(options: whole)
      for victim in victims {
        let (path, at) = try #require(DamageTests().place(entries[victim], disk))
        disk.ruin(path, at..<at + 1)
      }
      let inspector = JournalInspector(disk)
      for report in [try inspector.inspect(directory), try inspector.verify(directory)] {
        #expect(report.needsRepair && !report.isWhole)
        let place = try #require(report.unread.first { $0.isAboveMark }?.positions)
        #expect(place.contains(entries[victims.last!].position))
      }
      #expect(isUnreadable(thrown { _ = try adopt(disk, options: whole) }))
      // What is below is repaired.
      let steps = try inspector.repair(directory, apply: true)
      #expect(steps.count == victims.count - 1)
      disk.mend()
      let lost = try inspector.verify(directory).lost
      #expect(lost.count == steps.count)
      let journal = try adopt(disk, options: whole)
      var found: [Entry] = []
      try journal.scan(from: journal.oldestPosition, damage: { #expect(lost.contains($0)) }) {
        position, kind, payload in
        if kind >= RecordKind.workerFirst {
          found.append(Entry(position: position, kind: kind, payload: Array(payload)))
        }
      }
      #expect(found == entries.filter { entry in !lost.contains { $0.contains(entry.position) } })
    }
  }

  @Test func noRepairTakesASegmentWhoseHeaderMayBeReadLater() throws {
    // The newest one alone, and all of them.
    for all in [false, true] {
      let (disk, entries) = try filled()
      let segments = disk.paths.filter { $0.hasSuffix(".segment") }
      disk.overwrite(directory + "/unread", with: [])
      for path in all ? segments : [segments.last!] { disk.ruin(path, 0..<16384) }
      let inspector = JournalInspector(disk)
      let report = try inspector.verify(directory)
      #expect(report.needsRepair && report.text.contains("what it holds may be above the durable mark"))
      #expect(report.text.contains("no repair changes anything there"))
      #expect(report.unread.count { $0.isAboveMark } >= (all ? segments.count : 1))
      #expect(try inspector.repair(directory, apply: true).isEmpty)
      #expect(disk.paths.filter { $0.hasSuffix(".segment") } == segments)
      #expect(isUnreadable(thrown { _ = try adopt(disk) }))
      disk.mend()
      #expect(try workersRecords(try adopt(disk).reader()) == entries)
    }
  }

  @Test func aSegmentBelowTheMarkWhoseHeaderCannotBeReadIsAHole() throws {
    let (disk, entries) = try filled(.disk)
    disk.ruin(segment(2), 0..<16384)
    let inspector = JournalInspector(disk)
    let hole = try inspector.verify(directory).damaged
    #expect(hole.count == 1)
    let steps = try inspector.repair(directory, apply: true)
    #expect(steps.first == .setAside(file: "0000000002.segment", to: "0000000002.segment.unreadable"))
    #expect(try !inspector.verify(directory).needsRepair)
    let journal = try adopt(disk, .disk)
    var found: [Entry] = []
    try journal.scan(from: journal.oldestPosition, damage: { #expect($0.clamped(to: hole[0]) == $0) }) {
      position, kind, payload in
      if kind >= RecordKind.workerFirst { found.append(Entry(position: position, kind: kind, payload: Array(payload))) }
    }
    #expect(found == entries.filter { !hole[0].contains($0.position) } && found.count < entries.count)
  }

  /// Nobody begins anew where there was a log, and no number is used twice.
  @Test func whatWasSetAsideIsNotForgotten() throws {
    let (disk, _) = try filled(.disk)
    let segments = disk.paths.filter { $0.hasSuffix(".segment") }
    let damaged = [UInt8](repeating: 0xff, count: 24 << 10)
    disk.overwrite(segments.last!, with: damaged)
    #expect(try JournalInspector(disk).repair(directory, apply: true).count == 1)
    do { _ = try adopt(disk, .disk) }
    #expect(!disk.paths.contains(segments.last!) && disk.paths.contains(segment(segments.count + 1)))
    disk.processDeath()
    for path in disk.paths where path.hasSuffix(".segment") { disk.overwrite(path, with: damaged) }
    _ = try JournalInspector(disk).repair(directory, apply: true)
    #expect(disk.paths.allSatisfy { !$0.hasSuffix(".segment") })
    guard case .unreadable? = thrown({ _ = try adopt(disk, .disk) }) else {
      Issue.record("it began anew")
      return
    }
  }

  @Test func whoeverRepairsTakesTheLastOwnersNoteAway() throws {
    let (disk, _) = try filled(.disk, options: whole)
    disk.overwrite(directory + "/unread", with: [])
    let inspector = JournalInspector(disk)
    #expect(try inspector.repair(directory, apply: true) == [.forgetUnread(note: "unread")])
    #expect(!disk.paths.contains(directory + "/unread"))
    #expect(try inspector.repair(directory, apply: false).isEmpty)
  }

  /// Wherever pages cannot be read and bytes are wrong: everything ends, and says only what was written.
  @Test func noPagesMakeAReaderTrapOrInvent() throws {
    for seed in 0..<200 as Range<UInt64> {
      var random = RandomState(seed: seed)
      let (disk, entries) = try filled(seed % 2 == 0 ? .disk : .process)
      let known = Set(entries)
      for path in disk.paths where path.hasSuffix(".segment") {
        let size = try #require(disk.bytes(of: path)).count
        for _ in 0..<Int.random(in: 0...2, using: &random) {
          let at = Int.random(in: 0..<size, using: &random)
          disk.ruin(path, at..<min(size, at + Int.random(in: 1...9000, using: &random)))
        }
        if seed % 3 == 0 { disk.flip(path, at: Int.random(in: 0..<size, using: &random)) }
      }
      let inspector = JournalInspector(disk)
      _ = try? inspector.inspect(directory)
      let before = try? inspector.verify(directory)
      let steps = try? inspector.repair(directory, apply: true)
      if let before, steps != nil, !before.unread.contains(where: { $0.isAboveMark }) {
        #expect(try !inspector.verify(directory).needsRepair, "seed \(seed)")
      }
      guard let journal = try? adopt(disk, boot: seed % 5 == 0 ? .second : .first) else { continue }
      _ = try? journal.scan(from: journal.oldestPosition, damage: { _ in }) { position, kind, payload in
        if kind >= RecordKind.workerFirst {
          #expect(known.contains(Entry(position: position, kind: kind, payload: Array(payload))), "seed \(seed)")
        }
      }
    }
  }
}
