// Where the server is that `ps`, `top`, `why` and `doctor` ask: named, or found by its data directory.
import ArgumentParser
import Foundation
import SupervisionShell

struct ServerPlace: ParsableArguments {
  @Option(help: "The server's data directory: says where it serves and holds the admin token.")
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
    var listen: String
    var pid: Int32
  }
  var serving: Serving? {
    FileManager.default.contents(atPath: data + "/serving.json").flatMap {
      try? JSONDecoder().decode(Serving.self, from: $0)
    }
  }
  var tokenPath: String { tokenFile ?? data + "/admin-token" }

  /// Throws where the address is none, or a token file was named that cannot be read.
  func server() throws -> HTTPServer {
    let text = http ?? serving?.http ?? "127.0.0.1:7780"
    guard var endpoint = Endpoint(text) else {
      throw ValidationError("--http \(text) is no address; it must be HOST:PORT, like 127.0.0.1:7780.")
    }
    // A server on all addresses is reached at this one.
    if endpoint.host == "0.0.0.0" { endpoint.host = "127.0.0.1" }
    if endpoint.host == "::" { endpoint.host = "::1" }
    let token = FileManager.default.contents(atPath: tokenPath).map {
      String(decoding: $0, as: UTF8.self).filter { !$0.isWhitespace }
    }
    if token == nil, let tokenFile {
      throw ValidationError(
        "The token file \(tokenFile) cannot be read; it is the file admin-token in the data directory.")
    }
    return HTTPServer(endpoint: endpoint, token: token)
  }
}

/// Runs `body`; what keeps it from its work goes to standard error as one sentence, with exit status 1.
func asked(_ body: () throws -> Void) throws {
  do {
    try body()
  } catch let error as HTTPFailure {
    FileHandle.standardError.write(Data("oneup: \(error.description)\n".utf8))
    throw ExitCode(1)
  }
}
