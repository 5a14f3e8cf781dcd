// A server's control, asked over a blocking socket: one request for each connection.
import Foundation
import SupervisionShell

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

struct HTTPFailure: Error, CustomStringConvertible {
  /// One sentence.
  var description: String
  /// The exit status that it leads to; 64: the command line was wrong.
  var status: Int32
  init(_ description: String, status: Int32 = 1) {
    self.description = description
    self.status = status
  }
}

struct HTTPServer {
  let endpoint: Endpoint
  let token: String?
  /// Said where nobody answers.
  var advice = "Say where the server is with --data DIR or --http HOST:PORT."
  private static let timeoutSeconds = 5

  struct Answer {
    var status: Int
    var head: String
    var body: Data
  }

  /// The decoded answer of a request that must succeed.
  func get<T: Decodable>(_ path: String, _: T.Type = T.self) throws(HTTPFailure) -> T {
    let answer = try answer(to: path)
    guard answer.status == 200 else { throw refusal(path, answer) }
    do {
      return try JSONDecoder().decode(T.self, from: answer.body)
    } catch {
      throw HTTPFailure(
        "\(path) at \(endpoint) is not what this program understands; is the server of its version?")
    }
  }

  /// Whatever the server answers.
  func answer(to path: String) throws(HTTPFailure) -> Answer { try whole(open(path)) }

  /// Whatever the server answers to a POST of JSON.
  func post(_ path: String, json: [UInt8]) throws(HTTPFailure) -> Answer { try whole(open(path, posting: json)) }

  private func whole(_ opened: consuming HTTPStream) throws(HTTPFailure) -> Answer {
    var stream = opened
    var body = Data()
    while let piece = try stream.next() { body.append(contentsOf: piece) }
    return Answer(status: stream.status, head: stream.head, body: body)
  }

  /// An answer that is read as it comes. With a body it is a POST of JSON.
  func open(_ path: String, posting body: [UInt8]? = nil) throws(HTTPFailure) -> HTTPStream {
    let fd = try connected()
    let authorization = token.map { "Authorization: Bearer \($0)\r\n" } ?? ""
    let kind = body.map { "Content-Type: application/json\r\nContent-Length: \($0.count)\r\n" } ?? ""
    let request =
      "\(body == nil ? "GET" : "POST") \(path) HTTP/1.1\r\nHost: \(endpoint)\r\nConnection: close\r\n"
      + "\(authorization)\(kind)\r\n"
    let bytes = Array(request.utf8) + (body ?? [])
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { send(fd, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL)) }
      if count < 0, errno == EINTR { continue }
      // A server that refuses a long body may have answered already.
      guard count > 0 else { break }
      sent += count
    }
    return try HTTPStream(fd, endpoint)
  }

  func refusal(_ path: String, _ answer: Answer) -> HTTPFailure {
    struct Sentence: Decodable { var error: String }
    let said = (try? JSONDecoder().decode(Sentence.self, from: answer.body))?.error
    switch answer.status {
    case 401:
      return HTTPFailure(
        "The server at \(endpoint) "
          + (token == nil
            ? "answers this only with its admin token" : "has another admin token than the one it was given")
          + ": name the file with --token-file, or its data directory with --data.")
    case 426: return HTTPFailure("\(endpoint) is where players connect: name the address of --http, usually port 7780.")
    default: return HTTPFailure("\(path) at \(endpoint) was answered \(answer.status)\(said.map { ": \($0)" } ?? "").")
    }
  }

  private func connected() throws(HTTPFailure) -> Int32 {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(endpoint.host, String(endpoint.port), &hints, &found) == 0, let address = found else {
      throw HTTPFailure(
        "\(endpoint.host) is no address that this machine knows. Give another one with --http HOST:PORT.")
    }
    defer { freeaddrinfo(found) }
    let fd = socket(address.pointee.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard fd >= 0 else { throw HTTPFailure("No socket can be made: \(systemText(errno)).") }
    var timeout = timeval(tv_sec: Self.timeoutSeconds, tv_usec: 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    guard connect(fd, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 else {
      let code = errno
      close(fd)
      throw HTTPFailure(
        "No server answers at \(endpoint) (\(systemText(code).lowercased())). \(advice)")
    }
    return fd
  }
}

/// One answer's body, piece by piece, whether it comes in chunks or whole.
struct HTTPStream: ~Copyable {
  /// Readable when there is more to come.
  let fd: Int32
  private let endpoint: Endpoint
  private var buffer: [UInt8] = []
  private(set) var status = 0
  private(set) var head = ""
  private var isChunked = false
  private var isOver = false

  fileprivate init(_ fd: Int32, _ endpoint: Endpoint) throws(HTTPFailure) {
    self.fd = fd
    self.endpoint = endpoint
    let gap = Array("\r\n\r\n".utf8)
    while true {
      if let end = Self.index(of: gap, in: buffer) {
        head = String(decoding: buffer[..<end], as: UTF8.self)
        buffer.removeFirst(end + gap.count)
        break
      }
      guard try read() else { throw HTTPFailure("What answers at \(endpoint) is no HTTP server.") }
    }
    guard head.hasPrefix("HTTP/1."), let code = Int(head.dropFirst(9).prefix(3)) else {
      throw HTTPFailure("What answers at \(endpoint) is no HTTP server.")
    }
    status = code
    isChunked = head.lowercased().contains("transfer-encoding: chunked")
  }
  deinit { close(fd) }

  /// The next piece, or nil at the end.
  mutating func next() throws(HTTPFailure) -> [UInt8]? {
    guard !isOver else { return nil }
    if isChunked { return try nextChunk() }
    if buffer.isEmpty, try !read() {
      isOver = true
      return nil
    }
    defer { buffer = [] }
    return buffer
  }

  private mutating func nextChunk() throws(HTTPFailure) -> [UInt8]? {
    let line = Array("\r\n".utf8)
    var end = Self.index(of: line, in: buffer)
    while end == nil {
      guard try read() else { return nil }
      end = Self.index(of: line, in: buffer)
    }
    guard let end, let count = Int(String(decoding: buffer[..<end], as: UTF8.self), radix: 16), count > 0 else {
      isOver = true
      return nil
    }
    while buffer.count < end + 2 + count + 2 {
      guard try read() else { return nil }
    }
    let chunk = Array(buffer[(end + 2)..<(end + 2 + count)])
    buffer.removeFirst(end + 2 + count + 2)
    return chunk
  }

  /// False at the end of the stream.
  private mutating func read() throws(HTTPFailure) -> Bool {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = recv(fd, &bytes, bytes.count, 0)
    if count < 0, errno == EINTR { return true }
    guard count >= 0 else { throw HTTPFailure("The server at \(endpoint) does not answer in time.") }
    buffer.append(contentsOf: bytes[..<count])
    return count > 0
  }

  private static func index(of wanted: [UInt8], in bytes: [UInt8]) -> Int? {
    guard bytes.count >= wanted.count else { return nil }
    return (0...(bytes.count - wanted.count)).first { start in
      wanted.indices.allSatisfy { bytes[start + $0] == wanted[$0] }
    }
  }
}
