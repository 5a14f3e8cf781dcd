// A module made for the tests of releases: a purse that only signals change, and two hot-fixes of it on the shelf. The
// first says more, the second fails at 13, and at its timers, which 14 sets.

enum PurseModule {
  private static let source = """
    import OneUpRoom

    struct Purse: Room {
      static let settings = Settings(clientsMayCreate: false)
      var total: UInt32 = 0
      mutating func fields<C: Coder>(_ c: inout C) { c(1, "total", &total) }

      mutating func signal(_ message: Incoming, _ room: Context) throws(Refused) {
        var reader = message.reader
        let amount = try reader.u8()
        #if FAILS
          precondition(amount != 13, "a bug")
        if amount == 14 { for _ in 0..<8 { room.after(.milliseconds(1)) } }
        #endif
        total += UInt32(amount)
        #if SAYS_MORE
          room.reply([UInt8(truncatingIfNeeded: total), 1])
        #else
          room.reply([UInt8(truncatingIfNeeded: total)])
        #endif
      }
      #if FAILS
      mutating func timer(_ message: Incoming, _ room: Context) { preconditionFailure("another bug") }
      #endif
    }
    """
  private static let variants = """
    [{"version": "hotfix-1.0.0-v1", "define": ["SAYS_MORE"], "reason": "says more"},
     {"version": "hotfix-1.0.0-v2", "define": ["FAILS"], "reason": "fails at 13"}]
    """
  static let good = "purse-hotfix-1.0.0-v1"
  static let bad = "purse-hotfix-1.0.0-v2"

  /// A directory of modules with the purse in it, and its hot-fixes on the shelf; built once for all tests.
  static let directory: Result<String, any Error> = Result {
    try MadeModule.build("purse", "Purse", in: MadeModule.place("purse"), source, variants: variants)
  }
}
