// The load: one thread, one epoll set, at most one input under way on each connection.
import CHost
import Glibc

enum Protocol: String { case echo, oneup }

/// What one run measured.
struct Run {
  var messages = 0
  var outputs = 0
  /// Inputs that were not taken at first.
  var busy = 0
  /// Inputs that tell nothing of the server, because the generator was held up when they were due.
  var leftOut = 0
  var seconds = 0.0
  /// Nanoseconds from sending (or from when it was due) to the answer, sorted.
  var latencies: [Int64] = []

  func percentile(_ share: Double) -> Double {
    guard !latencies.isEmpty else { return 0 }
    return Double(latencies[min(latencies.count - 1, Int(Double(latencies.count) * share))]) / 1_000
  }
  var json: String {
    """
    {"messages":\(messages),"outputs":\(outputs),"busy":\(busy),"leftOut":\(leftOut),"seconds":\(seconds),\
    "p50":\(percentile(0.5)),"p99":\(percentile(0.99)),"max":\(percentile(1))}
    """
  }
}

final class Generator {
  /// What to do when an input has been answered.
  enum Mode { case idle, closed, paced, settling }

  let kind: Protocol
  private let address: sockaddr_in
  private let poll: Int32
  private(set) var peers: [Peer] = []
  private let buffer = UnsafeMutableRawPointer.allocate(byteCount: 1 << 18, alignment: 16)
  private let scratch = UnsafeMutableRawPointer.allocate(byteCount: Frames.inputBytesMax, alignment: 16)
  private let events = UnsafeMutablePointer<oneup_event>.allocate(capacity: 64)

  var mode = Mode.idle
  private var run = Run()
  /// Inputs that may still be sent in this run.
  private var left = 0
  private(set) var underWay = 0
  private(set) var attached = 0
  private var joined = 0
  /// Inputs that were not taken, in the order in which they were refused; the pause is always the same.
  private var retries: [(due: Int64, peer: Int, membership: Int)] = []
  private var now: Int64 = 0
  /// Of a run whose inputs are looked at one by one.
  private var times: [(peer: Int, since: Int64, latency: Int64)] = []
  private var keepsTimes = false
  private var timesTaken = 0
  /// RUSAGE_THREAD, which Glibc's module does not show.
  private static let ofThisThread: Int32 = 1
  private static let patienceSeconds: Int64 = 30
  private static let noticedNanoseconds: Int64 = 50_000
  private static let heldUpNanoseconds: Int64 = 500_000
  private static let recoveryNanoseconds: Int64 = 10_000_000
  /// In the place of when an input was due.
  private static let leftOut: Int64 = -1

  init(_ kind: Protocol, host: String, port: UInt16) throws(LoadError) {
    self.kind = kind
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
      throw LoadError(plain: "\(host) is no IPv4 address")
    }
    self.address = address
    poll = oneup_poll_create()
    guard poll >= 0 else { throw LoadError("no epoll set") }
    run.latencies.reserveCapacity(2_000_000)
  }

  // MARK: Connections

  /// Makes connections, each in so many rooms; room g of all is named `prefix` and g modulo `rooms`.
  func open(_ count: Int, memberships: Int, rooms: Int, prefix: String, module: String) throws(LoadError) {
    for i in 0..<count {
      let peer = try Peer(address, memberships: memberships)
      oneup_poll_add(poll, peer.fd, UInt64(peers.count), 0)
      peers.append(peer)
      guard kind == .oneup else { continue }
      var bytes = Frames.hello(name: "bench")
      for m in 0..<memberships {
        bytes += Frames.join(UInt32(m + 1), module: module, key: "\(prefix)-\((i * memberships + m) % rooms)")
      }
      try peer.write(bytes, bytes.count)
      joined += memberships
      // A queue of connections that overflows costs each a second.
      if i % 256 == 255 { try wait { self.attached == self.joined } }
    }
    try wait { self.attached == self.joined }
  }

  func closeAll() {
    for peer in peers { oneup_poll_remove(poll, peer.fd) }
    peers = []
    attached = 0
    joined = 0
    retries = []
    underWay = 0
  }

  /// Turns until `condition` holds.
  func wait(_ condition: () -> Bool) throws(LoadError) {
    let deadline = nanoseconds() + Self.patienceSeconds * 1_000_000_000
    while !condition() {
      try turn(microseconds: 10_000)
      guard nanoseconds() < deadline else {
        throw LoadError(
          plain: "no answer for \(Self.patienceSeconds) s: \(underWay) under way, \(attached) of \(joined) attached")
      }
    }
  }

  // MARK: Runs

  /// Closed loop: each connection sends its next input when the last one was answered.
  func closed(seconds: Double, most: Int) throws(LoadError) -> Run {
    begin(most)
    mode = .closed
    let start = nanoseconds()
    let end = start + Int64(seconds * 1e9)
    for i in peers.indices { try sendNext(i, since: nanoseconds()) }
    while now < end, left > 0 { try turn(microseconds: 100_000) }
    return try finish(start)
  }

  /// Open loop: inputs are due evenly, connection by connection, and late ones count from when they were due. Never
  /// sleeps: it wants a processor of its own. Where the kernel takes that from it all the same, what was due meanwhile comes
  /// at once, whatever the server does: neither that nor what is due shortly after counts.
  func paced(perSecond: Double, seconds: Double) throws(LoadError) -> Run {
    begin(Int.max)
    mode = .paced
    let start = nanoseconds()
    let total = Int(perSecond * seconds)
    var next = 0
    var last = start
    var countsFrom = start
    while next < total {
      let due = start + Int64(Double(next) * 1e9 / perSecond)
      let time = nanoseconds()
      if time - last > Self.noticedNanoseconds, wasTaken(), time - last > Self.heldUpNanoseconds {
        countsFrom = time + Self.recoveryNanoseconds
      }
      last = time
      if time >= due {
        let i = next % peers.count
        next += 1
        let since = due < countsFrom ? Self.leftOut : due
        if peers[i].memberships[0].isWaiting { peers[i].backlog.append(since) } else { try sendNext(i, since: since) }
      } else {
        try turn(microseconds: 0)
      }
    }
    try wait { self.peers.allSatisfy { $0.backlog.isEmpty } }
    return try finish(start)
  }

  /// Whether the kernel has taken the processor from this thread since it was asked last. What takes long because much has
  /// come is no such thing.
  private func wasTaken() -> Bool {
    var usage = rusage()
    getrusage(Self.ofThisThread, &usage)
    defer { timesTaken = usage.ru_nivcsw }
    return usage.ru_nivcsw > timesTaken
  }

  /// One input in each room, sent as a process dies (0: none does); the time from its death to each acknowledgement.
  func recover(killing pid: pid_t) throws(LoadError) -> Run {
    begin(Int.max)
    mode = .settling
    let start = nanoseconds()
    guard pid == 0 || kill(pid, SIGKILL) == 0 else { throw LoadError("process \(pid) cannot be killed") }
    for i in peers.indices {
      for m in peers[i].memberships.indices { try sendNext(i, m, since: start) }
    }
    return try finish(start)
  }

  /// Open loop over all connections but the first, while the first one's room is made to fail: how long that room's own
  /// pause is, and how long an input of the others took at most, before and during it.
  func fault(first: UInt8, perSecond: Double, seconds: Double) throws(LoadError) -> String {
    begin(Int.max)
    mode = .paced
    keepsTimes = true
    defer { keepsTimes = false }
    let victim = peers[0]
    let start = nanoseconds()
    var fault: Int64 = 0
    var ends: Int64 = 0
    var next = 0
    while ends == 0 || nanoseconds() < ends {
      let now = nanoseconds()
      if fault == 0, now >= start + Int64(seconds * 0.5e9) {
        fault = now
        victim.memberships[0].seq += 1
        victim.memberships[0].since = now
        underWay += 1
        try send(0, 0, first: first)
      }
      if fault > 0, ends == 0, !victim.memberships[0].isWaiting { ends = now + Int64(seconds * 0.5e9) }
      let due = start + Int64(Double(next) * 1e9 / perSecond)
      guard now >= due else {
        try turn(microseconds: 0)
        continue
      }
      let i = 1 + next % (peers.count - 1)
      next += 1
      if peers[i].memberships[0].isWaiting { peers[i].backlog.append(due) } else { try sendNext(i, since: due) }
      guard now < fault + Self.patienceSeconds * 1_000_000_000 || fault == 0 else {
        throw LoadError(plain: "a room that failed did not go on")
      }
    }
    try wait { self.peers.allSatisfy { $0.backlog.isEmpty } }
    _ = try finish(start)
    let own = times.first { $0.peer == 0 }!.latency
    let others = times.filter { $0.peer != 0 }
    func longest(_ range: Range<Int64>) -> Double {
      Double(others.filter { range.contains($0.since) }.map(\.latency).max() ?? 0) / 1_000
    }
    // What was due a moment before may have been under way when it happened.
    let near = fault - 1_000_000..<fault + own + 1_000_000
    let before = near.lowerBound - Int64(near.count)..<near.lowerBound
    return #"{"own":\#(Double(own) / 1_000),"near":\#(longest(near)),"before":\#(longest(before))}"#
  }

  private func begin(_ most: Int) {
    times.removeAll(keepingCapacity: true)
    run.messages = 0
    run.outputs = 0
    run.busy = 0
    run.leftOut = 0
    run.latencies.removeAll(keepingCapacity: true)
    left = most
    now = nanoseconds()
  }

  private func finish(_ start: Int64) throws(LoadError) -> Run {
    mode = .settling
    // What is under way belongs to the run, and so does its time.
    try wait { self.underWay == 0 }
    run.seconds = Double(nanoseconds() - start) / 1e9
    mode = .idle
    run.latencies.sort()
    return run
  }

  private func sendNext(_ i: Int, _ m: Int = 0, since: Int64) throws(LoadError) {
    guard left > 0 else { return }
    left -= 1
    peers[i].memberships[m].seq += 1
    peers[i].memberships[m].since = since
    underWay += 1
    try send(i, m)
  }

  private func send(_ i: Int, _ m: Int, first: UInt8 = Frames.ordinary) throws(LoadError) {
    let peer = peers[i]
    if kind == .echo {
      scratch.initializeMemory(as: UInt8.self, repeating: 0x2A, count: Frames.payloadBytes)
      return try peer.write(scratch, Frames.payloadBytes)
    }
    let count = Frames.putInput(UInt32(m + 1), peer.memberships[m].seq, first: first, to: scratch)
    try peer.write(scratch, count)
  }

  // MARK: Answers

  func turn(microseconds: Int64) throws(LoadError) {
    while let first = retries.first, first.due <= nanoseconds() {
      retries.removeFirst()
      try send(first.peer, first.membership)
    }
    let count = oneup_poll_wait(poll, events, 64, retries.isEmpty ? microseconds : min(microseconds, 1_000))
    for e in 0..<Int(max(0, count)) { try read(Int(events[e].token)) }
    if count == 0 { now = nanoseconds() }
  }

  private func read(_ i: Int) throws(LoadError) {
    let peer = peers[i]
    var have = peer.carry.count
    if have > 0 {
      peer.carry.withUnsafeBytes { buffer.copyMemory(from: $0.baseAddress!, byteCount: have) }
      peer.carry.removeAll(keepingCapacity: true)
    }
    let got = recv(peer.fd, buffer + have, 1 << 17, 0)
    guard got > 0 else {
      if got < 0, errno == EAGAIN { return }
      throw LoadError(got == 0 ? "the server closed a connection" : "a connection broke")
    }
    have += got
    var at = 0
    if kind == .echo {
      while have - at >= Frames.payloadBytes {
        at += Frames.payloadBytes
        try acknowledged(i, 0, peer.memberships[0].seq)
      }
    } else {
      while have - at >= 4 {
        let length = Int(UInt32(bigEndian: buffer.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
        guard have - at >= 4 + length else { break }
        try take(i, UnsafeRawBufferPointer(start: buffer + at + 4, count: length))
        at += 4 + length
      }
    }
    if at < have { peer.carry.append(contentsOf: UnsafeRawBufferPointer(start: buffer + at, count: have - at)) }
  }

  private func take(_ i: Int, _ frame: UnsafeRawBufferPointer) throws(LoadError) {
    // The hot ones by their first byte: an output is counted, nothing in it matters here.
    if frame.first == 3 << 3 | 2 {
      run.outputs += 1
      return
    }
    var fields = Fields(frame)
    guard let (kind, body) = fields.message() else { throw LoadError(plain: "a frame of the server is malformed") }
    var joinID = 0
    var number: UInt64 = 0
    var code: UInt64 = 0
    var pause: UInt64 = 0
    var numbers = body
    while let (field, value) = numbers.next() {
      switch (kind, field) {
      case (9, 1): code = value
      case (9, 4), (_, 1): joinID = Int(truncatingIfNeeded: value)
      case (2, 4), (5, 2), (6, 2), (7, 2): number = value
      case (7, 3): pause = value
      default: break
      }
    }
    switch kind {
    case 2, 5, 6, 7, 8: guard peers[i].memberships.indices.contains(joinID - 1) else { return }
    case 9: throw LoadError(plain: "the server answered with error \(code)")
    default: return
    }
    let m = joinID - 1
    switch kind {
    case 2: try attached(i, m, nextSeq: number)
    case 5: try acknowledged(i, m, number)
    case 6: try send(i, m)
    case 7:
      run.busy += 1
      retries.append((nanoseconds() + Int64(clamping: pause) * 1_000_000, i, m))
    default: throw LoadError(plain: "a membership is gone")
    }
  }

  /// After a repair: what is not acknowledged is sent again, or was decided already.
  private func attached(_ i: Int, _ m: Int, nextSeq: UInt64) throws(LoadError) {
    let peer = peers[i]
    if !peer.memberships[m].isAttached {
      peer.memberships[m].isAttached = true
      attached += 1
    }
    guard peer.memberships[m].isWaiting else { return }
    if nextSeq > peer.memberships[m].seq {
      try acknowledged(i, m, nextSeq - 1)
    } else {
      try send(i, m)
    }
  }

  private func acknowledged(_ i: Int, _ m: Int, _ seq: UInt64) throws(LoadError) {
    let peer = peers[i]
    guard peer.memberships[m].isWaiting, seq >= peer.memberships[m].seq else { return }
    now = nanoseconds()
    peer.memberships[m].acked = seq
    underWay -= 1
    run.messages += 1
    if peer.memberships[m].since == Self.leftOut {
      run.leftOut += 1
    } else {
      run.latencies.append(now - peer.memberships[m].since)
    }
    if keepsTimes { times.append((i, peer.memberships[m].since, now - peer.memberships[m].since)) }
    switch mode {
    case .closed: try sendNext(i, since: now)
    case .paced, .settling:
      guard !peer.backlog.isEmpty else { return }
      try sendNext(i, since: peer.backlog.removeFirst())
    case .idle: break
    }
  }
}
