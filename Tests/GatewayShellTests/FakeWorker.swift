// A worker without rooms: owns shard 0, accepts every join, echoes every input as a numbered output and its
// acknowledgement, and answers some payloads in ways of their own.
import Core
import ServerHarness
import Testing
import Wire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

final class FakeWorker: Sendable {
  let path: String
  private let listener: CInt
  private let epoch: ShardEpoch

  /// Serves until the process ends.
  init(_ path: String, epoch: UInt32 = 1) throws {
    self.path = path
    self.epoch = ShardEpoch(epoch)
    listener = try listeningSocket(path)
    run { worker in
      while true {
        let s = accept(worker.listener, nil, nil)
        guard s >= 0 else { return }
        let stream = Socket(s)
        worker.run { $0.serve(stream) }
      }
    }
  }

  private func run(_ body: @escaping @Sendable (FakeWorker) -> Void) {
    final class Box {
      let run: @Sendable () -> Void
      init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box { body(self) })
    let result = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, box.toOpaque())
    precondition(result == 0, "a thread can be started")
    pthread_detach(thread)
  }

  private func serve(_ stream: Socket) {
    var out: [UInt8] = []
    var outputs: [UInt32: UInt64] = [:]
    out.putServing(ShardID(0), epoch)
    stream.send(out)
    while let lengthBytes = stream.receive(4) {
      let length = lengthBytes.withUnsafeBytes { Int(UInt32(littleEndian: $0.load(as: UInt32.self))) }
      guard let rest = stream.receive(length - 4) else { return }
      out.removeAll()
      (lengthBytes + rest).withUnsafeBytes { bytes in
        var reader = LinkReader(bytes)
        guard let (header, body) = try? reader.next(), let record = try? LinkToWorker(header, body) else { return }
        answer(record, &outputs, &out)
      }
      stream.send(out)
    }
  }

  private func answer(_ record: LinkToWorker, _ outputs: inout [UInt32: UInt64], _ out: inout [UInt8]) {
    switch record {
    case .join(let join): attached(join.route, &out)
    case .attach(let attach): attached(attach.route, &out)
    case .input(let route, let seq, let stamp, let payload):
      let text = String(decoding: payload, as: UTF8.self)
      // "flood N": that many outputs of 16 KB.
      let flood = text.hasPrefix("flood ") ? Int(text.dropFirst(6)) ?? 0 : 0
      let bytes = flood > 0 ? [UInt8](repeating: 102, count: 16_384) : Array(payload)
      if seq == InputSeq(0) {
        let start = out.beginUnreliable(ShardID(0), epoch, count: 1)
        out.put(route)
        encodeOutputFrame(into: &out, seq: OutSeq(0), payload: bytes + Array("@\(stamp)".utf8))
        out.endLink(start)
        return
      }
      for _ in 0..<max(1, flood) {
        let last = outputs[route.rawValue, default: 0]
        outputs[route.rawValue] = last + 1
        let start = out.beginOutput(ShardID(0), epoch, OutSeq(last + 1), count: 1)
        out.putRecipient(route, prev: OutSeq(last))
        encodeOutputFrame(into: &out, seq: OutSeq(last + 1), payload: bytes)
        out.endLink(start)
      }
      out.putAck(ShardID(0), epoch, route, seq)
    case .leave(let route, let seq): out.putGone(ShardID(0), epoch, route, last: seq, known: true, .left)
    case .hello, .detach, .complete, .confirm, .inspect, .command, .answered: break
    }
  }

  private func attached(_ route: Route, _ out: inout [UInt8]) {
    let module = Array("fake 1".utf8)
    module.withUnsafeBytes {
      out.putAttached(
        ShardID(0), epoch,
        LinkToGateway.Attachment(
          route: route, room: RoomID(5), slot: Slot(0), nextSeq: InputSeq(1), timeline: Timeline(1), upTo: OutSeq(0),
          mark: OutSeq(0), module: $0))
    }
  }
}
