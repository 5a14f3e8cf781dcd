// Everything that a client says except the hot input: protobuf's generated code, and the resume token.
import ClientMessages
package import Core
package import GatewayCore
import SwiftProtobuf
import Synchronization

/// Shared by the loops of one gateway.
package final class ClientDecoder: Sendable {
  private let epoch: GatewayEpoch
  private let tokens: SessionTokens
  /// Counts the `Hello`s of this gateway epoch, through all loops: a session's newer connection has the higher number,
  /// whichever loop it comes to.
  private let hellos = Atomic<UInt32>(0)

  package init(epoch: GatewayEpoch, tokens: SessionTokens) {
    self.epoch = epoch
    self.tokens = tokens
  }

  private static let binary = {
    var options = BinaryDecodingOptions()
    options.discardUnknownFields = true
    options.messageDepthLimit = 8
    return options
  }()
  private static let json = {
    var options = JSONDecodingOptions()
    options.ignoreUnknownFields = true
    options.messageDepthLimit = 8
    return options
  }()

  /// One frame of a stranger's bytes.
  package func message(_ frame: UnsafeRawBufferPointer, now: Now) -> ClientMessage {
    guard let decoded = try? Oneup_V1_ClientFrame(serializedBytes: Array(frame), options: Self.binary) else {
      return .malformed
    }
    switch decoded.kind {
    case .hello(let hello): return .hello(self.hello(hello, now))
    case .join(let join):
      return .join(
        JoinID(join.joinID), module: Array(join.module.utf8), key: Array(join.key.utf8),
        parameters: Array(join.parameters))
    case .attach(let attach):
      return .attach(
        JoinID(attach.joinID), RoomID(attach.room), Timeline(attach.timeline), lastOut: OutSeq(attach.lastOut))
    case .input(let input):
      return .input(JoinID(input.joinID), InputSeq(input.seq), stamp: input.stamp, payload: Array(input.payload))
    case .leave(let leave): return .leave(JoinID(leave.joinID), InputSeq(leave.seq))
    case .ping(let ping): return .ping(time: ping.time)
    case nil: return .unknown
    }
  }

  private func hello(_ hello: Oneup_V1_Hello, _ now: Now) -> ClientMessage.Hello {
    let name = Array(hello.name.utf8)
    let counter = hellos.add(1, ordering: .relaxed).newValue
    var session = SessionTokens.Session(id: SessionID(epoch: epoch, counter: counter), name: name)
    let isResumed = !hello.resume.isEmpty
    if isResumed {
      guard let resumed = tokens.verify(Array(hello.resume), now: now) else {
        return ClientMessage.Hello(version: hello.version, name: name, ticket: .bad)
      }
      session = resumed
    }
    // A name that is too long is refused before the ticket is looked at.
    guard session.name.count <= Limits.playerNameBytesMax else {
      return ClientMessage.Hello(version: hello.version, name: session.name, ticket: .bad)
    }
    return ClientMessage.Hello(
      version: hello.version, name: session.name,
      ticket: .session(session.id, resumed: isResumed, counter: counter, token: tokens.issue(session, now: now)))
  }

  // MARK: Text

  /// A client frame in protobuf's JSON mapping as binary; nil where it is none.
  package static func binary(fromJSON text: [UInt8]) -> [UInt8]? {
    guard let frame = try? Oneup_V1_ClientFrame(jsonUTF8Bytes: text, options: json) else { return nil }
    return try? frame.serializedBytes()
  }
  /// A finished server frame in protobuf's JSON mapping.
  static func json(fromBinary frame: [UInt8]) -> [UInt8] {
    do {
      return try Oneup_V1_ServerFrame(serializedBytes: frame).jsonUTF8Bytes()
    } catch {
      preconditionFailure("a finished server frame is valid protobuf: \(error)")
    }
  }
}
