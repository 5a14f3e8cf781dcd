// Who did what to which build and why: one JSON line each, only ever appended, each with the SHA-256 of the line before.
// Whoever changes or removes a line must change all that follow; whoever has noted the last hash sees that, too.
package import Core

/// The file's owner; there is one at a time. Copies must not both append.
package struct AuditLog<System: FileSystem>: Sendable {
  private let system: System
  private let file: System.File
  /// What follows the last whole line was never acknowledged.
  private var end: Int
  private var size: Int
  /// Of the newest line; 0: there is none.
  package private(set) var number: UInt64
  private var hash: String

  /// Opens the log or begins it. Throws where the last line is no entry: then nothing may be appended to it.
  package init(_ system: System, path: String) throws(ArtifactError) {
    self.system = system
    do throws(FileError) {
      file = try AuditLog.open(system, path)
      size = try system.size(file)
      let start = max(0, size - 2 * ArtifactLimits.auditLineBytesMax)
      let tail = try system.readBytes(file, at: start, count: size - start)
      (end, number, hash) = (0, 0, AuditLines.beginning)
      var whole = tail[...]
      while let last = whole.lastIndex(of: AuditLines.newline) {
        let begin = whole[..<last].lastIndex(of: AuditLines.newline).map { $0 + 1 } ?? 0
        let line = Array(whole[begin..<last])
        // A machine that stopped in the midst of a write leaves zeros: nobody was told of that entry.
        if line.contains(0) {
          whole = whole[..<begin]
          continue
        }
        end = start + last + 1
        number = (try? JSON(line)).flatMap { AuditEntry($0) }?.number ?? 0
        hash = ModuleHash(of: line).description
        break
      }
      if end == 0, start > 0 { throw FileError(.read, path, code: 27) }
    } catch { throw ArtifactError(error) }
    guard number > 0 || end == 0 else {
      throw ArtifactError(
        "the last line of \(path) is no entry: `oneup audit verify` names what is wrong; move the file away to begin another"
      )
    }
  }

  private static func open(_ system: System, _ path: String) throws(FileError) -> System.File {
    do throws(FileError) { return try system.open(path, .readWrite) } catch {
      guard error.code == 2 else { throw error }
    }
    let file = try system.open(path, .create)
    let directory = path.lastIndex(of: "/").map { path[..<$0] } ?? "."
    try system.syncDirectory(directory.isEmpty ? "/" : String(directory))
    return file
  }

  /// Durable when it returns; gives the entry its number. After an error it is the same entry that comes next, which is
  /// written over what the first try may have left, or the log is to be opened anew.
  package mutating func append(_ entry: AuditEntry) throws(ArtifactError) {
    var numbered = entry
    numbered.number = number + 1
    guard case .object(var members) = numbered.json else { preconditionFailure("an entry is an object") }
    members["prev"] = .text(hash)
    var line = JSON.object(members).canonical
    guard line.count <= ArtifactLimits.auditLineBytesMax else {
      throw ArtifactError("an entry of \(line.count) bytes is too long for the audit log")
    }
    // The rest of a line that a crash cut short is covered with spaces, which the line's hash includes.
    if end + line.count + 1 < size { line += Array(repeating: UInt8(ascii: " "), count: size - end - line.count - 1) }
    do throws(FileError) {
      try system.writeBytes(file, line + [AuditLines.newline], at: end)
      try system.sync(file)
    } catch { throw ArtifactError(error) }
    end += line.count + 1
    size = max(size, end)
    number = numbered.number
    hash = ModuleHash(of: line).description
  }
}

/// What a look through the whole log found.
package struct AuditReport: Hashable, Sendable {
  package struct Bad: Hashable, Sendable {
    /// From 1.
    package var line: UInt64
    package var reason: String
  }
  /// Good lines, from the beginning.
  package internal(set) var lines: UInt64 = 0
  /// Of the last good line: note it elsewhere, and a log that was cut short can be told from this one.
  package internal(set) var lastHash = AuditLines.beginning
  /// The first bad line.
  package internal(set) var bad: Bad?
  /// Bytes after the last whole line: an entry that a crash cut short, and that nobody was told of.
  package internal(set) var restBytes = 0
  package init() {}
}
