// Times as manifests and the audit log write them: 2026-01-31T23:59:59Z.

package enum ISOTime {
  /// Microseconds since 1970 as UTC; a fraction is left out where it is zero.
  package static func text(microseconds: Int64) -> String {
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let (seconds, rest) = floored(microseconds, 1_000_000)
    let (days, second) = floored(seconds, 86_400)
    let (year, month, day) = civil(days)
    var text = String(repeating: "0", count: max(0, 4 - "\(year)".utf8.count)) + "\(year)"
    text += "-\(two(month))-\(two(day))T\(two(second / 3_600)):\(two(second / 60 % 60)):\(two(second % 60))"
    if rest > 0 {
      let digits = "\(rest)"
      text += "." + String(repeating: "0", count: 6 - digits.utf8.count) + digits
    }
    return text + "Z"
  }

  /// Microseconds since 1970, or nil. Seconds may have up to six more digits; the end is Z or an offset like +02:00.
  package static func microseconds(_ text: String) -> Int64? {
    var rest = Array(text.utf8)[...]
    func number(_ digits: Int, _ range: ClosedRange<Int64>) -> Int64? {
      guard rest.count >= digits else { return nil }
      var value: Int64 = 0
      for digit in rest.prefix(digits) {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
        value = value * 10 + Int64(digit - UInt8(ascii: "0"))
      }
      rest = rest.dropFirst(digits)
      return range.contains(value) ? value : nil
    }
    func sign(_ signs: String) -> Bool {
      guard let first = rest.first, signs.utf8.contains(first) else { return false }
      rest = rest.dropFirst()
      return true
    }
    guard let year = number(4, 1970...9999), sign("-"), let month = number(2, 1...12), sign("-"),
      let day = number(2, 1...31), sign("T"), let hour = number(2, 0...23), sign(":"),
      let minute = number(2, 0...59), sign(":"), let second = number(2, 0...59)
    else { return nil }
    let days = daysSince1970(year, month, day)
    guard civil(days) == (year, month, day) else { return nil }
    var fraction: Int64 = 0
    if sign(".") {
      let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
      guard (1...6).contains(digits), let value = number(digits, 0...999_999) else { return nil }
      fraction = (digits..<6).reduce(value) { value, _ in value * 10 }
    }
    var offset: Int64 = 0
    if !sign("Z") {
      let east = rest.first == UInt8(ascii: "+")
      guard sign("+-"), let hours = number(2, 0...14), sign(":"), let minutes = number(2, 0...59) else { return nil }
      offset = (hours * 60 + minutes) * (east ? 60 : -60)
    }
    guard rest.isEmpty else { return nil }
    return (days * 86_400 + hour * 3_600 + minute * 60 + second - offset) * 1_000_000 + fraction
  }

  private static func floored(_ number: Int64, _ by: Int64) -> (Int64, Int64) {
    let (quotient, rest) = number.quotientAndRemainder(dividingBy: by)
    return rest < 0 ? (quotient - 1, rest + by) : (quotient, rest)
  }

  // In years that begin in March a leap day is the last one, so that days count evenly.
  private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month > 2 ? year : year - 1
    let (era, yearOfEra) = floored(shifted, 400)
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
  private static func civil(_ days: Int64) -> (Int64, Int64, Int64) {
    let (era, dayOfEra) = floored(days + 719_468, 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }
}
