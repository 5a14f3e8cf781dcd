// I-6 at the gateway: while a client is too slow, at most the newest unreliable output of each membership waits for it.
import Core
import Wire

enum Conflation {
  /// `bytes`: frames that were taken after a stall; those behind `stalledAt` came during it. Nil, or what is wrong.
  static func broken(_ bytes: [UInt8], behind stalledAt: Int) -> String? {
    var seen: Set<JoinID> = []
    var at = 0
    while at + 4 <= bytes.count {
      let length = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
      guard at + 4 + length <= bytes.count else { return "what waits for it is no whole frame" }
      var frame: ServerFrame?
      bytes[at + 4..<at + 4 + length].withUnsafeBytes { frame = try? ServerFrame($0) }
      if at >= stalledAt, case .output(let id, let seq, _, _, _)? = frame, seq.rawValue == 0,
        !seen.insert(id).inserted
      {
        return "two unreliable outputs of membership \(id) wait for it"
      }
      at += 4 + length
    }
    return nil
  }
}
