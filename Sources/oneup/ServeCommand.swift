// `oneup serve`: the supervisor, and through it everything else.
import ArgumentParser
import Core
import Foundation
import GatewayShell
import SupervisionCore
import SupervisionShell

struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Run a server: gateway, workers, a warm spare and control.",
    discussion: """
      When it serves, it prints one line of JSON on standard output: {"ready":true,"listen":…,"http":…}.

      SIGTERM or Ctrl-C stops it in order; the same data directory goes on where it was, also after kill -9.

      Examples:
        oneup serve --dev                    try things out: builds need no signature
        oneup serve --trust team.key.pub --listen 0.0.0.0:7777 --data /srv/oneup

      Exit status: 0 stopped in order, 1 at once; 70 a role kept dying; 78 not started, and the sentence says why.
      """)

  @Option(help: Setting.data.help) var data: String?
  @Option(help: Setting.listen.help) var listen: String?
  @Option(help: Setting.http.help) var http: String?
  @Option(help: Setting.workers.help) var workers: String?
  @Option(help: Setting.loops.help) var loops: String?
  @Option(help: Setting.durability.help) var durability: String?
  @Option(help: Setting.shards.help) var shards: String?
  @Option(help: Setting.modules.help) var modules: String?
  @Option(help: Setting.web.help) var web: String?
  @Flag(name: .customLong("dev"), help: Setting.development.help) var development = false
  @Option(help: Setting.tlsCertificate.help) var tlsCertificate: String?
  @Option(help: Setting.tlsKey.help) var tlsKey: String?
  @Option(help: Setting.hang.help) var hangMilliseconds: String?
  @Option(help: Setting.grace.help) var graceMilliseconds: String?
  @Option(help: Setting.intensity.help) var restartIntensity: String?
  @OptionGroup(title: "Releases") var releases: ReleaseArguments
  @Option(help: ArgumentHelp("A YAML file with settings, one `name: value` a line.", valueName: "path"))
  var config: String?

  private var commandLine: [String: String] {
    var values: [String: String] = [:]
    let given: [(Setting, String?)] = [
      (.data, data), (.listen, listen), (.http, http), (.workers, workers), (.loops, loops), (.durability, durability),
      (.shards, shards), (.modules, modules), (.web, web), (.development, development ? "true" : nil),
      (.tlsCertificate, tlsCertificate), (.tlsKey, tlsKey), (.hang, hangMilliseconds), (.grace, graceMilliseconds),
      (.intensity, restartIntensity),
    ]
    for (setting, value) in given + releases.given { values[setting.name] = value }
    return values
  }

  func run() throws {
    Limits.check()
    let status = try started {
      let settings = try Settings(
        commandLine: commandLine, file: config ?? ProcessInfo.processInfo.environment["ONEUP_CONFIG"])
      try Self.check(settings.tls)
      let supervisor = try SupervisorProcess(Self.options(settings))
      for name in Settings.unknownVariables() {
        supervisor.warn("\(name) is in the environment and names no setting; `oneup settings` lists them")
      }
      for line in try settings.releases.takeIn(settings, data: settings.data) { supervisor.warn(line) }
      return supervisor.run()
    }
    throw ExitCode(status)
  }

  /// A certificate that the gateway could not use is found before anything is started.
  private static func check(_ tls: (certificate: String, key: String)?) throws(StartError) {
    guard let tls else { return }
    do throws(CertificateError) {
      try GatewayConfiguration.Certificate(chainPath: tls.certificate, keyPath: tls.key).check()
    } catch { throw StartError("TLS: \(error.description). See --tls-certificate and --tls-key.") }
  }

  private static func options(_ settings: Settings) -> SupervisorOptions {
    var options = SupervisorOptions(
      data: settings.data, shards: settings.shards, workers: settings.workers, listen: settings.listen,
      http: settings.http, gatewayLoops: settings.loops)
    options.passedOn = [
      "durability": settings.durability == .disk ? "disk" : "process", "modules": settings.modules,
      "dev": settings.isDevelopment ? "true" : "false",
    ]
    options.passedOn["web"] = settings.web
    options.passedOn.merge(settings.releases.passedOn) { $1 }
    if let tls = settings.tls {
      options.passedOn["tls-certificate"] = tls.certificate
      options.passedOn["tls-key"] = tls.key
    }
    let (hang, grace, intensity) = (settings.hangMilliseconds, settings.graceMilliseconds, settings.restartIntensity)
    options.adjust = {
      $0.hangMilliseconds = Int64(hang)
      $0.graceMilliseconds = Int64(grace)
      $0.intensity = intensity
    }
    return options
  }
}

/// Runs `body`; what keeps it from starting goes to standard error as one sentence, with exit status 78 (EX_CONFIG).
func started<T>(_ body: () throws -> T) throws -> T {
  do {
    return try body()
  } catch let error as StartError {
    complain("\(error.description)")
    throw ExitCode(78)
  }
}
