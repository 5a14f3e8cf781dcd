// As much of control's HTTP as a drill needs.
import NIOCore

/// A release that goes one step further each time it is looked at.
struct FakeRollout {
  var version: String
  var isKept: Bool
  /// Its rehearsal finds out.
  var isRefused = false
  var looks = 0
  var isOver: Bool { looks > 4 }

  private var rehearsal: String {
    isRefused && looks > 0
      ? #"{"rooms":2,"events":90,"verdict":"bad","problems":["it traps at 3 of 90 events"],"more":1}"# : "null"
  }
  mutating func look() -> String {
    defer { looks += 1 }
    let (state, new) =
      switch (looks, isKept) {
      case (1..., _) where isRefused: ("refused", 0)
      case (0, _): ("running", 0)
      case (1, _): ("running", 2)
      case (_, true): ("done", 2)
      // Said before the last room is back.
      case (2, false): ("rolledBack", 1)
      case (_, false): ("rolledBack", 0)
      }
    return
      #"{"id":7,"to":{"version":"\#(version)","sha256":"00"},"state":"\#(state)","why":"a trap","rooms":{"new":\#(new),"old":0,"probation":0,"total":2},"rehearsal":\#(rehearsal)}"#
  }
}

final class FakeHTTP: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer
  private let fake: FakeTally
  private var request = ""

  init(_ fake: FakeTally) { self.fake = fake }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    request += String(buffer: unwrapInboundIn(data))
    guard request.contains("\r\n\r\n"), request.hasPrefix("GET") || request.hasSuffix("}") else { return }
    let body = answer()
    let status = body == nil ? "404 Not Found" : "200 OK"
    let answer =
      "HTTP/1.1 \(status)\r\ncontent-length: \(body?.utf8.count ?? 0)\r\nconnection: close\r\n\r\n\(body ?? "")"
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
  }

  /// Nil: there is no such thing.
  private func answer() -> String? {
    let words = request.split(separator: " ", maxSplits: 2)
    let isTrusted = request.contains("authorization: Bearer secret")
    switch "\(words[0]) \(words[1])" {
    case "GET /v1/rooms":
      let rooms = fake.rooms.keys.sorted().map { #"{"module":"tally","key":"\#($0)","shard":0,"id":"1"}"# }
      return "[\(rooms.joined(separator: ","))]"
    case "POST /v1/faults" where isTrusted:
      fake.dropAll()
      return #"{"killed":[{"role":"gateway","instance":1,"pid":1,"shards":[]}]}"#
    case "POST /v1/releases" where isTrusted:
      guard let shelf = request.firstMatch(of: /"shelf":"tally-(hotfix-1\.0\.0-v(\d))"/) else { return nil }
      fake.rollout = FakeRollout(
        version: String(shelf.1), isKept: shelf.2 == "1" || fake.misdeed == .keepsABadBuild,
        isRefused: fake.misdeed == .refusesAGoodBuild || shelf.2 != "1" && request.contains(#""now":false"#))
      return fake.rollout?.look()
    case "GET /v1/releases":
      let now = fake.rollout?.isOver == false ? fake.rollout?.look() : nil
      return #"{"modules":[{"name":"tally","rollout":\#(now ?? "null")}]}"#
    case "GET /v1/releases/tally/history": return "[\(fake.rollout?.look() ?? "")]"
    case "GET /v1/versions":
      let version = fake.rollout?.version ?? ""
      return
        #"[{"module":"tally","version":"\#(version)","traps":3,"backs":2,"firstTrapAt":1000000,"lastBackAt":1250000}]"#
    default: return nil
    }
  }
}
