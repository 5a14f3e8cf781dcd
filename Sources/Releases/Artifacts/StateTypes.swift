// Which saved fields two builds of a module take for different things: the usual reason why a room's state does not fit.

package enum StateTypes {
  /// `schema`s of two builds. A line for each number that stands for another type in the new one, like "flowers.hue
  /// (number 2) was u16 and is string now"; empty where nothing is known of one of them.
  package static func changes(from old: JSON?, to new: JSON?) -> [String] {
    guard let old = old?["saved"], let new = new?["saved"] else { return [] }
    return changes(old, new, in: "")
  }

  private static func changes(_ old: JSON, _ new: JSON, in place: String) -> [String] {
    guard case .array(let before) = old, case .array(let after) = new else { return [] }
    var found: [String] = []
    for field in after {
      guard let number: UInt32 = field["n"]?.integer(), let name = field["name"]?.text, let type = field["type"],
        let was = before.first(where: { $0["n"]?.integer() == number })?["type"], was != type
      else { continue }
      let place = place.isEmpty ? name : "\(place).\(name)"
      if let inner = inside(was, type) {
        found += changes(inner.old, inner.new, in: place)
      } else {
        found.append("\(place) (number \(number)) was \(word(was)) and is \(word(type)) now")
      }
    }
    return found
  }

  /// The fields of two types that differ in nothing else.
  private static func inside(_ old: JSON, _ new: JSON) -> (old: JSON, new: JSON)? {
    for kind in ["table", "fields"] {
      if let old = old[kind], let new = new[kind] { return (old, new) }
    }
    if let old = old["list"], let new = new["list"] { return inside(old, new) }
    return nil
  }

  private static func word(_ type: JSON) -> String {
    switch type {
    case .text(let name): name
    case .object(let members) where members["table"] != nil: "a table"
    case .object(let members) where members["list"] != nil: "a list"
    case .object(let members) where members["fields"] != nil: "a type with fields"
    case .object(let members) where members["fixed"] != nil: "a scaled number"
    default: "an enumeration"
    }
  }
}
