// One line of the audit log.
package import Core

/// Who did what to which build, and why. What else a line says is kept in `more`.
package struct AuditEntry: Hashable, Sendable {
  /// From 1, without gaps.
  package internal(set) var number: UInt64 = 0
  /// Microseconds since 1970.
  package var at: Int64
  package var who: String
  package var what: String
  package var module: String
  package var version: String
  package var hash: ModuleHash?
  package var rooms: [RoomID] = []
  package var why: String
  package var more: [String: JSON] = [:]

  package init(at: Int64, who: String, what: String, module: String, build: Build?, why: String) {
    (self.at, self.who, self.what, self.module, self.why) = (at, who, what, module, why)
    (version, hash) = (build?.version ?? "", build?.hash)
  }

  private static let names: Set<String> = [
    "n", "at", "who", "what", "module", "version", "sha256", "rooms", "why", "prev",
  ]
  /// More of them are cut, which the line says.
  static let roomsMax = 1_000
  /// Of a reason; the rest is cut. A room's own words may be any, and an entry that does not fit would hold up all others.
  package static let whyBytesMax = 4_000

  /// Without the link to the line before.
  package var json: JSON {
    var members = more.filter { !AuditEntry.names.contains($0.key) }
    members["n"] = .number(number)
    members["at"] = .text(ISOTime.text(microseconds: at))
    members["who"] = .text(who)
    members["what"] = .text(what)
    members["module"] = .text(module)
    members["version"] = .text(version)
    members["why"] = .text(AuditEntry.cut(why))
    if let hash { members["sha256"] = .text(hash.description) }
    if !rooms.isEmpty { members["rooms"] = .array(rooms.prefix(AuditEntry.roomsMax).map { .text($0.description) }) }
    if rooms.count > AuditEntry.roomsMax { members["roomsLeftOut"] = .number(rooms.count - AuditEntry.roomsMax) }
    return .object(members)
  }

  private static func cut(_ why: String) -> String {
    guard why.utf8.count > whyBytesMax else { return why }
    let end = why.utf8.index(why.startIndex, offsetBy: whyBytesMax)
    // Between two characters of Unicode, however many of them a letter is made of.
    return String(why.unicodeScalars[..<(end.samePosition(in: why.unicodeScalars) ?? before(end, in: why))])
  }
  private static func before(_ end: String.Index, in text: String) -> String.Index {
    var end = end
    repeat { end = text.utf8.index(before: end) } while end.samePosition(in: text.unicodeScalars) == nil
    return end
  }

  /// nil where something is missing or of another kind.
  package init?(_ json: JSON) {
    guard case .object(let members) = json, let number: UInt64 = json["n"]?.integer(),
      let at = json["at"]?.text.flatMap({ ISOTime.microseconds($0) }), let who = json["who"]?.text,
      let what = json["what"]?.text, let module = json["module"]?.text, let version = json["version"]?.text,
      let why = json["why"]?.text
    else { return nil }
    (self.number, self.at, self.who, self.what) = (number, at, who, what)
    (self.module, self.version, self.why) = (module, version, why)
    if let text = json["sha256"] {
      guard let hash = text.text.flatMap({ ModuleHash(hex: $0) }) else { return nil }
      self.hash = hash
    }
    if case .array(let items)? = json["rooms"] {
      for item in items {
        guard let text = item.text, text.utf8.count == 16, let room = UInt64(text, radix: 16) else { return nil }
        rooms.append(RoomID(room))
      }
    }
    more = members.filter { !AuditEntry.names.contains($0.key) }
  }
}
