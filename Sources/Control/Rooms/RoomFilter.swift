// Which rooms a request asks for.
import Hummingbird

package struct RoomFilter: Sendable {
  static let limitDefault = 1_000
  static let limitMax = 20_000
  var module: String?
  var label: String?
  /// The room's phase, or one of the others.
  static let states = ["asleep", "ready", "repairing", "stopped", "frozen", "locked", "ended"]
  var state: String?
  var properties: [(name: String, value: String)] = []
  /// Rooms behind this one, in the order of their ids.
  var after = ""
  package private(set) var limit = limitDefault

  /// Of a request's query; throws a sentence for what is no filter.
  package init(_ query: String?) throws(FilterError) {
    for part in (query ?? "").split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let text = String(pair.count > 1 ? pair[1] : "").replacing("+", with: " ")
      guard let value = PercentEncoding.decode(text[...]) else {
        throw FilterError("\(part) is not percent-encoded well")
      }
      switch pair[0] {
      case "module": module = value
      case "label": label = value
      case "state":
        guard Self.states.contains(value) else {
          throw FilterError("there is no state \"\(value)\"; a room is \(Self.states.joined(separator: ", "))")
        }
        state = value
      case "property": properties.append(try Self.property(value))
      case "after": after = value.lowercased()
      case "limit":
        guard let number = Int(value), (1...Self.limitMax).contains(number) else {
          throw FilterError("limit is a number from 1 to \(Self.limitMax), not \"\(value)\"")
        }
        limit = number
      default:
        throw FilterError("there is no filter \"\(pair[0])\"; there are module, label, property, state, after, limit")
      }
    }
  }

  private static func property(_ text: String) throws(FilterError) -> (name: String, value: String) {
    guard let equals = text.firstIndex(of: "=") else {
      throw FilterError("a property is asked for as property=NAME=VALUE, the second = encoded or not")
    }
    return (String(text[..<equals]), String(text[text.index(after: equals)...]))
  }

  package func accepts(_ room: RoomEntry) -> Bool {
    if let module, room.module != module { return false }
    if let label, room.label != label { return false }
    if let state, !room.states.contains(state) { return false }
    return properties.allSatisfy { wanted in room.properties[wanted.name] == wanted.value }
  }
}

package struct FilterError: Error {
  package var sentence: String
  init(_ sentence: String) { self.sentence = sentence }
}

/// What a filter looks at of one room; `json` is what is passed on.
package struct RoomEntry {
  let json: ArraySlice<UInt8>
  private(set) var id = ""
  private(set) var module = ""
  private(set) var label = ""
  private(set) var states: Set<String> = []
  private(set) var properties: [String: String] = [:]

  package init(_ json: ArraySlice<UInt8>) {
    self.json = json
    JSONPieces.members(json) { name, value in
      switch String(decoding: name, as: UTF8.self) {
      case "id", "room": id = JSONPieces.text(value) ?? id
      case "module": module = JSONPieces.text(value) ?? ""
      case "label": label = JSONPieces.text(value) ?? ""
      case "phase": states.insert(JSONPieces.text(value) ?? "")
      case "frozen": if value.first == UInt8(ascii: "\"") { states.insert("frozen") }
      case "ended": if value.first == UInt8(ascii: "\"") { states.insert("ended") }
      case "locked": if value.first == UInt8(ascii: "t") { states.insert("locked") }
      case "properties":
        JSONPieces.members(value) {
          let quote = [UInt8(ascii: "\"")]
          if let key = JSONPieces.text((quote + $0 + quote)[...]) { properties[key] = JSONPieces.text($1) }
        }
      default: break
      }
    }
  }
}
