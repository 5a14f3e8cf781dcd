// The functions a room can import. Each reads its arguments from the raw values and writes its result over the first.
internal import CWasmtime
internal import Core

private typealias Host = UnsafeMutablePointer<HostState>

private func host(_ environment: UnsafeMutableRawPointer?) -> Host {
  environment!.assumingMemoryBound(to: HostState.self)
}
/// Ends the guest's call; what went wrong is in `HostState.fault`.
private func stopped() -> OpaquePointer? { wasmtime_trap_new("stopped by the host", 19) }

extension HostImport {
  var callback: wasmtime_host_function {
    switch self {
    case .send: sendFunction
    case .reply: replyFunction
    case .refuse: refuseFunction
    case .random: randomFunction
    case .after: afterFunction
    case .cancel: cancelFunction
    case .kick: kickFunction
    case .log: logFunction
    case .time: timeFunction
    case .tick: tickFunction
    case .state: stateFunction
    case .outOfMemory: outOfMemoryFunction
    case .sendTo: sendToFunction
    case .count: countFunction
    case .label: labelFunction
    case .property: propertyFunction
    case .lock: lockFunction
    case .end: endFunction
    case .ask: askFunction
    }
  }
}

private let sendFunction: wasmtime_host_function = { environment, caller, values, _ in
  let host = host(environment), values = values!
  let slot = Slot(UInt32(bitPattern: values[1].i32))
  let reliable = values[2].i32 != 0
  guard host.pointee.isEvent(), host.pointee.spendSend(reliable) else { return stopped() }
  guard let payload = host.pointee.carry(caller, values[3].i32, values[4].i32) else { return stopped() }
  let target: RoomEffects.Target
  switch values[0].i32 {
  case 0: target = .all
  case 1: target = .only(slot)
  case 2: target = .except(slot)
  default:
    host.pointee.stop(.trap, "send was given a target that does not exist")
    return stopped()
  }
  host.pointee.effects.commands.append(.send(target, reliable: reliable, payload: payload))
  return nil
}

private let sendToFunction: wasmtime_host_function = { environment, caller, values, _ in
  let host = host(environment), values = values!
  let count = UInt32(bitPattern: values[1].i32)
  let reliable = values[2].i32 != 0
  guard host.pointee.isEvent(), host.pointee.spendSend(reliable) else { return stopped() }
  guard count <= UInt32(Limits.membersMax) else {
    host.pointee.stop(.trap, "send_to was given \(count) members; a room has at most \(Limits.membersMax)")
    return stopped()
  }
  guard let slots = host.pointee.carry(caller, values[0].i32, Int32(count) * 4),
    let payload = host.pointee.carry(caller, values[3].i32, values[4].i32)
  else { return stopped() }
  host.pointee.effects.commands.append(.send(.some(slots), reliable: reliable, payload: payload))
  return nil
}

private let replyFunction: wasmtime_host_function = { environment, caller, values, _ in
  let host = host(environment), values = values!
  guard host.pointee.isEvent(), let payload = host.pointee.carry(caller, values[0].i32, values[1].i32) else {
    return stopped()
  }
  host.pointee.effects.commands.append(.reply(payload: payload))
  return nil
}

private let refuseFunction: wasmtime_host_function = { environment, caller, values, _ in
  let host = host(environment), values = values!
  guard host.pointee.isEvent(), let reason = host.pointee.carry(caller, values[0].i32, values[1].i32) else {
    return stopped()
  }
  host.pointee.refusals += 1
  host.pointee.effects.commands.append(.refuse(reason: reason))
  return nil
}

private let randomFunction: wasmtime_host_function = { environment, _, values, _ in
  let host = host(environment), values = values!
  guard host.pointee.isEvent() else { return stopped() }
  values[0].i64 = Int64(bitPattern: host.pointee.context.random.next())
  return nil
}

private let afterFunction: wasmtime_host_function = { environment, caller, values, _ in
  let host = host(environment), values = values!
  let milliseconds = UInt64(bitPattern: values[0].i64)
  guard host.pointee.isEvent(), let payload = host.pointee.carry(caller, values[1].i32, values[2].i32) else {
    return stopped()
  }
  let timer = host.pointee.context.nextTimer
  guard timer.rawValue < UInt32(Int32.max) else {
    host.pointee.stop(.trap, "the room has used up its timer ids")
    return stopped()
  }
  host.pointee.context.nextTimer = timer.next
  host.pointee.effects.commands.append(.after(timer, milliseconds: milliseconds, payload: payload))
  values[0].i32 = Int32(timer.rawValue)
  return nil
}

private let cancelFunction: wasmtime_host_function = { environment, _, values, _ in
  let host = host(environment), values = values!
  guard host.pointee.isEvent(), host.pointee.spend(0) else { return stopped() }
  host.pointee.effects.commands.append(.cancel(TimerID(UInt32(bitPattern: values[0].i32))))
  return nil
}

private let kickFunction: wasmtime_host_function = { environment, caller, values, _ in
  let host = host(environment), values = values!
  let slot = Slot(UInt32(bitPattern: values[0].i32))
  guard host.pointee.isEvent(), let reason = host.pointee.carry(caller, values[1].i32, values[2].i32) else {
    return stopped()
  }
  host.pointee.effects.commands.append(.kick(slot, reason: reason))
  return nil
}

private let logFunction: wasmtime_host_function = { environment, caller, values, _ in
  let host = host(environment), values = values!
  // A copy that is asked about itself may log; nobody needs to read it twice.
  if host.pointee.mode == .inspection { return nil }
  let level = UInt8(clamping: values[0].i32)
  guard let text = host.pointee.carry(caller, values[1].i32, values[2].i32) else { return stopped() }
  host.pointee.effects.commands.append(.log(level: min(level, 3), text: text))
  return nil
}

private let countFunction: wasmtime_host_function = { environment, caller, values, _ in
  let host = host(environment), values = values!
  guard host.pointee.isEvent(), let name = host.pointee.carry(caller, values[0].i32, values[1].i32) else {
    return stopped()
  }
  host.pointee.effects.commands.append(.count(name: name, amount: values[2].i64))
  return nil
}

private let labelFunction: wasmtime_host_function = { environment, caller, values, _ in
  let host = host(environment), values = values!
  guard host.pointee.isEvent(), let text = host.pointee.carry(caller, values[0].i32, values[1].i32) else {
    return stopped()
  }
  host.pointee.effects.commands.append(.label(text))
  return nil
}

private let propertyFunction: wasmtime_host_function = { environment, caller, values, _ in
  let host = host(environment), values = values!
  guard host.pointee.isEvent(), let text = host.pointee.carry(caller, values[0].i32, values[1].i32) else {
    return stopped()
  }
  host.pointee.effects.commands.append(.property(text))
  return nil
}

private let lockFunction: wasmtime_host_function = { environment, _, values, _ in
  let host = host(environment), values = values!
  guard host.pointee.isEvent(), host.pointee.spend(0) else { return stopped() }
  host.pointee.effects.commands.append(.lock(values[0].i32 != 0))
  return nil
}

private let endFunction: wasmtime_host_function = { environment, caller, values, _ in
  let host = host(environment), values = values!
  guard host.pointee.isEvent(), let reason = host.pointee.carry(caller, values[0].i32, values[1].i32) else {
    return stopped()
  }
  host.pointee.effects.commands.append(.end(reason: reason))
  return nil
}

private let askFunction: wasmtime_host_function = { environment, caller, values, _ in
  let host = host(environment), values = values!
  guard host.pointee.isEvent() else { return stopped() }
  guard let target = host.pointee.guestBytes(caller, values[1].i32, values[2].i32),
    let payload = host.pointee.guestBytes(caller, values[3].i32, values[4].i32),
    let request = host.pointee.request(kind: UInt32(bitPattern: values[0].i32), target, payload)
  else { return stopped() }
  values[0].i32 = Int32(bitPattern: request)
  return nil
}

private let timeFunction: wasmtime_host_function = { environment, _, values, _ in
  values![0].i64 = host(environment).pointee.context.time
  return nil
}

private let tickFunction: wasmtime_host_function = { environment, _, values, _ in
  values![0].i64 = Int64(bitPattern: host(environment).pointee.context.tick)
  return nil
}

private let stateFunction: wasmtime_host_function = { environment, caller, values, _ in
  let host = host(environment), values = values!
  guard host.pointee.mode == .inspection else {
    host.pointee.stop(.trap, "state was given outside of the calls that look at a room")
    return stopped()
  }
  guard let bytes = host.pointee.guestBytes(caller, values[0].i32, values[1].i32) else { return stopped() }
  guard host.pointee.stateBytes.count + bytes.count <= host.pointee.stateBytesMax else {
    host.pointee.stop(.output, "the room's state is written in more than \(host.pointee.stateBytesMax) bytes")
    return stopped()
  }
  host.pointee.stateBytes.append(contentsOf: bytes)
  return nil
}

private let outOfMemoryFunction: wasmtime_host_function = { environment, _, _, _ in
  host(environment).pointee.stop(.memory, "the room needs more memory than it may have")
  return stopped()
}
