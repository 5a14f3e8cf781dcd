// What a worker that died in native code left behind, for the crash bundle that its successor writes.
internal import Artifacts
internal import Core
internal import Glibc
internal import Sandbox

struct NativeDeaths {
  /// The server's data directory.
  let data: String
  /// Reports that are looked at, the newest first: two workers died at the event, and others may have meanwhile.
  private static let reportsMax = 8

  /// The fault with what the newest report says of the module's library; as it was where none says anything.
  func explained(_ fault: RoomFault, of module: ModuleHash) -> RoomFault {
    guard fault.kind == .death, fault.backtrace.isEmpty else { return fault }
    let lines = SourceLines.read("\(data)/modules/\(module).\(SourceLines.fileExtension)", for: module)
    for path in reports() {
      guard let bytes = Self.contents(of: path), let report = try? JSON(bytes),
        let found = NativeReport.backtrace(report, of: module, lines: lines)
      else { continue }
      var fault = fault
      fault.backtrace = found.frames
      if let reason = found.reason { fault.text += ": \(reason)" }
      return fault
    }
    return fault
  }

  /// Of Swift's runtime: PROGRAM-PID-….json; the bundles' own begin with a digit.
  private func reports() -> [String] {
    guard let open = opendir(data + "/crashes") else { return [] }
    defer { closedir(open) }
    var found: [(path: String, time: Int)] = []
    while let entry = readdir(open) {
      let name = withUnsafePointer(to: entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name.hasSuffix(".json"), name.first?.isNumber == false else { continue }
      var status = stat()
      let path = "\(data)/crashes/\(name)"
      if stat(path, &status) == 0 { found.append((path, status.st_mtim.tv_sec)) }
    }
    return found.sorted { ($0.time, $0.path) > ($1.time, $1.path) }.prefix(Self.reportsMax).map(\.path)
  }

  private static func contents(of path: String) -> [UInt8]? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: NativeReport.bytesMax)
    let count = fread(&bytes, 1, bytes.count, file)
    return count < bytes.count ? Array(bytes[..<count]) : nil
  }
}
