// One line on standard error that is written over and over.
import Glibc

/// For one task.
final class Progress {
  private let isShown: Bool
  private var shownAt: Int64 = 0
  var faults = 0

  init(isShown: Bool) { self.isShown = isShown }

  var isDue: Bool { isShown && Fleet.now() - shownAt >= 200_000 }

  func show(_ line: String) {
    guard isDue else { return }
    shownAt = Fleet.now()
    write("\r\u{1B}[K\(line)")
  }
  func clear() { if isShown { write("\r\u{1B}[K") } }

  private func write(_ text: String) { _ = text.withCString { Glibc.write(2, $0, strlen($0)) } }
}

/// With so many places after the point.
func fixed(_ value: Double, _ places: Int) -> String {
  var scale = 1.0
  for _ in 0..<places { scale *= 10 }
  let whole = Int64((abs(value) * scale).rounded())
  let digits = String(whole)
  let padded = String(repeating: "0", count: max(places + 1 - digits.count, 0)) + digits
  let sign = value < 0 && whole != 0 ? "-" : ""
  guard places > 0 else { return sign + padded }
  return sign + padded.dropLast(places) + "." + padded.suffix(places)
}
