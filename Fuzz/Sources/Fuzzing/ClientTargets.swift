// What a client says before and beside its inputs: frames that the generated code reads, their JSON, resume tokens.
import ClientMessages
import Core
import FoundationEssentials
import GatewayCore
import GatewayShell
import SwiftProtobuf

extension FuzzTarget {
  private static let now = Now(wall: 1_800_000_000_000_000, monotonic: 1_000_000)
  private static let tokens = {
    guard let tokens = try? SessionTokens(key: Array(0..<32)) else { preconditionFailure("32 bytes are a key") }
    return tokens
  }()
  private static let session = SessionTokens.Session(
    id: SessionID(epoch: GatewayEpoch(3), counter: 7), name: Array("Ada Łovelace".utf8))

  private static var frames: [Oneup_V1_ClientFrame] {
    let kinds: [Oneup_V1_ClientFrame.OneOf_Kind] = [
      .hello(
        .with {
          $0.version = 1; $0.name = "Ada"
        }),
      .hello(
        .with {
          $0.version = 1; $0.resume = .init(tokens.issue(session, now: now))
        }),
      .join(
        .with {
          $0.joinID = 1; $0.module = "tally"; $0.key = "a/b"; $0.parameters = .init([1, 2])
        }),
      .attach(
        .with {
          $0.joinID = 1; $0.room = 9; $0.timeline = 1 << 40; $0.lastOut = 300
        }),
      .input(
        .with {
          $0.joinID = 1; $0.seq = 5; $0.payload = .init([1, 2, 3])
        }),
      .leave(
        .with {
          $0.joinID = 1; $0.seq = 6
        }), .ping(.with { $0.time = 77 }),
    ]
    return kinds.map { kind in .with { $0.kind = kind } }
  }

  static let clientMessage = FuzzTarget(
    name: "client-message", bytesMax: 4_096,
    seeds: {
      frames.compactMap { try? $0.serializedBytes() } + frames.compactMap { try? $0.jsonUTF8Bytes() }
    },
    run: { bytes in
      let decoder = ClientDecoder(epoch: GatewayEpoch(3), tokens: tokens)
      _ = decoder.message(bytes, now: now)
      guard let binary = ClientDecoder.binary(fromJSON: Array(bytes)) else { return }
      // What the text means, the bytes mean too: they are what the cores are given.
      if case .malformed = binary.withUnsafeBytes({ decoder.message($0, now: now) }) {
        preconditionFailure("a frame that was accepted as text is malformed as bytes")
      }
    })

  static let sessionToken = FuzzTarget(
    name: "session-token", bytesMax: 128,
    seeds: {
      [
        tokens.issue(session, now: now), tokens.issue(.init(id: session.id, name: []), now: now),
        tokens.issue(.init(id: session.id, name: Array(repeating: 65, count: Limits.playerNameBytesMax)), now: now),
      ]
    },
    run: { bytes in
      guard let found = tokens.verify(Array(bytes), now: now) else { return }
      // Nothing but what was issued is ever taken.
      precondition(tokens.issue(found, now: now) == Array(bytes), "a token that was never issued is taken")
    })
}
