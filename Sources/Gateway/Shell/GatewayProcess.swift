// The gateway of a process: its loops and listeners. Players' bytes are parsed here and nowhere else.
import Core
import GatewayCore
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Wire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

package final class GatewayProcess: Sendable {
  private let configuration: GatewayConfiguration
  private let group: MultiThreadedEventLoopGroup
  private let loops: [GatewayLoop]
  private let listeners = Mutex<[any Channel]>([])
  private let beats: Mutex<Beats>

  /// What the loops have counted since all of them ticked.
  private struct Beats {
    var latest: [Vitals]
    var hasTicked: [Bool]
    var samples: [UInt32] = []
    var window = LatencyWindow()
  }
  private static let backlog: CInt = 4_096
  /// A player whose machine or network went without a word is noticed after a minute at most: silent for 30 s, it is asked
  /// three times, 10 s apart; what it does not confirm is not waited for any longer.
  private static let watch: [(option: CInt, value: CInt)] = [
    (CInt(TCP_KEEPIDLE), 30), (CInt(TCP_KEEPINTVL), 10), (CInt(TCP_KEEPCNT), 3), (CInt(TCP_USER_TIMEOUT), 60_000),
  ]

  /// Throws where the configuration cannot work; nothing is listened on yet.
  package init(_ configuration: GatewayConfiguration) throws {
    guard configuration.loops >= 1, !configuration.listeners.isEmpty else {
      throw GatewayError("a gateway needs at least one loop and one listening socket")
    }
    self.configuration = configuration
    let tokens = try SessionTokens(key: configuration.sessionKey)
    let decoder = ClientDecoder(epoch: configuration.epoch, tokens: tokens)
    let tls = try configuration.tls.map { try TLSContexts($0, log: configuration.log) }
    group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.loops)
    let eventLoops = Array(group.makeIterator())
    loops = eventLoops.indices.map { GatewayLoop($0, on: eventLoops[$0], configuration, decoder, tls) }
    beats = Mutex(
      Beats(
        latest: Array(repeating: Vitals(), count: loops.count),
        hasTicked: Array(repeating: false, count: loops.count)))
  }

  /// Begins to accept. Once.
  package func start() throws {
    for (i, loop) in loops.enumerated() {
      try loop.eventLoop.submit {
        loop.onResumed = { [weak self] session, generation in self?.claim(session, generation, but: i) }
        loop.start { [weak self] in self?.beat(i, $0, $1) }
      }.wait()
    }
    // With fewer sockets than loops, several loops accept from one.
    let given = configuration.listeners
    let sockets = loops.indices.map { $0 < given.count ? given[$0] : dup(given[$0 % given.count]) }
    for (socket, loop) in zip(sockets, loops) { try accept(from: socket, loop) }
  }

  private func accept(from socket: CInt, _ loop: GatewayLoop) throws {
    guard socket >= 0 else {
      throw GatewayError("taking another descriptor of a listening socket: error \(errno)")
    }
    let place = try Self.standIn()
    let channel = try ServerBootstrap(group: loop.eventLoop)
      .serverChannelOption(.maxMessagesPerRead, value: 64)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try Self.put(socket, at: place)
          // Without descriptors left, it is asked again in a second instead of all the time.
          try channel.pipeline.syncOperations.addHandler(AcceptBackoffHandler(shouldForwardIOErrorCaught: false))
        }
      }
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 1_024))
      .childChannelOption(.writeBufferWaterMark, value: .init(low: 8_192, high: 16_384))
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(ClientHandler(loop))
        }
      }
      .withBoundSocket(place).wait()
    listeners.withLock { $0.append(channel) }
    channel.closeFuture.whenComplete { [weak self] _ in
      // By `stop`, which empties the list, or because the kernel refused for good: then nobody could come in any more.
      guard let self, !listeners.withLock({ $0.isEmpty }) else { return }
      configuration.onBroken("a listening socket has failed")
    }
  }

  /// NIO listens again on a socket that it is given, with a queue of 128. When all players come back at once to a new
  /// gateway, that drops some of them, and who is dropped tries again after a second. So it is given a socket of no use,
  /// and the players' takes its descriptor before NIO waits for anybody: their queue is as long as it was all the time.
  private static func standIn() throws -> CInt {
    let place = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    var name = sockaddr(sa_family: sa_family_t(AF_UNIX), sa_data: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    // Without a name the kernel gives it one that is no file.
    guard place >= 0, bind(place, &name, socklen_t(MemoryLayout<sa_family_t>.size)) == 0 else {
      throw GatewayError("a socket cannot be made: error \(errno)")
    }
    return place
  }
  /// Consumes `socket`.
  private static func put(_ socket: CInt, at place: CInt) throws {
    // Connections take them over from their listening socket.
    for (option, value) in watch {
      var value = value
      setsockopt(socket, CInt(IPPROTO_TCP), option, &value, socklen_t(MemoryLayout<CInt>.size))
    }
    guard fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK) == 0, listen(socket, backlog) == 0,
      dup2(socket, place) == place, fcntl(place, F_SETFD, FD_CLOEXEC) == 0
    else { throw GatewayError("listening on descriptor \(socket): error \(errno); is it a bound socket?") }
    close(socket)
  }

  /// Who can be connected to, spares included; replaces what was said before. From any thread.
  package func setWorkers(_ workers: [Worker]) {
    for loop in loops { loop.eventLoop.execute { loop.setWorkers(workers) } }
  }

  /// Stops accepting and closes every connection; the members' rooms keep their places. Returns when all is closed.
  package func stop() {
    let all = listeners.withLock { listeners in
      defer { listeners = [] }
      return listeners
    }
    for listener in all { try? listener.close().wait() }
    for loop in loops { try? loop.eventLoop.submit { loop.stop() }.wait() }
    // Closes all channels of its loops.
    try? group.syncShutdownGracefully()
  }

  private func claim(_ session: SessionID, _ generation: Generation, but number: Int) {
    for loop in loops where loop.number != number {
      loop.eventLoop.execute { loop.claimed(session, by: generation) }
    }
  }

  private func beat(_ number: Int, _ vitals: Vitals, _ samples: [UInt32]) {
    let sum = beats.withLock { beats -> Vitals? in
      beats.latest[number] = vitals
      beats.hasTicked[number] = true
      beats.samples += samples
      guard beats.hasTicked.allSatisfy({ $0 }) else { return nil }
      for i in beats.hasTicked.indices { beats.hasTicked[i] = false }
      var sum = Vitals()
      for each in beats.latest {
        sum.connections += each.connections
        sum.players += each.players
        sum.messages += each.messages
      }
      beats.window.add(beats.samples)
      beats.samples.removeAll(keepingCapacity: true)
      beats.window.fill(&sum)
      return sum
    }
    if let sum { configuration.onBeat(sum) }
  }
}
