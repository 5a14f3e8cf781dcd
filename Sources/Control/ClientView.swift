// Where a client finds the players' port.

struct ClientView: Encodable, Equatable {
  /// HOST:PORT, as the client should dial it.
  var players: String
  var tls: Bool
  /// Whether builds that fail are shown to players' pages; left out where they are not.
  var dev: Bool?

  /// `host`: what the asking client calls this machine; used where players are listened for on all addresses.
  init(_ options: ControlOptions, host: String?) {
    players = options.playersAddress
    tls = options.hasTLS
    dev = options.isDevelopment ? true : nil
    let listen = HostName(options.playersAddress)
    guard ["0.0.0.0", "[::]"].contains(listen.name), let port = listen.port else { return }
    let asked = host.map { HostName($0) }
    players = "\(asked.flatMap { $0.isPlain ? $0.name : nil } ?? "127.0.0.1"):\(port)"
  }
}
