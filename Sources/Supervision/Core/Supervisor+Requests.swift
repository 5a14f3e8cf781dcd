// What control asks: views of the state, and faults.
import Core
import Wire

extension Supervisor {
  mutating func answer(
    _ id: UInt32, _ verb: String, _ body: [UInt8], to i: Int, _ now: Now, _ actions: inout [SupervisionAction]
  ) {
    let instance = children[i].instance
    var consequences: [SupervisionAction] = []
    let json: JSONText =
      switch verb {
      case "served": .flag(servesAll)
      case "processes": processesView(now)
      case "recoveries": recoveriesView
      case "events": eventsView
      case "fault": fault(String(decoding: body, as: UTF8.self), now, &consequences)
      default: .object([("error", .text("unknown verb \(verb)"))])
      }
    // The answer goes out before the fault happens: control itself may be hit.
    actions.append(.send(instance, .response(id: id, body: json.bytes)))
    actions += consequences
  }

  /// `words`: the fault's kind, then a space and an instance where one is meant.
  private mutating func fault(_ words: String, _ now: Now, _ actions: inout [SupervisionAction]) -> JSONText {
    let parts = words.split(separator: " ")
    guard let kind = parts.first.flatMap({ Fault(rawValue: String($0)) }) else {
      let known = Fault.allCases.map(\.rawValue).joined(separator: ", ")
      return .object([("error", .text("unknown kind of fault; there are: \(known)"))])
    }
    var wanted: Instance?
    if parts.count > 1 {
      guard let number = UInt32(parts[1]) else { return .object([("error", .text("the instance must be a number"))]) }
      wanted = Instance(number)
    }
    guard stopping == nil else { return .object([("error", .text("the server is stopping"))]) }
    let hit = targets(of: kind, wanted)
    guard !hit.isEmpty else {
      return .object([("error", .text("no process that \(kind.rawValue) could hit; ask /v1/processes"))])
    }
    let view = JSONText.list(
      hit.map { i in
        .object([
          ("role", .text(children[i].roleName)), ("instance", .number(Int64(children[i].instance.rawValue))),
          ("pid", .number(Int64(children[i].pid))), ("shards", shardsView(of: children[i])),
        ])
      })
    if kind == .allKill {
      // The answer still has to reach the one who asked.
      perishAt = now.monotonic + 50_000
      actions.append(.log(.warning, "fault all-kill: every process dies now"))
    } else {
      for i in hit {
        children[i].invited = "fault \(kind.rawValue)"
        actions.append(.log(.info, "fault \(kind.rawValue) hits \(children[i].roleName) \(children[i].instance)"))
        actions.append(.signal(children[i].instance, kind == .workerStop ? .stop : .kill))
      }
    }
    return .object([("killed", view)])
  }

  private mutating func targets(of kind: Fault, _ wanted: Instance?) -> [Int] {
    let alive = children.indices.filter {
      children[$0].pid != 0 && children[$0].doom == nil && children[$0].invited == nil
    }
    func matching(_ accepts: (Child) -> Bool) -> [Int] {
      alive.filter { accepts(children[$0]) && (wanted == nil || children[$0].instance == wanted) }
    }
    switch kind {
    case .allKill: return alive
    case .gatewayKill: return Array(matching { $0.role == .gateway }.prefix(1))
    case .spareKill: return Array(matching { $0.isSpare }.prefix(1))
    case .controlKill: return Array(matching { $0.role == .control }.prefix(1))
    case .workerKill, .workerStop:
      if wanted != nil { return matching { $0.role == .worker } }
      // Round robin over the places whose shards are served.
      for step in 1...places.count {
        let place = ((lastFaultPlace ?? -1) + step) % places.count
        guard let i = matching({ $0.place == place && $0.awaited.isEmpty }).first else { continue }
        lastFaultPlace = place
        return [i]
      }
      return []
    }
  }

  // MARK: Views

  private func shardsView(of child: Child) -> JSONText {
    .list((child.place.map { places[$0].shards } ?? []).map { .number(Int64($0.rawValue)) })
  }

  private func processesView(_ now: Now) -> JSONText {
    .object([
      ("served", .flag(servesAll)),
      (
        "processes",
        .list(
          children.map { child in
            .object([
              ("role", .text(child.roleName)), ("instance", .number(Int64(child.instance.rawValue))),
              ("pid", .number(Int64(child.pid))), ("state", .text(child.stateName)), ("shards", shardsView(of: child)),
              ("upMilliseconds", .number((now.monotonic - child.startedAt) / 1_000)),
              ("silentMilliseconds", .number((now.monotonic - child.beatAt) / 1_000)),
              ("vitals", Self.view(of: child.vitals, of: child.role)),
            ])
          })
      ),
      (
        "shards",
        .list(
          shards.indices.map { i in
            .object([
              ("shard", .number(Int64(i))), ("epoch", .number(Int64(shards[i].epoch.rawValue))),
              ("instance", shards[i].servedBy.map { .number(Int64($0.rawValue)) } ?? .null),
            ])
          })
      ),
    ])
  }

  private static func view(of vitals: Vitals, of role: ChildRole) -> JSONText {
    let members: [(String, UInt64)] =
      switch role {
      case .gateway:
        [
          ("connections", vitals.connections), ("players", vitals.players), ("messages", vitals.messages),
          ("latencyMedian", vitals.latencyMedian), ("latency99", vitals.latency99), ("latencyMax", vitals.latencyMax),
          ("latencySamples", vitals.latencySamples),
        ]
      case .worker:
        [
          ("rooms", vitals.rooms), ("members", vitals.members), ("events", vitals.events),
          ("turnMax", vitals.turnMax), ("differences", vitals.differences),
        ]
      case .control: []
      }
    return .object(members.map { ($0.0, .number(Int64(clamping: $0.1))) })
  }

  private var recoveriesView: JSONText {
    .list(
      repaired.numbered.map { number, r in
        .object([
          ("number", .number(number)),
          ("role", .text(r.role)), ("instance", .number(Int64(r.died.rawValue))),
          ("replacement", .number(Int64(r.replacement.rawValue))), ("cause", .text(r.cause)),
          ("shards", .list(r.shards.map { .number(Int64($0.rawValue)) })), ("atMicroseconds", .number(r.at)),
          ("tookMicroseconds", .number(r.took)), ("rooms", .number(Int64(clamping: r.rooms))),
          ("events", .number(Int64(clamping: r.events))),
        ])
      })
  }

  private var eventsView: JSONText {
    .list(
      feed.numbered.map { number, e in
        .object([
          ("number", .number(number)), ("atMicroseconds", .number(e.at)), ("role", .text(e.role)),
          ("instance", .number(Int64(e.instance.rawValue))),
          ("kind", .text(e.kind)), ("text", .text(e.text)),
        ])
      })
  }
}
