// A gateway process and a fake worker for one test.
import ClientMessages
import Core
import Foundation
import GatewayShell
import ServerHarness
import SwiftProtobuf
import Testing

final class Gateway: Sendable {
  let port: UInt16
  let process: GatewayProcess
  let directory: String
  let worker: FakeWorker

  init(loops: Int = 1, _ change: (inout GatewayConfiguration, String) throws -> Void = { _, _ in }) throws {
    directory = "/tmp/oneup-gw-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let socket = try boundSocket()
    port = socket.port
    var configuration = GatewayConfiguration(
      epoch: GatewayEpoch(1), loops: loops, shards: ShardMap(count: 1, key: (1, 2)),
      sessionKey: [UInt8](repeating: 3, count: 32), listeners: [socket.descriptor])
    // A busy machine is no slow client.
    configuration.handshakeMilliseconds = 60_000
    try change(&configuration, directory)
    worker = try FakeWorker(directory + "/w1.sock")
    process = try GatewayProcess(configuration)
    try process.start()
    process.setWorkers([Worker(instance: 1, path: worker.path)])
  }
  deinit {
    process.stop()
    try? FileManager.default.removeItem(atPath: directory)
  }
}

/// A client over TCP frames, with the generated messages.
struct TCPClient {
  let stream: Socket

  init(_ gateway: Gateway, receiveBytes: CInt? = nil) throws {
    stream = try Socket(port: gateway.port, receiveBytes: receiveBytes)
  }

  static func framed(_ message: [UInt8]) -> [UInt8] {
    withUnsafeBytes(of: UInt32(message.count).bigEndian, Array.init) + message
  }
  func send(_ build: (inout Oneup_V1_ClientFrame) -> Void) throws {
    stream.send(Self.framed(try ClientFrames.make(build)))
  }
  func receive() throws -> Oneup_V1_ServerFrame? {
    guard let length = stream.receive(4) else { return nil }
    let count = length.withUnsafeBytes { Int(UInt32(bigEndian: $0.load(as: UInt32.self))) }
    return try stream.receive(count).map { try Oneup_V1_ServerFrame(serializedBytes: $0) }
  }
  @discardableResult
  func hello(resume: Data = Data()) throws -> Oneup_V1_Welcome {
    try send {
      $0.hello.version = 1
      $0.hello.name = "ann"
      $0.hello.resume = resume
    }
    return try #require(try receive()).welcome
  }
  func join() throws -> Oneup_V1_Attached {
    try send { ClientFrames.join(&$0) }
    return try #require(try receive()).attached
  }
}

enum ClientFrames {
  static func make(_ build: (inout Oneup_V1_ClientFrame) -> Void) throws -> [UInt8] {
    var frame = Oneup_V1_ClientFrame()
    build(&frame)
    return try frame.serializedBytes()
  }
  static func join(_ frame: inout Oneup_V1_ClientFrame) {
    frame.join.joinID = 1
    frame.join.module = "fake"
    frame.join.key = "a"
  }
  static func input(_ frame: inout Oneup_V1_ClientFrame, _ seq: UInt64, _ text: String) {
    frame.input.joinID = 1
    frame.input.seq = seq
    frame.input.payload = Data(text.utf8)
  }
}
