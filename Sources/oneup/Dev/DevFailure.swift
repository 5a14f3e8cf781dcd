// A failure of the game while it runs, in the one line that its author needs first.
import Foundation

/// A crash's report, as far as it is read here.
struct DevFailure: Decodable {
  var text: String
  var backtrace: [String]?

  /// With the first place that is in one of `files`: what is called from there is the SDK's or Swift's own.
  func text(files: Set<String>) -> String {
    let frames = backtrace ?? []
    let own = frames.first { frame in
      guard let open = frame.lastIndex(of: "("), let colon = frame[open...].firstIndex(of: ":") else { return false }
      return files.contains(String(frame[frame.index(after: open)..<colon]))
    }
    guard let place = own ?? frames.first else { return text }
    return "\(text)\nin \(place)"
  }
}
