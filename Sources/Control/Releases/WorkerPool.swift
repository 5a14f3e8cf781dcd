// Links to all workers, kept open as long as a rollout needs them.
import Core
import NIOCore
import Wire

actor WorkerPool {
  /// Commands that one worker has at a time: what they do is done in one turn, in which no player is heard.
  static let inFlightMax = 16
  /// How long a busy room, or one whose shard is changing hands, is tried again.
  private static let patience = Duration.seconds(2)
  private static let pause = Duration.milliseconds(10)

  private let addresses: @Sendable () -> [WorkerAddress]
  private let group: any EventLoopGroup
  private var links: [UInt32: WorkerLink] = [:]

  init(_ addresses: @escaping @Sendable () -> [WorkerAddress], _ group: any EventLoopGroup) {
    (self.addresses, self.group) = (addresses, group)
  }

  struct Answers: Sendable {
    /// By workers' instances.
    var answers: [(worker: UInt32, json: [UInt8])] = []
    /// What those who answered own.
    var served: Set<ShardID> = []
  }
  /// What each worker that answers shows of itself.
  func inspect(_ what: String) async -> Answers {
    let links = await opened()
    return await withTaskGroup(of: (UInt32, [UInt8], Set<ShardID>)?.self) { tasks in
      for (instance, link) in links {
        tasks.addTask {
          guard let json = try? await link.inspect(what) else { return nil }
          // It says what it owns before it answers the first question.
          return (instance, json, link.served)
        }
      }
      var all = Answers()
      for await case let (instance, json, served)? in tasks {
        all.answers.append((instance, json))
        all.served.formUnion(served)
      }
      all.answers.sort { $0.worker < $1.worker }
      return all
    }
  }

  /// To every worker; nil where one did not answer.
  func tellAll(_ command: OwnedCommand) async -> [CommandAnswer?] {
    let links = await opened()
    return await withTaskGroup(of: CommandAnswer?.self) { tasks in
      for link in links.values { tasks.addTask { try? await link.command(command) } }
      return await tasks.reduce(into: []) { $0.append($1) }
    }
  }

  /// `orders`: each with the worker that owned its room a moment ago. An answer for each, in their order: nil where
  /// nobody gave one in time, and what a list of rooms shows later is the truth.
  func run(_ orders: [(worker: UInt32, command: OwnedCommand)]) async -> [CommandAnswer?] {
    let links = await opened()
    var answers = [CommandAnswer?](repeating: nil, count: orders.count)
    await withTaskGroup(of: [(Int, CommandAnswer)].self) { tasks in
      for (worker, places) in Dictionary(grouping: orders.indices, by: { orders[$0].worker }) {
        guard let link = links[worker] else { continue }
        let commands = places.map { ($0, orders[$0].command) }
        tasks.addTask { await Self.run(commands, link) }
      }
      for await part in tasks {
        for (place, answer) in part { answers[place] = answer }
      }
    }
    return answers
  }

  func close() {
    for link in links.values { link.close() }
    links = [:]
  }

  private static func run(_ orders: [(Int, OwnedCommand)], _ link: WorkerLink) async -> [(Int, CommandAnswer)] {
    let deadline = ContinuousClock.now + patience
    var answers: [(Int, CommandAnswer)] = []
    var waiting = orders[...]
    while !waiting.isEmpty, link.isOpen {
      let batch = waiting.prefix(inFlightMax)
      waiting = waiting.dropFirst(inFlightMax)
      var busy: [(Int, OwnedCommand)] = []
      for (order, answer) in zip(batch, await link.commands(batch.map(\.1))) {
        switch answer {
        case .success(.busy): busy.append(order)
        case .success(let answer): answers.append((order.0, answer))
        case .failure: break
        }
      }
      if busy.count == batch.count {
        guard ContinuousClock.now < deadline, (try? await Task.sleep(for: pause)) != nil else { break }
      }
      if ContinuousClock.now < deadline { waiting += busy }
    }
    return answers
  }

  /// Links to all workers that there are now and that can be reached.
  private func opened() async -> [UInt32: WorkerLink] {
    let workers = addresses()
    for (instance, link) in links where !link.isOpen || !workers.contains(where: { $0.instance == instance }) {
      link.close()
      links[instance] = nil
    }
    for worker in workers where links[worker.instance] == nil {
      guard let link = try? await WorkerLink.open(worker, group) else { continue }
      // Somebody else may have opened one meanwhile.
      if links[worker.instance] == nil { links[worker.instance] = link } else { link.close() }
    }
    return links
  }
}
