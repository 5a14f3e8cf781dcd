// The limits of a journal, and what an adoption found.
package import Core

package struct JournalOptions: Sendable, Hashable {
  /// Bytes of a segment's file.
  package var segmentBytes = 64 << 20
  /// Bytes of one record, its frame included. A snapshot of a room with full memory must fit.
  package var recordBytesMax = 32 << 20
  /// Bytes at a segment's end that ordinary appends leave free as long as no next segment is ready: for leaves,
  /// attaches, annotations and cleaning.
  package var reserveBytes = 1 << 20
  /// A checkpoint is asked for after so many bytes.
  package var checkpointBytes = 4 << 20
  /// So much of what is written next is brought into memory at a time: at least, at most.
  package var readAheadBytes = 256 << 10...4 << 20
  /// So much of the log stays although it was released, as long as there is space for the next segment.
  package var historyBytes = 0
  /// Files of cut-off tails that are kept; older ones go.
  package var cutFilesMax = 8
  /// The supervisor saw the last owner exit on an I/O error.
  package var lastOwnerFailed = false

  package init() {}

  func check() {
    precondition(
      recordBytesMax <= segmentBytes - SegmentHeader.regionBytes - SegmentHeader.tailBytes,
      "the largest record must fit into an empty segment")
    precondition(
      reserveBytes < segmentBytes - SegmentHeader.regionBytes - SegmentHeader.tailBytes,
      "the reserve must leave room for ordinary records")
    precondition(
      recordBytesMax > Record.frameBytes && checkpointBytes > 0 && cutFilesMax >= 0 && historyBytes >= 0,
      "limits are positive")
  }
}

/// What the new owner of a shard took over.
package struct Adoption: Sendable, Hashable {
  package var epoch: ShardEpoch
  /// Part of every room's timeline: rises when history may have been cut.
  package var cutCounter: UInt32
  package var isNew: Bool
  /// The last owner ended with `closed`.
  package var wasClean: Bool
  /// The last owner could not read what it needed.
  package var followsReadError: Bool
  /// Bytes behind the last whole record that were cut off (and kept in a file); 0: none.
  package var cutBytes: Int
  /// Whose fuel and stack the records above the decided ones were measured with; nil for a new journal.
  package var lastEngine: String?
  /// What was written and cannot be read, found by the adoption: between the last durable mark and the end. Damage
  /// below is found by whoever reads there.
  package var damaged: [Range<LogPosition>]
  package var lastCheckpoint: LogPosition?
  /// The end of the last owner's records: where `adopted` stands.
  package var end: LogPosition
  /// Records between the durable mark and the end that were copied.
  package var copiedRecords: Int
}
