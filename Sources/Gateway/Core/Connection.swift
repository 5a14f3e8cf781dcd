// One client's connection, which is its session as far as this gateway remembers it: what outlives the connection is
// in the resume token and in the rooms.
//
//   opened ── Hello ──▶ live ── error that closes, replaced ──▶ closing ── transport closed ──▶ (slot free)
//      └───────────────────────────────────────────────────────────▲
import Core

struct Connection {
  enum Phase { case opened, live, closing }
  struct Handle {
    var joinID: JoinID
    var route: Int
  }

  var life: UInt32
  var isOpen = true
  var phase = Phase.opened
  var address: ClientAddress
  var session = SessionID(0)
  var generation = Generation(0)
  var name: [UInt8] = []
  /// Memberships attached or on their way, in the order in which they were asked for.
  var handles: [Handle] = []
  /// The last join id that was told to be not attached: once is enough.
  var toldNotAttached = JoinID(0)
  var out = OutboundBuffer()
  var isDirty = false
  /// The token bucket, in microseconds of the allowed rate.
  var credit: Int64
  var creditAt: Int64

  init(life: UInt32, address: ClientAddress, credit: Int64, now: Int64) {
    self.life = life
    self.address = address
    self.credit = credit
    creditAt = now
  }

  func route(of joinID: JoinID) -> Int? {
    for handle in handles where handle.joinID == joinID { return handle.route }
    return nil
  }
}
