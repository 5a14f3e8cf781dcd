// One child: its process descriptor and the supervisor's end of its channel.
import CHost
import Glibc
import SupervisionCore
import Wire

/// Its descriptors are closed when the last reference goes.
final class ChildProcess {
  let instance: Instance
  let pid: Int32
  let pidfd: Int32
  let channel: Int32
  private var incoming = SupervisorChannelBuffer()
  private var outgoing: [UInt8] = []
  /// Nothing more comes from or goes to it; its death is awaited.
  private(set) var channelIsOver = false

  /// Bytes a child may leave unread before its channel counts as broken.
  static let outgoingBytesMax = 8 * 1_048_576

  init(
    _ instance: Instance, _ role: ChildRole, executable: String, arguments: [String], environment: [String],
    descriptors: [Int32]
  ) throws(StartError) {
    var pair: [Int32] = [-1, -1]
    let made = oneup_channel_pair(&pair)
    guard made == 0 else { throw StartError("no channel: \(systemText(-made))") }
    var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) }
    argv.append(nil)
    envp.append(nil)
    defer {
      for pointer in argv + envp { free(pointer) }
      close(pair[1])
    }
    let given = [pair[1]] + descriptors
    var pidfd: Int32 = -1
    let pid = oneup_spawn(executable, argv, envp, given, given.count, &pidfd)
    guard pid > 0 else {
      close(pair[0])
      throw StartError(systemText(-pid))
    }
    self.instance = instance
    self.pid = pid
    self.pidfd = pidfd
    channel = pair[0]
  }

  deinit {
    close(channel)
    close(pidfd)
  }

  var wantsToWrite: Bool { !outgoing.isEmpty && !channelIsOver }

  /// Sends what fits now and keeps the rest. Returns why the channel is broken, if it is.
  func send(_ message: FromSupervisor) -> String? {
    guard !channelIsOver else { return nil }
    message.encode(into: &outgoing)
    return flush()
  }

  func flush() -> String? {
    while !outgoing.isEmpty, !channelIsOver {
      let sent = outgoing.withUnsafeBytes { Glibc.send(channel, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if sent > 0 {
        outgoing.removeFirst(sent)
      } else if errno == EAGAIN {
        guard outgoing.count <= Self.outgoingBytesMax else { return over("it does not read its channel") }
        return nil
      } else if errno != EINTR {
        // Its death explains it; a process that lives without reading is found by its beats.
        return nil
      }
    }
    return nil
  }

  /// Reads all there is. Returns why the channel is broken, if it is.
  func receive(_ body: (ToSupervisor) -> Void) -> String? {
    guard !channelIsOver else { return nil }
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let got = recv(channel, &chunk, chunk.count, 0)
      if got > 0 {
        chunk.withUnsafeBytes { incoming.append(UnsafeRawBufferPointer(rebasing: $0[..<got])) }
        do {
          try incoming.drain { kind, record in body(try ToSupervisor(kind: kind, record)) }
        } catch { return over("\(error)") }
        if got < chunk.count { return nil }
      } else if got == 0 {
        return over("it closed its channel")
      } else if errno != EINTR {
        return errno == EAGAIN ? nil : over(systemText(errno))
      }
    }
  }

  private func over(_ reason: String) -> String {
    channelIsOver = true
    return reason
  }

  func signal(_ signal: Int32) { _ = oneup_pidfd_signal(pidfd, signal) }

  /// How it ended, once it has.
  func reap() -> Death? {
    var how: Int32 = 0
    var status: Int32 = 0
    guard oneup_pidfd_reap(pidfd, &how, &status) == 1 else { return nil }
    return how == 1 ? .exited(status) : .killed(signal: status)
  }
}
