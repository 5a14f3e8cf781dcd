// The process that players connect to.
import ArgumentParser
import Core
import Foundation
import GatewayShell
import SupervisionShell
import Wire

struct GatewayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway", abstract: "The process that players connect to; started by `oneup serve`.",
    shouldDisplay: false)

  func run() throws {
    nameProcess("oneup-gateway")
    leaveStopsToTheSupervisor()
    let channel = ChildChannel()
    let beats = Beats(channel: channel)
    var configuration = try started { try Self.configuration(try RoleConfiguration.required()) }
    configuration.log = { channel.event("gateway", $0) }
    configuration.onBeat = { beats.beat($0) }
    configuration.onBroken = { reason in
      channel.event("gateway", "\(reason); this process ends, and another takes the connections")
      endProcess(1)
    }
    let gateway: GatewayProcess
    do {
      gateway = try GatewayProcess(configuration)
      try gateway.start()
    } catch {
      emit("oneup gateway: \(error)\n".utf8, to: STDERR_FILENO)
      endProcess(78)
    }
    channel.start(
      receive: { message in
        switch message {
        case .workers(let list):
          gateway.setWorkers(list.map { Worker(instance: $0.instance, path: $0.path) })
        case .stop:
          gateway.stop()
          endProcess(0)
        case .adopt, .roomShares, .response, .changed: break
        }
      }, end: { endProcess(1) })
    channel.ready()
    sleepForEver()
  }

  private static func configuration(_ role: RoleConfiguration) throws(StartError) -> GatewayConfiguration {
    let listeners: Int = try role.number("listeners")
    let keyPath = try role.text("session-key")
    guard let text = FileManager.default.contents(atPath: keyPath),
      let key = bytes(hex: String(decoding: text, as: UTF8.self))
    else { throw StartError("Cannot read the session key in \(keyPath).") }
    var configuration = GatewayConfiguration(
      epoch: GatewayEpoch(try role.number("gateway-epoch")), loops: listeners, shards: try role.shardMap(),
      sessionKey: key, listeners: (0..<Int32(listeners)).map { 4 + $0 })
    if let chain = role.values["tls-certificate"], let key = role.values["tls-key"] {
      configuration.tls = .init(chainPath: chain, keyPath: key)
    }
    return configuration
  }

  /// Of a file's hexadecimal digits; nil where there are too few for a key.
  private static func bytes(hex: String) -> [UInt8]? {
    let digits = hex.filter(\.isHexDigit)
    guard digits.count == 64 else { return nil }
    var bytes: [UInt8] = []
    var rest = digits[...]
    while !rest.isEmpty {
      guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
      bytes.append(byte)
      rest = rest.dropFirst(2)
    }
    return bytes
  }
}
