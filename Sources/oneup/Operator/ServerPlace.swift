// Where the server is that `ps`, `top`, `why` and `doctor` ask: named, or found by its data directory.
import ArgumentParser
import Foundation
import SupervisionShell

struct ServerPlace: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The server's data directory: says where it serves and holds the admin token.", valueName: "path"))
  var data = "data"
  @Option(
    help: ArgumentHelp(
      "Where its control serves HTTP. Without it: what the data directory says, else 127.0.0.1:7780.",
      valueName: "host:port"))
  var http: String?
  @Option(help: ArgumentHelp("File with the admin token. Without it: DATA/admin-token.", valueName: "path"))
  var tokenFile: String?

  /// What a server leaves in its data directory while it serves.
  struct Serving: Decodable {
    var http: String
    var pid: Int32
  }
  var serving: Serving? {
    FileManager.default.contents(atPath: data + "/serving.json").flatMap {
      try? JSONDecoder().decode(Serving.self, from: $0)
    }
  }
  var tokenPath: String { tokenFile ?? data + "/admin-token" }

  /// Throws where the address is none, or something was named that is not there.
  func server() throws(HTTPFailure) -> HTTPServer {
    let serving = serving
    // Another server than the one that was named must not answer in its place.
    if http == nil, serving == nil, data != "data" {
      throw HTTPFailure(
        DataPlace.isThere(data)
          ? "No server runs on \(data). Start it with: oneup serve --data \(data)" : DataPlace.absence(data))
    }
    let text = http ?? serving?.http ?? "127.0.0.1:7780"
    guard var endpoint = Endpoint(text) else {
      throw HTTPFailure("--http \(text) is no address; it must be HOST:PORT, like 127.0.0.1:7780.", status: 64)
    }
    // A server on all addresses is reached at this one.
    if endpoint.host == "0.0.0.0" { endpoint.host = "127.0.0.1" }
    if endpoint.host == "::" { endpoint.host = "::1" }
    let token = FileManager.default.contents(atPath: tokenPath).map {
      String(decoding: $0, as: UTF8.self).filter { !$0.isWhitespace }
    }
    if token == nil, let tokenFile {
      throw HTTPFailure(
        "The token file \(tokenFile) cannot be read; it is the file admin-token in the data directory.", status: 64)
    }
    // What a killed server left behind says where it was.
    let isGone = http == nil && serving.map { Self.isGone($0.pid) } ?? false
    let advice =
      isGone
      ? "The server of \(data) is gone without having been stopped. Start it again with: oneup serve --data \(data) — it "
        + "goes on where it was."
      : "Start one with: oneup serve — or say where it is with --data DIR or --http HOST:PORT."
    return HTTPServer(endpoint: endpoint, token: token, advice: advice)
  }
}

extension ServerPlace {
  /// Also of a process that is dead and nobody has asked for its end yet.
  private static func isGone(_ pid: Int32) -> Bool {
    var byte: CChar = 0
    return readlink("/proc/\(pid)/exe", &byte, 1) < 0 && errno == ENOENT
  }
}

/// A server's data directory, looked at from outside.
enum DataPlace {
  static func isThere(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path + "/identity") }
  static func absence(_ path: String) -> String {
    "There is no server's data directory at \(path). Name it with --data DIR."
  }
}

/// Runs `body`; what keeps it from its work goes to standard error as one sentence.
func asked(_ body: () throws -> Void) throws {
  do {
    try body()
  } catch let error as HTTPFailure {
    complain(error.description)
    throw ExitCode(error.status)
  }
}
