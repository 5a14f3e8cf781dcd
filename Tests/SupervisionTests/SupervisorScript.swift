// Drives the pure core through a story: what happened in, what it did out, as lines of text.
import Core
import SupervisionCore
import Wire

struct SupervisorScript {
  var supervisor: Supervisor
  var time: Int64 = 0
  /// What was done since the last look.
  var lines: [String] = []
  /// Who lives, as the kernel would know, and what each was told to own.
  var living: [Instance: ChildRole] = [:]
  var owned: [Instance: [ShardID: ShardEpoch]] = [:]
  var exited: Int32?
  var lastWords = ""

  init(shards: Int = 4, workers: Int = 2, _ adjust: (inout SupervisionSettings) -> Void = { _ in }) {
    var settings = SupervisionSettings(shards: shards, workers: workers)
    adjust(&settings)
    supervisor = Supervisor(settings)
  }

  mutating func handle(_ event: SupervisionEvent) {
    var actions: [SupervisionAction] = []
    if case .died(let instance, _, _) = event {
      living[instance] = nil
      owned[instance] = nil
    }
    supervisor.handle(event, now: Now(wall: 1_000_000 + time, monotonic: time), into: &actions)
    for action in actions { perform(action) }
  }

  private mutating func perform(_ action: SupervisionAction) {
    switch action {
    case .spawn(let instance, let role):
      living[instance] = role
      lines.append("spawn \(role) \(instance)")
      handle(.spawned(instance, pid: Int32(instance.rawValue) + 1_000))
    case .send(let instance, .adopt(let shards)):
      let list = shards.map { "\($0.shard)@\($0.epoch)" }.joined(separator: " ")
      lines.append("adopt \(instance): \(list)")
      for each in shards {
        precondition(
          !owned.contains { $0.key != instance && $0.value[each.shard] != nil }, "two living owners of one shard")
        owned[instance, default: [:]][each.shard] = each.epoch
      }
    case .send(let instance, .stop): lines.append("stop \(instance)")
    case .send(let instance, .response(_, let body)):
      lines.append("response \(instance): \(String(decoding: body, as: UTF8.self))")
    case .send: break
    case .announce(let to, let workers):
      lines.append("announce \(to): \(workers.map(\.description).joined(separator: " "))")
    case .signal(let instance, let signal): lines.append("\(signal) \(instance)")
    case .serving: lines.append("serving")
    case .log: break
    case .perish: lines.append("perish")
    case .exit(let status, let words):
      exited = status
      lastWords = words
      lines.append("exit \(status)")
    }
  }

  /// Moves time on, ticking as asked for, with everybody but `silent` beating each 100 ms.
  mutating func pass(milliseconds: Int64, silent: Set<Instance> = []) {
    let end = time + milliseconds * 1_000
    var nextBeat = time
    while time < end {
      if time >= nextBeat {
        for instance in living.keys.sorted() where !silent.contains(instance) {
          handle(.message(instance, .beat(counters: [UInt64(time)])))
        }
        nextBeat = time + 100_000
      }
      if supervisor.nextWake <= time { handle(.tick) }
      time = min(end, nextBeat, max(supervisor.nextWake, time + 1_000))
    }
    if supervisor.nextWake <= time { handle(.tick) }
  }

  mutating func ready(_ number: UInt32) { handle(.message(Instance(number), .ready)) }
  /// The worker serves all it was given.
  mutating func serve(_ number: UInt32) {
    let instance = Instance(number)
    for (shard, assigned) in (owned[instance] ?? [:]).sorted(by: { $0.key < $1.key }) {
      // The journals had come to epoch 99 before this life of the server.
      let epoch = max(assigned, ShardEpoch(100))
      handle(.message(instance, .adopted(shard, epoch, rooms: 10, events: 5, microseconds: 100)))
    }
  }
  mutating func die(_ number: UInt32, _ death: Death = .killed(signal: 9)) {
    handle(.died(Instance(number), death, jitter: 0))
  }
  var servesAll: Bool { supervisor.servesAll }
  mutating func look() -> [String] {
    defer { lines = [] }
    return lines
  }

  /// Two workers, a spare (3), control (4) and gateway (5), everything served.
  static func started(_ adjust: (inout SupervisionSettings) -> Void = { _ in }) -> Self {
    var script = SupervisorScript(adjust)
    script.handle(.start)
    for number: UInt32 in [1, 2, 3, 4] { script.ready(number) }
    script.serve(1)
    script.serve(2)
    script.ready(5)
    script.lines = []
    return script
  }
  init(_ adjust: (inout SupervisionSettings) -> Void) { self.init(shards: 4, workers: 2, adjust) }
}
