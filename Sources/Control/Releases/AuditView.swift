// The audit log, entry by entry as it stands in its file.
import FoundationEssentials
import Hummingbird

struct AuditView: Sendable {
  static let countMax = 1_000
  /// The log's file.
  let path: String

  /// The first entries behind number `after`, or the last ones of all; oldest first, as a JSON array.
  func entries(after: Int?) -> [UInt8] {
    struct Numbered: Decodable { var n: Int }
    guard let bytes = FileManager.default.contents(atPath: path) else { return Array("[]".utf8) }
    var lines = bytes.split(separator: UInt8(ascii: "\n"))
    if after == nil { lines = lines.suffix(Self.countMax) }
    var out = [UInt8(ascii: "[")]
    var count = 0
    for line in lines {
      guard count < Self.countMax, let entry = try? JSONDecoder().decode(Numbered.self, from: line),
        entry.n > after ?? 0
      else { continue }
      if count > 0 { out.append(UInt8(ascii: ",")) }
      out.append(contentsOf: line)
      count += 1
    }
    out.append(UInt8(ascii: "]"))
    return out
  }

  func answer(to request: Request) -> Response {
    var after: Int?
    if let text = request.uri.queryParameters["after"] {
      guard let number = Int(text) else {
        return Answer.error(.badRequest, "after is the number of an entry, like /v1/audit?after=100")
      }
      after = number
    }
    return Answer.json(.ok, entries(after: after))
  }
}
