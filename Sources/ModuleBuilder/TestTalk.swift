// What `swift test` says, cut down to what the author of a game wants to hear.

/// Line by line. Until the tests run, all is held back: it is progress while it goes well, and what to show where no test
/// came to run. Of the run itself only announcements are left out.
package struct TestTalk {
  package enum Word: Equatable {
    /// Of passing interest.
    case progress(String)
    case line(String)
  }
  private var held: [String] = []
  private var isRunning = false

  package init() {}

  package mutating func take(_ line: String) -> Word? {
    if isRunning { return TestTalk.isAnnouncement(line) ? nil : .line(line) }
    isRunning = line.hasPrefix("◇ Test run started")
    if isRunning { return nil }
    held.append(line)
    return line.hasPrefix("[") ? .progress(line) : nil
  }
  /// What is to be shown when nothing more comes.
  package var rest: [String] { isRunning ? [] : held }

  private static func isAnnouncement(_ line: String) -> Bool {
    ["◇ ", "✔ Suite ", "↳ Testing Library Version", "↳ Target Platform"].contains { line.hasPrefix($0) }
  }
}
