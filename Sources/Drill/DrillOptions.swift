// What a drill is to do.
package import Core

/// Says what was being done, to what, and what helps.
package struct DrillError: Error, Sendable, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}

package struct DrillOptions: Sendable {
  package enum Target: Sendable {
    /// A server of the drill's own, started from this program on free ports with a temporary data directory.
    case own(program: String, durability: Durability)
    /// A running server.
    case running(server: Address, http: Address, token: String)
  }

  package var target: Target
  package var players = 100
  package var rooms = 10
  /// Numbered adds a second from each player.
  package var rate = 5.0
  package var seconds = 10
  package var faults: [FaultPlan] = []
  /// Releases go the whole way, by rehearsal and step by step, not to all rooms at once.
  package var usesGates = false
  /// Where one updating line of progress goes, if anywhere.
  package var showsProgress = false
  /// SIGINT, SIGTERM and SIGHUP end the process and take a server of the drill's own along. For a program whose only work
  /// this is.
  package var endsWithSignals = false

  /// What a server of the drill's own is told besides where it lives.
  var serverArguments: [String] {
    var words: [String] = []
    // A drill is no place to wait, but a room's `check()` is asked once a second.
    if faults.contains(where: { $0.kind.build != nil }) {
      words += ["--bake-seconds", usesGates ? "1" : "3", "--rehearse-seconds", "10"]
    }
    // Two uninvited deaths each time are no reason to give up.
    if faults.contains(where: { $0.kind == .nativeCrash }) { words += ["--restart-intensity", "1000"] }
    return words
  }

  package init(target: Target) { self.target = target }

  /// Throws what is wrong with the options, before anything is started.
  package func check() throws(DrillError) {
    guard (1...20_000).contains(players) else { throw DrillError("--players must be 1…20000") }
    guard (1...players).contains(rooms) else {
      throw DrillError("--rooms must be 1…players: a room without players shows nothing")
    }
    // One more in each room: its probe.
    guard (players + rooms - 1) / rooms < Limits.membersMax else {
      throw DrillError("--players \(players) in --rooms \(rooms): a room holds at most \(Limits.membersMax - 1)")
    }
    guard rate > 0, rate <= 1_000 else { throw DrillError("--rate must be above 0 and at most 1000 a second") }
    guard (1...86_400).contains(seconds) else { throw DrillError("--seconds must be 1…86400") }
    for plan in faults {
      if plan.periodMilliseconds > Int64(seconds) * 1_000 - FaultPlan.quietMilliseconds {
        throw DrillError(
          "--fault \(plan.kind.rawValue): never happens: the first is after its period, and none in the last 5 s; use more --seconds or a shorter period"
        )
      }
      if plan.kind.build != nil, faults.count(where: { $0.kind == plan.kind }) > 1 {
        throw DrillError("--fault \(plan.kind.rawValue) is given twice: a build is released once")
      }
      if plan.kind == .nativeCrash, faults.contains(where: { $0.kind == .trap || $0.kind == .spin }) {
        throw DrillError("--fault native-crash takes the module of trap and spin: hold two drills")
      }
      if plan.kind == .allKill, case .running = target {
        throw DrillError("--fault all-kill needs a server that the drill can start again: leave --server out")
      }
    }
  }
}

/// A host and a port, `127.0.0.1:7777`.
package struct Address: Sendable, Hashable, CustomStringConvertible {
  package var host: String
  package var port: Int
  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }
  package init(argument: String) throws(DrillError) {
    guard let colon = argument.lastIndex(of: ":"), let port = Int(argument[argument.index(after: colon)...]),
      (1...65_535).contains(port), colon > argument.startIndex
    else { throw DrillError("\(argument): an address is written HOST:PORT") }
    var host = argument[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    self.init(host: String(host), port: port)
  }
  package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
