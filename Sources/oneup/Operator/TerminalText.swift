// Text that players chose, as a terminal may be given it: names of rooms and people in every script and of every length.

extension String {
  /// Without what would steer the terminal, or turn the direction of the rest of the line.
  var forTerminal: String {
    guard unicodeScalars.contains(where: \.steersTerminals) else { return self }
    var text = UnicodeScalarView()
    for scalar in unicodeScalars { text.append(scalar.steersTerminals ? "\u{fffd}" : scalar) }
    return String(text)
  }
  /// Cells that a terminal gives it; some differ about pictures that are joined from others.
  var cells: Int { reduce(0) { $0 + $1.cells } }
  /// In so many cells.
  func prefix(cells most: Int) -> Substring {
    var count = 0
    return prefix { character in
      count += character.cells
      return count <= most
    }
  }
  /// All of it, or as much as leaves room for the sign that more was there.
  func shortened(cells most: Int) -> String { cells <= most ? self : prefix(cells: most - 1) + "…" }
}

extension Character {
  fileprivate var cells: Int {
    if isASCII { return 1 }
    let first = unicodeScalars.first!
    if Unicode.Scalar.wide.contains(where: { $0.contains(first.value) }) { return 2 }
    return switch first.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: 0
    default: 1
    }
  }
}

extension Unicode.Scalar {
  fileprivate var steersTerminals: Bool {
    switch properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: true
    default: (0x202A...0x202E).contains(value) || (0x2066...0x2069).contains(value)
    }
  }
  /// Chinese, Japanese and Korean characters, and pictures.
  fileprivate static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
    0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1FAFF, 0x20000...0x3FFFD,
  ]
}
