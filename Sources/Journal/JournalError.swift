// Why a journal cannot do what it was asked to.
package import Core

extension FileError {
  /// Whether what was written before may be lost although the machine stays up: nothing is known after a failed sync or an
  /// input/output error. A write for which there was no space has changed nothing.
  var leavesDoubt: Bool { code != FileError.noSpace || operation == .sync || operation == .syncDirectory }
}

extension JournalError {
  /// Of an adoption: nothing was changed, and it may succeed later, when there is space, or the disk gives what it holds.
  package var mayPass: FileError? {
    guard case .file(let error) = self else { return nil }
    let isUnreadable = error.operation == .read && error.code == FileError.inputOutput
    return isUnreadable || error.code == FileError.noSpace ? error : nil
  }
}

package enum JournalError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Another process owns the shard's directory.
  case locked(directory: String)
  /// A file operation failed before anything was at stake; the journal goes on unless it says `poisoned` next.
  case file(FileError)
  /// An earlier write or sync failed. This process must stop acknowledging and exit; a new owner starts a new segment.
  case poisoned(FileError)
  /// No next segment could be prepared and the current one is full. Nothing was written; what was appended waits.
  case noSpace(FileError)
  /// The directory holds another shard's journal or another format.
  case foreign(String)
  /// Nothing in the directory can be read as a journal although there are segments.
  case unreadable(String)
  /// The bytes at a position are not the record that was written.
  case damaged(Range<LogPosition>)
  /// No record begins at this position in what is kept.
  case notInLog(LogPosition)

  package var description: String {
    switch self {
    case .locked(let directory):
      "\(directory) is owned by another process: wait for its death, or stop it"
    case .file(let error): "journal: \(error)"
    case .poisoned(let error): "the journal is closed to writing since a failure (\(error)): let a new owner adopt it"
    case .noSpace(let error): "no room for a next segment (\(error)): free disk space"
    case .foreign(let text): "\(text): check the data directory and the version of the program"
    case .unreadable(let text): "\(text): run `oneup journal verify`, or restore a backup"
    case .damaged(let range):
      "records from \(range.lowerBound) to \(range.upperBound) are damaged: run `oneup journal repair`"
    case .notInLog(let position): "no record begins at \(position) in what the journal keeps"
    }
  }
}
