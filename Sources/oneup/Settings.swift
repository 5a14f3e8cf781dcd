// The values of a server's settings: command line, then environment, then YAML file, then defaults; checked all at once.
import Configuration
import Core
import Foundation
import SupervisionShell

struct Settings: Sendable {
  var data: String
  var listen: Endpoint
  var http: Endpoint
  var workers: Int
  var loops: Int
  var durability: Durability
  var shards: Int?
  var modules: String
  /// Absolute; nil where there are no pages.
  var web: String?
  var isDevelopment: Bool
  var tls: (certificate: String, key: String)?
  var hangMilliseconds: Int
  var graceMilliseconds: Int
  var restartIntensity: Int
  var releases: ReleaseValues

  /// `commandLine`: by setting's name. `file`: a YAML file, which must exist.
  init(commandLine: [String: String], file: String?) throws {
    let reader = try Given(commandLine, file)
    data = try Self.text(.data, reader)
    listen = try Self.address(.listen, reader)
    http = try Self.address(.http, reader)
    let cores = ProcessInfo.processInfo.activeProcessorCount
    workers = try Self.number(.workers, reader)
    loops = try Self.integer(.loops, reader) ?? min(32, max(1, cores - workers))
    durability = try Self.text(.durability, reader) == "disk" ? .disk : .process
    shards = try Self.integer(.shards, reader)
    modules = try Self.modules(try Self.value(.modules, reader))
    web = try Self.web(try Self.value(.web, reader))
    isDevelopment = try Self.text(.development, reader) == "true"
    hangMilliseconds = try Self.number(.hang, reader)
    graceMilliseconds = try Self.number(.grace, reader)
    restartIntensity = try Self.number(.intensity, reader)
    releases = try ReleaseValues { try Self.value($0, reader) }
    switch (try Self.value(.tlsCertificate, reader), try Self.value(.tlsKey, reader)) {
    case (let certificate?, let key?): tls = (certificate, key)
    case (nil, nil): tls = nil
    default:
      throw StartError("TLS needs both --tls-certificate FILE and --tls-key FILE; only one of them was given.")
    }
    try Self.tellApart(players: listen, http: http)
  }

  /// One port cannot be listened on twice; what a socket says of it comes when half of the server runs.
  private static func tellApart(players: Endpoint, http: Endpoint) throws {
    guard players.port == http.port, players.port != 0,
      players.host == http.host || [players.host, http.host].contains(where: { $0 == "0.0.0.0" || $0 == "::" })
    else { return }
    throw StartError(
      "--listen \(players) and --http \(http) name the same port: players and HTTP need one each, like 7777 and 7780.")
  }

  /// What was given, and where.
  private struct Given {
    let reader: ConfigReader
    let commandLine: Set<String>
    let file: String?

    init(_ commandLine: [String: String], _ file: String?) throws {
      self.commandLine = Set(commandLine.keys)
      self.file = file
      reader = try Settings.reader(commandLine, file)
    }

    /// Where the setting's value comes from, as one writes it there.
    func place(of setting: Setting) -> String {
      if commandLine.contains(setting.name) { return "--\(setting.name)" }
      if ProcessInfo.processInfo.environment[setting.environmentName] != nil { return setting.environmentName }
      return file.map { "\(setting.name) in \($0)" } ?? setting.name
    }
  }

  private static func reader(_ commandLine: [String: String], _ file: String?) throws -> ConfigReader {
    var values: [AbsoluteConfigKey: ConfigValue] = [:]
    for (name, text) in commandLine { values[AbsoluteConfigKey([name])] = ConfigValue(.string(text), isSecret: false) }
    var providers: [any ConfigProvider] = [
      InMemoryProvider(name: "command line", values: values),
      EnvironmentVariablesProvider().prefixKeys(with: "oneup"),
    ]
    if let file, try SettingsFile.hasSettings(file) {
      let path = InMemoryProvider(values: ["filePath": ConfigValue(.string(file), isSecret: false)])
      do {
        providers.append(
          try waiting { try await FileProvider<YAMLSnapshot>(config: ConfigReader(provider: path)) })
      } catch {
        throw StartError(
          "The configuration file \(file) is not understood: \(sentence(error)). `oneup settings` shows what it may say."
        )
      }
    }
    return ConfigReader(providers: providers)
  }

  /// What is in the environment as if it were a setting: a misspelt one would be passed over in silence.
  static func unknownVariables() -> [String] {
    let known = Set(Setting.all.map(\.environmentName) + ["ONEUP_CONFIG", "ONEUP_SDK"])
    return ProcessInfo.processInfo.environment.keys.filter { $0.hasPrefix("ONEUP_") && !known.contains($0) }.sorted()
  }

  /// On one line, without a full stop: a parser's message shows the place below its text.
  private static func sentence(_ error: any Error) -> String {
    "\(error)".split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: " ")
      .trimmingCharacters(in: CharacterSet(charactersIn: "."))
  }

  /// As written, checked; nil where nobody gives it and it has no default.
  private static func value(_ setting: Setting, _ given: Given) throws -> String? {
    guard let text = given.reader.string(forKey: ConfigKey([setting.name])) ?? setting.fallback else { return nil }
    let isGood =
      switch setting.kind {
      case .path, .list: !text.isEmpty && !text.contains("\n")
      case .address: Endpoint(text) != nil
      case .integer(let range): Int(text).map(range.contains) ?? false
      case .choice(let names): names.contains(text)
      case .flag: text == "true" || text == "false"
      }
    guard isGood else {
      throw StartError(
        "\(given.place(of: setting)) is \"\(text)\" and must be \(setting.demand)"
          + "\(setting.unit.map { " (\($0))" } ?? ""). `oneup settings` says more.")
    }
    return text
  }
  private static func integer(_ setting: Setting, _ reader: Given) throws -> Int? {
    try value(setting, reader).flatMap { Int($0) }
  }
  // Of settings that have a default.
  private static func text(_ setting: Setting, _ reader: Given) throws -> String {
    guard let text = try value(setting, reader) else { preconditionFailure("\(setting.name) has a default") }
    return text
  }
  private static func number(_ setting: Setting, _ reader: Given) throws -> Int {
    guard let number = Int(try text(setting, reader)) else { preconditionFailure("a number was checked") }
    return number
  }
  private static func address(_ setting: Setting, _ reader: Given) throws -> Endpoint {
    guard let endpoint = Endpoint(try text(setting, reader)) else { preconditionFailure("an address was checked") }
    return endpoint
  }

  /// Where the pages are without a setting: in the repository or the installation that this program is in. A server runs
  /// without them, too.
  static func web(_ wanted: String?) throws -> String? {
    func holdsPages(_ directory: String) -> Bool {
      ["oneup.js", "dashboard/index.html"].contains {
        FileManager.default.fileExists(atPath: "\(directory)/\($0)")
      }
    }
    if let wanted {
      guard holdsPages(wanted) else {
        throw StartError("\(wanted) holds neither oneup.js nor a dashboard. Name the right directory with --web DIR.")
      }
      return URL(fileURLWithPath: wanted).standardizedFileURL.path
    }
    var above = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    while above.path != "/" {
      for directory in ["\(above.path)/Web", "\(above.path)/share/oneup/web"] where holdsPages(directory) {
        return directory
      }
      above.deleteLastPathComponent()
    }
    return nil
  }

  /// Where module builds are without a setting: in the working directory, or where this program's build or installation puts them.
  static func modules(_ wanted: String?) throws -> String {
    let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
    let usual = ["modules", "\(program)/modules", "\(program)/../modules", "\(program)/../../modules"]
    for directory in wanted.map({ [$0] }) ?? usual {
      var isDirectory: ObjCBool = false
      if FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory), isDirectory.boolValue {
        return URL(fileURLWithPath: directory).standardizedFileURL.path
      }
    }
    throw StartError(
      "There is no directory of modules\(wanted.map { " at \($0)" } ?? ""). Build one with: "
        + "oneup build Modules/tally --output modules — or name yours with --modules DIR.")
  }
}
