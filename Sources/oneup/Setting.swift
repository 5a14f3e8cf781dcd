// Every setting of a server: what it is, in one table. The command line's help, `oneup settings` and the checks are
// made from it.
import ArgumentParser

struct Setting: Sendable {
  enum Kind: Sendable {
    case path
    /// Between commas.
    case list
    /// HOST:PORT
    case address
    case integer(ClosedRange<Int>)
    case choice([String])
    case flag
  }
  /// On the command line after `--`, in YAML as it is, in the environment as ONEUP_ in capitals with `_` for `-`.
  let name: String
  let kind: Kind
  let unit: String?
  /// nil: `text` says what happens without it.
  let fallback: String?
  let text: String

  static let data = Setting(
    name: "data", kind: .path, unit: nil, fallback: "data",
    text: "The data directory: journals, identity, keys. Made at the first start; a server's rooms live there.")
  static let listen = Setting(
    name: "listen", kind: .address, unit: nil, fallback: "127.0.0.1:7777",
    text: "Where players connect. Port 0: any free one. Use 0.0.0.0:7777 to let other machines in.")
  static let http = Setting(
    name: "http", kind: .address, unit: nil, fallback: "127.0.0.1:7780",
    text: "Where control serves HTTP. Beyond the loopback interface reads need the admin token too; pages do not.")
  static let workers = Setting(
    name: "workers", kind: .integer(1...64), unit: "processes", fallback: "2",
    text: "Processes that run rooms, besides the spare.")
  static let loops = Setting(
    name: "loops", kind: .integer(1...32), unit: "threads", fallback: nil,
    text: "Event loops of the gateway. Without it: the cores that the workers leave, at least 1.")
  static let durability = Setting(
    name: "durability", kind: .choice(["process", "disk"]), unit: nil, fallback: "process",
    text: "What an acknowledged input survives. process: any death of processes. disk: a power loss too.")
  static let shards = Setting(
    name: "shards", kind: .integer(1...256), unit: "journals", fallback: nil,
    text: "Fixed with the data directory's first start. Without it: what the directory has, 8 in a new one.")
  static let modules = Setting(
    name: "modules", kind: .path, unit: nil, fallback: nil,
    text: "The directory of module builds (NAME.wasm and NAME.json). Without it: modules/ here or near the program.")
  static let web = Setting(
    name: "web", kind: .path, unit: nil, fallback: nil,
    text: "The directory of oneup.js and the dashboard. Without it: Web/ or share/oneup/web near the program.")
  static let development = Setting(
    name: "dev", kind: .flag, unit: nil, fallback: "false",
    text: "For development: builds need no signature, and modules that fail on purpose may be joined.")
  static let tlsCertificate = Setting(
    name: "tls-certificate", kind: .path, unit: nil, fallback: nil,
    text: "PEM file with the certificate chain; players may then connect with TLS. Without it: no TLS.")
  static let tlsKey = Setting(
    name: "tls-key", kind: .path, unit: nil, fallback: nil, text: "PEM file with the certificate's private key.")
  static let hang = Setting(
    name: "hang-milliseconds", kind: .integer(200...600_000), unit: "milliseconds", fallback: "3000",
    text: "A process whose loop stands still for so long is dumped, killed and replaced.")
  static let grace = Setting(
    name: "grace-milliseconds", kind: .integer(100...600_000), unit: "milliseconds", fallback: "5000",
    text: "What each stage of a stop (gateway, workers, control) may take before the rest of it is killed.")
  static let intensity = Setting(
    name: "restart-intensity", kind: .integer(2...1_000_000), unit: "deaths", fallback: "5",
    text: "So many uninvited deaths of one role within 30 s, and the server gives up and says why.")

  static let all =
    [
      data, listen, http, workers, loops, durability, shards, modules, web, development, tlsCertificate, tlsKey, hang,
      grace, intensity,
    ] + releases

  var environmentName: String {
    "ONEUP_" + String(name.map { $0 == "-" ? "_" : Character($0.uppercased()) })
  }
  var typeName: String {
    switch kind {
    case .path: "path"
    case .list: "KEY|FILE,…"
    case .address: "HOST:PORT"
    case .integer(let range): "\(range.lowerBound)…\(range.upperBound)"
    case .choice(let names): names.joined(separator: "|")
    case .flag: "true|false"
    }
  }
  /// What a value must be, within a sentence.
  var demand: String {
    switch kind {
    case .path: "a path"
    case .list: "keys or files of them, between commas"
    case .address: "HOST:PORT, like \(fallback ?? "127.0.0.1:7777")"
    case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .choice(let names): names.joined(separator: " or ")
    case .flag: "true or false"
    }
  }
  /// Type, unit and default, as people read them.
  var facts: String {
    [typeName, unit, fallback.map { "default \($0)" }].compactMap(\.self).joined(separator: ", ")
  }
  var help: ArgumentHelp {
    let valueName =
      switch kind {
      case .path: "path"
      case .list: "keys"
      case .address: "host:port"
      case .integer: "number"
      case .choice(let names): names.joined(separator: "|")
      case .flag: "flag"
      }
    return ArgumentHelp(stringLiteral: text + fallbackNote, valueName: valueName)
  }
  private var fallbackNote: String {
    if case .flag = kind { return "" }
    return fallback.map { " (default: \($0))" } ?? ""
  }
}

extension ArgumentHelp {
  fileprivate init(stringLiteral text: String, valueName: String) {
    self.init(text, valueName: valueName)
  }
}
