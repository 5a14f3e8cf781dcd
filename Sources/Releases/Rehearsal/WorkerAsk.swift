// Asks workers over a link, as control does, and waits for the answer: a rehearsal has nothing else to do.
internal import Core
internal import FoundationEssentials
internal import Glibc
internal import Wire

/// A link to one worker, open as long as this is kept.
final class WorkerAsk {
  /// A worker's turns are short; one that does not answer is dying.
  private static let secondsMax = 3
  private let fd: Int32
  private let path: String
  private var received: [UInt8] = []
  private var request: UInt32 = 0

  init(_ path: String) throws(RehearsalError) {
    self.path = path
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let fits = withUnsafeMutableBytes(of: &address.sun_path) { room in
      guard path.utf8.count < room.count else { return false }
      room.copyBytes(from: path.utf8)
      return true
    }
    guard fits else { throw RehearsalError("the path \(path) is too long for a socket") }
    fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard fd >= 0 else { throw RehearsalError("no socket can be made: \(String(cString: strerror(errno)))") }
    var patience = timeval(tv_sec: Self.secondsMax, tv_usec: 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard status == 0 else {
      let reason = String(cString: strerror(errno))
      throw RehearsalError("the worker at \(path) does not answer: \(reason)")
    }
    var hello: [UInt8] = []
    LinkToWorker.hello(gateway: GatewayEpoch(0), loop: 0, loops: 0).encode(ShardID(0), ShardEpoch(0), into: &hello)
    try send(hello)
  }
  deinit { close(fd) }

  func inspect(_ what: String) throws(RehearsalError) -> [UInt8] {
    request += 1
    var question: [UInt8] = []
    Array(what.utf8).withUnsafeBytes { text in
      LinkToWorker.inspect(request: request, what: text).encode(ShardID(0), ShardEpoch(0), into: &question)
    }
    try send(question)
    while true {
      if let answer = try answer() { return answer }
      try fill()
    }
  }

  private func send(_ bytes: [UInt8]) throws(RehearsalError) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(fd, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw RehearsalError("the worker at \(path) takes nothing more") }
      sent += count
    }
  }

  private func fill() throws(RehearsalError) {
    var chunk = [UInt8](repeating: 0, count: 262_144)
    let count = chunk.withUnsafeMutableBytes { read(fd, $0.baseAddress!, $0.count) }
    if count < 0, errno == EINTR { return }
    guard count > 0 else { throw RehearsalError("the worker at \(path) did not answer in time, or went") }
    received.append(contentsOf: chunk[..<count])
  }

  /// The answer to the last question, if it is here; the worker also announces its shards.
  private func answer() throws(RehearsalError) -> [UInt8]? {
    var found: [UInt8]?
    var consumed = 0
    var failure: LinkError?
    received.withUnsafeBytes { bytes in
      var reader = LinkReader(bytes)
      do throws(LinkError) {
        while found == nil, let (header, body) = try reader.next() {
          if case .inspected(request, let json) = try LinkToGateway(header, body) { found = Array(json) }
        }
      } catch { failure = error }
      consumed = reader.consumed
    }
    if let failure { throw RehearsalError("the worker at \(path) cannot be understood: \(failure)") }
    received.removeFirst(consumed)
    return found
  }
}

/// Where the workers of a data directory listen.
package enum WorkerSockets {
  package static func found(data: String) -> [String] {
    let pointer = FileManager.default.contents(atPath: data + "/run.path").map {
      String(decoding: $0, as: UTF8.self).split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    }
    let directory = pointer.flatMap { $0.isEmpty ? nil : $0 } ?? data + "/run"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return names.filter { $0.hasPrefix("worker-") && $0.hasSuffix(".sock") }.sorted().map { "\(directory)/\($0)" }
  }
}
