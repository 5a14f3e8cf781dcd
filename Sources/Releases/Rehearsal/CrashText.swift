// Crashes and their replays in sentences, and as JSON.
package import Artifacts
internal import Core
internal import FoundationEssentials
internal import Sandbox
internal import WorkerCore

package struct CrashText {
  let name: String
  let crash: CrashCase
  /// Of the build that crashed; nil: it is not here.
  let manifest: Manifest?
  private let culprit: ReplayEvent?
  /// With source lines where they are here.
  package let backtrace: [String]

  package init(name: String, crash: CrashCase, build: CrashCase.Build?) {
    self.name = name
    self.crash = crash
    manifest = build?.manifest
    backtrace = build?.sourceLines?.lines(for: crash.bundle.fault.backtrace) ?? crash.bundle.fault.backtrace
    culprit = (try? ReplayEvent.culprit(of: crash.bundle)) ?? nil
  }

  private var bundle: CrashBundle { crash.bundle }
  /// `arena/lobby`
  package var room: String { bundle.moduleName.isEmpty ? "\(bundle.room)" : "\(bundle.moduleName)/\(bundle.key)" }
  private var build: String {
    manifest.map { "\($0.name) \($0.version)" } ?? "\(bundle.moduleName), a build that is not here"
  }

  /// `input`, with whose it was.
  package var event: String {
    if let call = bundle.call { return "none: \(call.text)" }
    guard let culprit else { return "none" }
    guard let slot = culprit.slot else { return culprit.name }
    return "\(culprit.name) of \(Self.player(at: slot, in: bundle).map { "\($0), " } ?? "")slot \(slot)"
  }

  private var given: [String] {
    guard let culprit, !culprit.payload.isEmpty else { return [] }
    var lines = ["given     \(PayloadText.hex(culprit.payload))"]
    if culprit.name == "input", let text = PayloadText.message(culprit.payload, schema: manifest?.schema) {
      lines.append("which is  \(text)")
    }
    return lines
  }

  package var lines: [String] {
    var lines = [
      "crash     \(name)",
      "fault     \(bundle.fault.kind): \(bundle.fault.text)",
      "room      \(room) (\(bundle.room), shard \(bundle.shard))",
      "build     \(build) (\(bundle.module))",
      "event     \(bundle.event): \(event)",
    ]
    if bundle.time != 0 { lines.append("time      \(Self.time(bundle.time)), tick \(bundle.tick)") }
    lines += given
    let events = (try? ReplayEvent.all(of: bundle).count) ?? 0
    lines.append(
      "holds     " + (bundle.snapshot.isEmpty ? "the room's beginning" : "a snapshot of \(bundle.snapshot.count) bytes")
        + ", \(events) events after it" + (bundle.stateHash == nil ? "" : ", and the hash of the state they led to"))
    guard !backtrace.isEmpty else { return lines }
    lines.append("backtrace")
    return lines + Self.frames(backtrace)
  }

  /// The innermost place in the game's own code, as far as it can be told; else the innermost of all.
  package var place: String {
    backtrace.first { $0.contains(".swift:") && !$0.hasPrefix("Context.") } ?? backtrace.first ?? ""
  }

  static func frames(_ backtrace: [String]) -> [String] {
    backtrace.enumerated().map { "\($0.offset < 10 ? "   " : "  ")\($0.offset)  \($0.element)" }
  }

  package var json: JSON {
    var fields: [String: JSON] = [
      "name": .text(name), "fault": .text("\(bundle.fault.kind)"), "text": .text(bundle.fault.text),
      "backtrace": .array(backtrace.map { .text($0) }), "room": .text("\(bundle.room)"),
      "module": .text(bundle.moduleName), "key": .text(bundle.key), "sha256": .text("\(bundle.module)"),
      "version": manifest.map { .text($0.version) } ?? .null, "event": .number(bundle.event.rawValue),
      "kind": culprit.map { .text($0.name) } ?? .null,
      "call": bundle.call.map { .text("\($0)") } ?? .null, "engine": .text(bundle.engine),
      "timeMicroseconds": .number(bundle.time), "tick": .number(bundle.tick),
      "tailEvents": .number((try? ReplayEvent.all(of: bundle).count) ?? 0),
    ]
    guard let culprit else { return .object(fields) }
    if let slot = culprit.slot {
      fields["slot"] = .number(slot.rawValue)
      fields["player"] = Self.player(at: slot, in: bundle).map { .text($0) } ?? .null
    }
    fields["payload"] = .text(PayloadText.hex(culprit.payload, bytesMax: .max).filter { $0 != " " })
    fields["message"] =
      PayloadText.message(culprit.payload, schema: manifest?.schema).map { .text($0) } ?? .null
    return .object(fields)
  }

  /// Who had the place when the event came: as the snapshot says, and who came after it.
  private static func player(at slot: Slot, in bundle: CrashBundle) -> String? {
    var name: [UInt8]?
    bundle.snapshot.withUnsafeBytes { bytes in
      if !bytes.isEmpty, let snapshot = try? RoomSnapshot(bytes) {
        let members = snapshot.host.members
        name = Int(slot.rawValue) < members.count ? members[Int(slot.rawValue)]?.player : nil
      }
    }
    let culprit = ((try? ReplayEvent.culprit(of: bundle)) ?? nil).map { [$0] } ?? []
    for event in ((try? ReplayEvent.all(of: bundle)) ?? []) + culprit where event.name == "joined" {
      event.bytes.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        if case .joined(let joining)? = (try? reader.takeEvent())?.1, joining.slot == slot {
          name = Array(joining.player)
        }
      }
    }
    return name.map { String(decoding: $0, as: UTF8.self) }
  }

  package static func time(_ microseconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(microseconds) / 1_000_000).formatted(.iso8601)
  }
}

extension CrashReplay {
  package var lines: [String] {
    let event =
      bundle.call.map { "\($0) after \(events) events" } ?? "event \(bundle.event) after \(events) others"
    var lines: [String]
    switch outcome {
    case .applied:
      lines = [
        isOtherBuild
          ? "survives: \(manifest.version) applies \(event)"
          : "different: \(manifest.version) applies \(event) here, which failed there: \(bundle.fault.text)"
      ]
    case .refused(let reason):
      let why = reason.isEmpty ? "" : ": \(reason)"
      lines = [
        isOtherBuild
          ? "survives: \(manifest.version) refuses \(event)\(why)"
          : "different: \(manifest.version) refuses \(event) here\(why)"
      ]
    case .failed(let fault):
      let heading = isOtherBuild ? "fails" : isSame ? "the same" : "different"
      lines = ["\(heading): \(manifest.version) fails at \(event): \(fault.kind): \(fault.text)"]
      lines += CrashText.frames(fault.backtrace)
      if !isOtherBuild, !isSame {
        lines.append("recorded: \(bundle.fault.kind): \(bundle.fault.text)")
        lines += CrashText.frames(recorded.backtrace)
      }
    }
    if !isOtherBuild {
      switch state {
      case .same: lines.append("the state before it is the one that the server had, byte for byte")
      case .different: lines.append("the state before it is another than the server had")
      case .unknown: lines.append("the state before it cannot be compared: the server did not write its hash")
      }
    }
    return lines + remarks.map { "note: \($0)" }
  }

  package var json: JSON {
    var fields: [String: JSON] = [
      "state": .text(state.rawValue), "events": .number(events), "module": .text(manifest.name),
      "version": .text(manifest.version), "sha256": .text("\(manifest.hash)"), "same": .bool(isSame),
      "recorded": Self.json(recorded), "remarks": .array(remarks.map { .text($0) }),
      "fault": .null, "text": .text(""), "backtrace": .array([]),
    ]
    switch outcome {
    case .applied: fields["outcome"] = .text("applied")
    case .refused(let reason):
      fields["outcome"] = .text("refused")
      fields["text"] = .text(reason)
    case .failed(let fault):
      fields["outcome"] = .text("failed")
      fields["fault"] = .text("\(fault.kind)")
      fields["text"] = .text(fault.text)
      fields["backtrace"] = .array(fault.backtrace.map { .text($0) })
    }
    if isOtherBuild { fields["survives"] = .bool(survives) }
    return .object(fields)
  }

  private static func json(_ fault: RoomFault) -> JSON {
    .object([
      "fault": .text("\(fault.kind)"), "text": .text(fault.text),
      "backtrace": .array(fault.backtrace.map { .text($0) }),
    ])
  }
}
