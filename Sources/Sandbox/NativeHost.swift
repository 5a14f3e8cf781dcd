// The functions that a native module is given: what `HostFunctions` offers to WebAssembly, as plain C functions. A room
// that asks for too much cannot be stopped where it is: the rest of what it asks for is dropped and the call has failed.
internal import Core

/// `struct oneup_host` of docs/room-abi.md; the SDK's `HostTable` is the same.
struct NativeHostTable {
  typealias Bytes = UnsafeRawPointer?
  typealias Engine = UnsafeMutableRawPointer?
  var context: Engine
  var send: @convention(c) (Engine, UInt32, UInt32, UInt32, Bytes, UInt32) -> Void
  var sendTo: @convention(c) (Engine, Bytes, UInt32, UInt32, Bytes, UInt32) -> Void
  var reply: @convention(c) (Engine, Bytes, UInt32) -> Void
  var refuse: @convention(c) (Engine, Bytes, UInt32) -> Void
  var random: @convention(c) (Engine) -> UInt64
  var after: @convention(c) (Engine, UInt64, Bytes, UInt32) -> UInt32
  var cancel: @convention(c) (Engine, UInt32) -> Void
  var kick: @convention(c) (Engine, UInt32, Bytes, UInt32) -> Void
  var count: @convention(c) (Engine, Bytes, UInt32, Int64) -> Void
  var label: @convention(c) (Engine, Bytes, UInt32) -> Void
  var property: @convention(c) (Engine, Bytes, UInt32) -> Void
  var lock: @convention(c) (Engine, UInt32) -> Void
  var end: @convention(c) (Engine, Bytes, UInt32) -> Void
  var log: @convention(c) (Engine, UInt32, Bytes, UInt32) -> Void
  var time: @convention(c) (Engine) -> Int64
  var tick: @convention(c) (Engine) -> UInt64
  var state: @convention(c) (Engine, Bytes, UInt32) -> Void
  /// The table grows at its end only: a library that was built without these never looks there.
  var ask: @convention(c) (Engine, UInt32, Bytes, UInt32, Bytes, UInt32) -> UInt32
}

extension NativeHostTable {
  /// `host` must outlive all rooms that are made with the table.
  init(_ host: UnsafeMutablePointer<HostState>) {
    self.init(
      context: UnsafeMutableRawPointer(host),
      send: { hostState($0).pointee.send(kind: $1, slot: $2, reliable: $3 != 0, bytes($4, $5)) },
      sendTo: { hostState($0).pointee.send(to: $1, count: $2, reliable: $3 != 0, bytes($4, $5)) },
      reply: { hostState($0).pointee.ask(bytes($1, $2)) { .reply(payload: $0) } },
      refuse: {
        hostState($0).pointee.refusals += 1
        hostState($0).pointee.ask(bytes($1, $2)) { .refuse(reason: $0) }
      },
      random: { hostState($0).pointee.draw() },
      after: { hostState($0).pointee.timer(milliseconds: $1, bytes($2, $3)) },
      cancel: { engine, timer in hostState(engine).pointee.ask { .cancel(TimerID(timer)) } },
      kick: { engine, slot, at, count in
        hostState(engine).pointee.ask(bytes(at, count)) { .kick(Slot(slot), reason: $0) }
      },
      count: { engine, at, count, amount in
        hostState(engine).pointee.ask(bytes(at, count)) { .count(name: $0, amount: amount) }
      },
      label: { hostState($0).pointee.ask(bytes($1, $2)) { .label($0) } },
      property: { hostState($0).pointee.ask(bytes($1, $2)) { .property($0) } },
      lock: { engine, locked in hostState(engine).pointee.ask { .lock(locked != 0) } },
      end: { hostState($0).pointee.ask(bytes($1, $2)) { .end(reason: $0) } },
      log: { engine, level, at, count in
        // A room that is asked about itself may log; nobody needs to read it twice.
        if hostState(engine).pointee.mode == .inspection { return }
        hostState(engine).pointee.ask(bytes(at, count)) { .log(level: UInt8(min(level, 3)), text: $0) }
      },
      time: { hostState($0).pointee.context.time }, tick: { hostState($0).pointee.context.tick },
      state: { hostState($0).pointee.write(bytes($1, $2)) },
      ask: { hostState($0).pointee.ask(kind: $1, of: bytes($2, $3), bytes($4, $5)) })
  }
}

private func hostState(_ engine: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<HostState> {
  engine!.assumingMemoryBound(to: HostState.self)
}
private func bytes(_ at: UnsafeRawPointer?, _ count: UInt32) -> UnsafeRawBufferPointer {
  UnsafeRawBufferPointer(start: at, count: at == nil ? 0 : Int(count))
}

extension HostState {
  /// Whether the event may still ask; what the first violation was stays.
  fileprivate mutating func mayAsk(_ bytes: Int) -> Bool { fault == nil && isEvent() && spend(bytes) }

  fileprivate mutating func ask(_ command: () -> RoomEffects.Command) {
    if mayAsk(0) { effects.commands.append(command()) }
  }
  fileprivate mutating func ask(_ bytes: UnsafeRawBufferPointer, _ command: (Range<Int>) -> RoomEffects.Command) {
    if mayAsk(bytes.count) { effects.commands.append(command(carry(bytes))) }
  }
  private mutating func carry(_ bytes: UnsafeRawBufferPointer) -> Range<Int> {
    let start = effects.bytes.count
    effects.bytes.append(contentsOf: bytes)
    return start..<effects.bytes.count
  }

  fileprivate mutating func send(kind: UInt32, slot: UInt32, reliable: Bool, _ bytes: UnsafeRawBufferPointer) {
    guard fault == nil, isEvent(), spendSend(reliable), spend(bytes.count) else { return }
    let target: RoomEffects.Target
    switch kind {
    case 0: target = .all
    case 1: target = .only(Slot(slot))
    case 2: target = .except(Slot(slot))
    default: return stop(.trap, "send was given a target that does not exist")
    }
    effects.commands.append(.send(target, reliable: reliable, payload: carry(bytes)))
  }
  fileprivate mutating func send(
    to slots: UnsafeRawPointer?, count: UInt32, reliable: Bool, _ bytes: UnsafeRawBufferPointer
  ) {
    guard count <= UInt32(Limits.membersMax) else {
      return stop(.trap, "send_to was given \(count) members; a room has at most \(Limits.membersMax)")
    }
    let slots = UnsafeRawBufferPointer(start: slots, count: slots == nil ? 0 : Int(count) * 4)
    guard fault == nil, isEvent(), spendSend(reliable), spend(slots.count), spend(bytes.count) else { return }
    let to = carry(slots)
    effects.commands.append(.send(.some(to), reliable: reliable, payload: carry(bytes)))
  }
  fileprivate mutating func draw() -> UInt64 { fault == nil && isEvent() ? context.random.next() : 0 }
  fileprivate mutating func timer(milliseconds: UInt64, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
    guard mayAsk(bytes.count) else { return 0 }
    let timer = context.nextTimer
    context.nextTimer = timer.next
    effects.commands.append(.after(timer, milliseconds: milliseconds, payload: carry(bytes)))
    return timer.rawValue
  }
  fileprivate mutating func ask(
    kind: UInt32, of target: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer
  ) -> UInt32 {
    guard fault == nil, isEvent() else { return 0 }
    return request(kind: kind, target, payload) ?? 0
  }
  fileprivate mutating func write(_ bytes: UnsafeRawBufferPointer) {
    guard fault == nil else { return }
    guard mode == .inspection else {
      return stop(.trap, "state was given outside of the calls that look at a room")
    }
    guard stateBytes.count + bytes.count <= stateBytesMax else {
      return stop(.output, "the room's state is written in more than \(stateBytesMax) bytes")
    }
    stateBytes.append(contentsOf: bytes)
  }
}
