// What a process that died in native code left behind: the report of Swift's runtime, read for the functions of one module.
package import Artifacts
package import Core

package enum NativeReport {
  /// A report is a few kilobytes, with every image and register.
  package static let bytesMax = 4 * 1_048_576

  /// Where the process was in that module's library when it died, innermost first, with source lines where there are
  /// any. nil: it died elsewhere.
  package static func backtrace(
    _ report: JSON, of module: ModuleHash, lines: SourceLines?
  ) -> (frames: [String], reason: String?)? {
    guard let image = report["images"]?.items.first(where: { $0["name"]?.text == "\(module).so" }),
      let base = number(image["baseAddress"]), let end = number(image["endOfText"]),
      let thread = report["threads"]?.items.first(where: { $0["crashed"] == .bool(true) })
    else { return nil }
    var frames: [String] = []
    var reason: String?
    for frame in thread["frames"]?.items ?? [] {
      guard let address = number(frame["address"]), (base..<max(base, end)).contains(address) else {
        // The innermost frame says whose fault it is.
        if frames.isEmpty { return nil }
        break
      }
      // A return address is behind the call.
      let place = UInt32(truncatingIfNeeded: address &- base &- (frame["kind"]?.text == "programCounter" ? 0 : 1))
      if let found = lines?.look(at: place) {
        if frames.isEmpty { reason = found.reason }
        frames += found.frames
      } else {
        frames.append(SourceLines.frame("\(module.description.prefix(8)).so", at: place))
      }
    }
    return frames.isEmpty ? nil : (Array(frames.prefix(SandboxLimits.backtraceFramesMax)), reason)
  }

  private static func number(_ value: JSON?) -> UInt64? {
    value?.text.flatMap { $0.hasPrefix("0x") ? UInt64($0.dropFirst(2), radix: 16) : nil }
  }
}

extension JSON {
  fileprivate var items: [JSON] {
    if case .array(let items) = self { return items }
    return []
  }
}
