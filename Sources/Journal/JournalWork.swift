// Slow work on files that the shell does on another thread, so that the worker's never waits for a disk. The journal
// hands it out and is told the outcome; each kind at most once at a time.
package import Core

/// Who writes a journal.
package struct JournalIdentity: Sendable, Hashable {
  package var shard: ShardID
  package var boot: BootID
  package var durability: Durability
  /// Engine, version and settings that can change fuel or stack use.
  package var engine: String
  package init(shard: ShardID, boot: BootID, durability: Durability, engine: String) {
    self.shard = shard
    self.boot = boot
    self.durability = durability
    self.engine = engine
  }
}

/// Makes durable what was written when the work was made. Then `noteSynced`, or `noteSyncFailed`: never run it again.
package struct SyncWork<FS: FileSystem>: Sendable {
  private static var pieceBytes: Int { 64 << 10 }
  let fileSystem: FS
  let files: [FS.File]
  /// The last file, and of it what no sync was for yet.
  let last: (file: FS.File, from: Int, to: Int)
  /// The segments among them that were sealed when it was made.
  let sealed: [UInt64]
  package let upTo: LogPoint
  let lastCheckpoint: LogPosition?
  /// Before `run`, where it shares a processor with somebody who is waited for: hands the disk small pieces, so that `run`
  /// keeps it for less time. Promises nothing; an error is one of `run`. `pausing`: after each.
  package func begin(pausing: () -> Void) throws(FileError) {
    for offset in stride(from: last.from, to: last.to, by: Self.pieceBytes) {
      try fileSystem.beginSync(last.file, from: offset, count: min(Self.pieceBytes, last.to - offset))
      pausing()
    }
  }
  package func run() throws(FileError) {
    for file in files { try fileSystem.sync(file) }
  }
}

/// Zero-fills the next segment. Then `notePrepared`, or `notePreparationFailed`.
package struct PreparationWork<FS: FileSystem>: Sendable {
  let fileSystem: FS
  let directory: String
  let number: UInt64
  let bytes: Int
  /// `pausing`: called after each small piece, for a thread that shares a processor with somebody who is waited for.
  package func run(pausing: () -> Void = {}) throws(FileError) -> PreparedSegment<FS> {
    let file = try fileSystem.createZeroFilled(
      SegmentHeader.fileName(number), in: directory, count: bytes, pausing: pausing)
    return PreparedSegment(number: number, bytes: bytes, file: file)
  }
}

package struct PreparedSegment<FS: FileSystem>: Sendable {
  let number: UInt64
  let bytes: Int
  let file: FS.File
}

/// Brings into memory what is written next: the kernel may have let go of a segment that stood ready for long, and one whose
/// place was only reserved was never there. A store would wait for it. Nothing has to be told of the outcome.
package struct ReadAheadWork<FS: FileSystem>: Sendable {
  let fileSystem: FS
  package let parts: [(file: FS.File, offset: Int, count: Int)]
  private static var pieceBytes: Int { 32 << 10 }
  /// `pausing`: as above.
  package func run(pausing: () -> Void = {}) {
    for part in parts {
      let end = part.offset + part.count
      for offset in stride(from: part.offset, to: end, by: Self.pieceBytes) {
        fileSystem.readAhead(part.file, from: offset, count: min(Self.pieceBytes, end - offset))
        pausing()
      }
    }
  }
}

/// Removes segments that the journal has let go of, the oldest first, each durably before the next, so that no gap can
/// be left. Then `noteRemoved`; what fails is in the next one, before all else. A failed sync poisons the journal, whoever
/// made it: the kernel tells it once.
package struct RemovalWork<FS: FileSystem>: Sendable {
  let fileSystem: FS
  let directory: String
  package let numbers: [UInt64]
  /// Holds the durable mark, which says that what follows the removed ones is all that there is to be.
  let markFile: FS.File
  package func run() throws(FileError) {
    try fileSystem.sync(markFile)
    for number in numbers {
      try fileSystem.removeIfPresent(directory + "/" + SegmentHeader.fileName(number))
      try fileSystem.syncDirectory(directory)
    }
  }
}
