// The worker's process: one thread that turns the core between the sockets and the disk. Every turn is one wait, one
// read a link, one write a shard touched, one write a link.
internal import Artifacts
internal import CHost
internal import Core
internal import Glibc
internal import Journal
internal import Sandbox
internal import Wire
internal import WorkerCore
internal import WorkerStore

package final class WorkerProcess {
  typealias Store = JournalStore<PosixFileSystem, WordBox>
  private enum Token {
    static let supervisor: UInt64 = 0
    static let listener: UInt64 = 1
    static let background: UInt64 = 2
    static let links: UInt64 = 16
  }
  private final class Peer {
    let fd: Int32
    @exclusivity(unchecked) var inbound = Inbound()
    @exclusivity(unchecked) var wantsToWrite = false
    init(fd: Int32) { self.fd = fd }
  }

  let configuration: WorkerConfiguration
  private let crashes: CrashFiles
  private struct OpenCrash: Hashable {
    var room: RoomID
    var event: EventSeq
  }
  /// The names of bundles that lack the hash of the state before their culprits; no more than are kept at all.
  private var openCrashes: [OpenCrash: String] = [:]
  let engine: WasmEngine
  // Unchecked is what every turn touches: one thread's, and no closure given to one of these touches that one again.
  @exclusivity(unchecked) var worker: Worker
  /// The same that the core writes to, for what waits for the disk.
  var stores: [ShardID: Store] = [:]
  private var line = SupervisorLine()
  @exclusivity(unchecked) private var poll: Poll
  /// What the last wait found; kept for its storage.
  @exclusivity(unchecked) private var ready: [Poll.Ready] = []
  private let listener: Int32
  let background: Background
  /// By link.
  @exclusivity(unchecked) private var peers: [Peer?] = []
  private var firstLink = 0
  let fileSystem = PosixFileSystem()
  let boot: BootID
  /// Shards whose background sync is under way.
  var syncing: Set<ShardID> = []
  /// Shards of which no next segment could be made.
  var full: Set<ShardID> = []
  /// Assigned and not taken over yet.
  private var toAdopt: [ShardAssignment] = []
  /// Shards for whose adoption there was no space, or of which something could not be read, to be tried again.
  private var waitingForDisk: [ShardAssignment] = []
  /// Why the last of them waits.
  var adoptionFailure: FileError?
  private var adoptAgainAt = Int64.max
  private static let adoptAgainMicroseconds: Int64 = 1_000_000
  /// While there is no descriptor for a link that waits: when the listener is looked at again. It would be ready all the time.
  private var acceptAgainAt = Int64.max
  private static let acceptAgainMicroseconds: Int64 = 100_000
  private var lacksDescriptors = false
  /// The shard whose next segment is being made.
  var preparing: ShardID?
  var preparesFrom: Int64 = 0
  private var turns: UInt64 = 0
  private var vitals = WorkerVitals()
  private var nextBeat: Int64 = 0
  var nextDiskWork: Int64 = 0
  /// The shard whose turn was last.
  var lastDiskWork = ShardID(0)
  private var stopAt: Int64?
  private var hasBacklog = false

  /// Brings the engine up and listens; nothing is adopted yet.
  package init(_ configuration: WorkerConfiguration) throws(WorkerError) {
    Limits.check()
    // A link whose gateway died answers with EPIPE; the signal would take this process along.
    signal(SIGPIPE, SIG_IGN)
    self.configuration = configuration
    crashes = CrashFiles(directory: configuration.data + "/crashes")
    var options = EngineOptions(
      // A few more than are hosted at once: a full state is made in a place of its own, and so is a rebuild.
      roomsMax: Limits.liveRoomsMax + 64, cacheDirectory: configuration.data + "/cache",
      keptDirectory: configuration.data + "/modules")
    options.trustsNative = { [trusted = configuration.trustedNative] manifest in
      (try? VerifiedArtifact.signer(of: manifest, trusted)) != nil
    }
    do throws(EngineError) { engine = try WasmEngine(options) } catch { throw WorkerError(error.description) }
    guard let boot = BootID.ofThisMachine else { throw WorkerError("cannot read the kernel's boot id") }
    self.boot = boot
    worker = Worker(
      engine: engine, map: configuration.shards,
      withheld: configuration.isDevelopment ? [] : WorkerConfiguration.developmentModules)
    worker.examinesFailures = true
    worker.stopwatch = { isOfProcessor in
      var time = timespec()
      clock_gettime(isOfProcessor ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time)
      return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
    poll = try Poll()
    background = try Background.start()
    listener = oneup_listen_unix(configuration.socket)
    guard listener >= 0 else {
      throw WorkerError("cannot listen at \(configuration.socket): \(String(cString: strerror(-listener)))")
    }
    poll.add(line.descriptor, token: Token.supervisor)
    poll.add(listener, token: Token.listener)
    poll.add(background.wake, token: Token.background)
    try offerCurrent()
  }

  func log(_ kind: String, _ text: String) { line.say(.event(kind: kind, text: text)) }

  /// Turns until the supervisor says stop or goes. Returns the exit status.
  package func run() -> Int32 {
    // Where both share a processor, the gateway reads all that is there before the first of it is worked on.
    oneup_wake_politely()
    line.say(.ready)
    while true {
      do throws(StoreError) {
        if try turn() { return 0 }
      } catch {
        // What is not durable was never said: a new owner goes on from what is.
        worker.tellNextOwners()
        log("disk-failed", "\(error). This worker ends; another takes its shards over.")
        line.flush()
        return 74
      }
    }
  }

  func clocks() -> Now {
    var wall = timespec()
    var monotonic = timespec()
    clock_gettime(CLOCK_REALTIME, &wall)
    clock_gettime(CLOCK_MONOTONIC, &monotonic)
    return Now(
      wall: Int64(wall.tv_sec) * 1_000_000 + Int64(wall.tv_nsec) / 1000,
      monotonic: Int64(monotonic.tv_sec) * 1_000_000 + Int64(monotonic.tv_nsec) / 1000)
  }

  /// One turn; true when the worker has ended cleanly.
  private func turn() throws(StoreError) -> Bool {
    var now = clocks()
    var wait = min(nextBeat, nextDiskWork)
    if let due = worker.nextDue { wait = min(wait, due) }
    wait = min(wait, adoptAgainAt, acceptAgainAt)
    ready.removeAll(keepingCapacity: true)
    poll.wait(microseconds: hasBacklog ? 0 : max(0, wait - now.monotonic)) { ready.append($0) }
    now = clocks()
    worker.beginTurn(now)
    hasBacklog = false
    for each in ready { try handle(each, now) }
    if now.monotonic >= adoptAgainAt { adoptAgain() }
    try adoptNext()
    if now.monotonic >= acceptAgainAt { listenAgain() }
    receive()
    worker.stage()
    try worker.write()
    worker.execute()
    try worker.upkeep()
    report(now)
    flush()
    try diskWork(now)
    turns += 1
    if now.monotonic >= nextBeat {
      nextBeat = now.monotonic + Int64(SupervisorChannel.beatEveryMilliseconds) * 1000
      line.say(.beat(counters: [turns], vitals: vitals.take(worker, now: now.monotonic)))
      let counts = worker.roomCounts
      if !counts.isEmpty { line.say(.rooms(counts)) }
    }
    vitals.noteTurn(microseconds: clocks().monotonic - now.monotonic)
    return try ended(now)
  }

  private func handle(_ ready: Poll.Ready, _ now: Now) throws(StoreError) {
    switch ready.token {
    case Token.supervisor: try obey(now)
    case Token.listener: accept(now)
    case Token.background: try collectDiskWork()
    default:
      let link = Int(ready.token - Token.links)
      guard link < peers.count, let peer = peers[link], ready.isReadable || ready.isHungUp else { return }
      if case .end = peer.inbound.fill(from: peer.fd) { drop(link) }
    }
  }

  // MARK: The supervisor

  private func obey(_ now: Now) throws(StoreError) {
    for message in line.receive() {
      switch message {
      case .adopt(let shards): toAdopt += shards
      case .stop: stopAt = now.monotonic
      case .roomShares(let shares): worker.take(shares)
      case .workers, .response, .changed: break
      }
    }
    if !line.isOpen { stopAt = now.monotonic }
  }

  private func adopt(_ assignment: ShardAssignment) throws(StoreError) {
    let began = clocks().monotonic
    let before = worker.counters.events
    guard let (store, adoption) = try openStore(assignment) else { return waitForDisk(assignment) }
    stores[assignment.shard] = store
    try worker.adopt(assignment.shard, store, adoption)
    // What was put aside is told before another event may kill.
    report(clocks())
    let rooms = worker.roomCount(of: assignment.shard)
    line.say(
      .adopted(
        assignment.shard, store.epoch, rooms: UInt32(clamping: rooms),
        events: UInt32(clamping: worker.counters.events - before),
        microseconds: UInt64(clamping: clocks().monotonic - began)))
    preparesFrom = clocks().monotonic + DiskWork.restMicroseconds
    if worker.mayHaveOthers(assignment.shard) {
      log(
        "log-unreadable",
        "a part of the log of shard \(assignment.shard) cannot be read. Rooms that may be in it are not served, and no "
          + "new ones are made; oneup journal verify names the place")
    }
    if full.remove(assignment.shard) != nil {
      log("disk-space-back", "shard \(assignment.shard) is taken over and served")
    }
  }

  /// A full disk is no reason to end, nor is one that gives an error before this worker has a part in the shard: that one is
  /// not served until it can be taken over, the others are.
  private func waitForDisk(_ assignment: ShardAssignment) {
    waitingForDisk.append(assignment)
    adoptAgainAt = clocks().monotonic + Self.adoptAgainMicroseconds
    let isFull = adoptionFailure?.code == FileError.noSpace
    if full.insert(assignment.shard).inserted {
      let why =
        isFull
        ? "there is no space on the disk of \(configuration.data)"
        : adoptionFailure.map { "\($0)" } ?? "the disk fails"
      log(
        isFull ? "disk-full" : "disk-failed",
        "shard \(assignment.shard) cannot be taken over: \(why). It is tried again every second; its rooms are not "
          + "served until then")
    }
    line.say(.event(kind: SupervisorChannel.adoptionWaits, text: "shard \(assignment.shard) waits for its disk"))
  }
  private func adoptAgain() {
    toAdopt += waitingForDisk
    waitingForDisk = []
    adoptAgainAt = Int64.max
  }
  /// One a turn, so that gateways hear of it and bring its players back while the next is taken over.
  private func adoptNext() throws(StoreError) {
    guard !toAdopt.isEmpty else { return }
    try adopt(toAdopt.removeFirst())
    if !toAdopt.isEmpty { hasBacklog = true }
  }

  private func ended(_ now: Now) throws(StoreError) -> Bool {
    guard stopAt != nil else { return false }
    try worker.close()
    flush()
    line.flush()
    unlink(configuration.socket)
    return true
  }

  // MARK: Links

  private func accept(_ now: Now) {
    while true {
      let fd = oneup_accept(listener)
      if fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM { return waitForDescriptors(-fd, now) }
      guard fd >= 0 else { return }
      if lacksDescriptors {
        lacksDescriptors = false
        log("descriptors-back", "links are taken again")
      }
      let link = worker.openLink()
      while peers.count <= link { peers.append(nil) }
      peers[link] = Peer(fd: fd)
      poll.add(fd, token: Token.links + UInt64(link))
    }
  }

  private func waitForDescriptors(_ error: Int32, _ now: Now) {
    poll.remove(listener)
    acceptAgainAt = now.monotonic + Self.acceptAgainMicroseconds
    guard !lacksDescriptors else { return }
    lacksDescriptors = true
    log(
      "no-descriptors",
      "a link waits and cannot be taken: \(String(cString: strerror(error))). It is tried again; raise the limit of open "
        + "files (ulimit -n) if this stays")
  }
  private func listenAgain() {
    acceptAgainAt = Int64.max
    poll.add(listener, token: Token.listener)
  }

  /// Another link first each turn: one that fills every turn keeps the others waiting for one at most.
  private func receive() {
    firstLink = firstLink + 1 < peers.count ? firstLink + 1 : 0
    for i in peers.indices {
      let link = firstLink + i < peers.count ? firstLink + i : firstLink + i - peers.count
      guard let peer = peers[link] else { continue }
      do throws(LinkError) {
        try peer.inbound.consume { (bytes) throws(LinkError) in try worker.receive(link, bytes) }
        if peer.inbound.count > 0, worker.isFull { hasBacklog = true }
      } catch {
        log("link-broken", "a link broke the rules and was closed: \(error)")
        drop(link)
      }
    }
  }

  private func flush() {
    for link in peers.indices {
      guard let peer = peers[link] else { continue }
      var isBroken = false
      let left = worker.takeOutput(link) { bytes in
        var sent = 0
        while sent < bytes.count {
          let n = write(peer.fd, bytes.baseAddress! + sent, bytes.count - sent)
          if n > 0 {
            sent += n
          } else {
            isBroken = errno != EAGAIN && errno != EINTR
            break
          }
        }
        return sent
      }
      if isBroken || left > Limits.linkOutputBytesMax {
        drop(link)
        continue
      }
      if peer.wantsToWrite != (left > 0) {
        peer.wantsToWrite = left > 0
        poll.change(peer.fd, token: Token.links + UInt64(link), wantsToWrite: left > 0)
      }
    }
  }

  private func drop(_ link: Int) {
    guard let fd = peers[link]?.fd else { return }
    poll.remove(fd)
    close(fd)
    peers[link] = nil
    worker.closeLink(link)
  }

  // MARK: Reports

  private func report(_ now: Now) {
    guard !worker.reports.isEmpty else { return }
    for report in worker.reports {
      switch report {
      case .quarantined(let room, let event, let undone, var bundle, let verdict):
        let fault = NativeDeaths(data: configuration.data).explained(undone, of: bundle.module)
        bundle.fault = fault
        let name = crashes.write(bundle, time: now.wall)
        if openCrashes.count >= CrashFiles.countMax { openCrashes = [:] }
        openCrashes[OpenCrash(room: room, event: event)] = name
        switch verdict {
        case .quarantined:
          if undone.kind == .death { line.say(.event(kind: SupervisorChannel.putAside, text: "")) }
          log("quarantined", "event \(event) of room \(room) was undone: \(fault.text) (crash \(name))")
        case .back:
          log(
            "version-failed",
            "event \(event) of room \(room) made its new version fail, and not the old one: \(fault.text) (crash \(name))"
          )
        case .twinUndone:
          log(
            "twin-failed",
            "event \(event) of room \(room) made its silent version fail, and not the one that speaks: \(fault.text) "
              + "(crash \(name))")
        }
      case .putAside(let room, let call, let undone, var bundle):
        let deaths = NativeDeaths(data: configuration.data)
        bundle.fault = deaths.explained(undone, of: bundle.module)
        // Which of the two builds it was is what their names in the report say.
        if let target = bundle.target, bundle.fault.backtrace.isEmpty {
          bundle.fault = deaths.explained(undone, of: target)
        }
        let name = crashes.write(bundle, time: now.wall)
        line.say(.event(kind: SupervisorChannel.putAside, text: ""))
        log("call-put-aside", "\(call) of room \(room) is not called any more: \(bundle.fault.text) (crash \(name))")
      case .rebuilt(let room, let event, let image):
        guard let name = openCrashes.removeValue(forKey: OpenCrash(room: room, event: event)) else { continue }
        background.run { [crashes] in
          crashes.note(image, in: name)
          return .noted
        }
      case .frozen(let room, let reason, let text): log("frozen", "room \(room): \(reason.text): \(text)")
      case .removedMember(let room, let slot):
        log("member-removed", "the member at slot \(slot) of room \(room) kept making its code fail")
      case .adopted(let shard, let rooms, let active):
        // Of an empty one there is nothing to say.
        if rooms > 0 {
          log("shard-served", "shard \(shard): \(rooms == 1 ? "1 room" : "\(rooms) rooms"), \(active) active")
        }
      case .failed(let room, let text): log("room-failed", "room \(room): \(text)")
      case .upgraded(let room, let event, let from, let to, let onProbation):
        log(
          "upgraded",
          "room \(room) runs \(to) from event \(event) on, not \(from)\(onProbation ? "; on probation" : "")")
      case .wentBack(let room, let event, let from, let to, let why, let effects):
        let extra = effects.isEmpty ? "" : "; asked for by \(from) alone: \(effects.joined(separator: ", "))"
        log("went-back", "room \(room) is back on \(to) from \(from) at event \(event): \(why)\(extra)")
      case .differs(let room, _, let module, let text): log("differs", "room \(room), build \(module), \(text)")
      case .twinEnded(let room, let why): log("twin-ended", "room \(room) has one version again: \(why)")
      }
    }
    worker.reports.removeAll(keepingCapacity: true)
  }
}
