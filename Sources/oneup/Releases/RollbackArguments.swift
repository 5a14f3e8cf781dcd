// What takes a release back: the same words for `oneup serve` and for a rehearsal by hand.
import ArgumentParser
import ReleaseCore

struct RollbackArguments: ParsableArguments {
  @Option(help: Setting.rollbackFailures.help) var rollbackFailures: String?
  @Option(help: Setting.rollbackChecks.help) var rollbackChecks: String?
  @Option(help: Setting.rollbackErrors.help) var rollbackErrorsPercent: String?
  @Option(help: Setting.rollbackFuel.help) var rollbackFuelPercent: String?
  @Option(help: Setting.rollbackTime.help) var rollbackTimePercent: String?
  @Option(help: Setting.rollbackMemory.help) var rollbackMemoryPercent: String?
  @Option(help: Setting.rollbackRefusals.help) var rollbackRefusalsPercent: String?
  @Option(help: Setting.rollbackDifferences.help) var rollbackDifferencesPercent: String?

  var given: [(Setting, String?)] {
    [
      (.rollbackFailures, rollbackFailures), (.rollbackChecks, rollbackChecks),
      (.rollbackErrors, rollbackErrorsPercent),
      (.rollbackFuel, rollbackFuelPercent), (.rollbackTime, rollbackTimePercent),
      (.rollbackMemory, rollbackMemoryPercent), (.rollbackRefusals, rollbackRefusalsPercent),
      (.rollbackDifferences, rollbackDifferencesPercent),
    ]
  }

  /// Without a server's other settings: what was given, else the defaults.
  func settings() throws -> ReleaseSettings {
    let texts = Dictionary(given.map { ($0.name, $1) }) { first, _ in first }
    return try ReleaseSettings { setting in
      let text = (texts[setting.name] ?? nil) ?? setting.fallback ?? ""
      guard case .integer(let range) = setting.kind, let number = Int(text), range.contains(number) else {
        throw ValidationError("--\(setting.name) is \"\(text)\" and must be \(setting.demand)")
      }
      return number
    }
  }
}

extension ReleaseSettings {
  /// Those of `Setting.rollbacks`. 0 takes no release back.
  init(rollbacks number: (Setting) throws -> Int) throws {
    self.init()
    func most(_ setting: Setting) throws -> UInt64? {
      let count = try number(setting)
      return count == 0 ? nil : UInt64(count - 1)
    }
    func percent(_ setting: Setting) throws -> Double? {
      let percent = try number(setting)
      return percent == 0 ? nil : Double(percent)
    }
    func ratio(_ setting: Setting) throws -> Double? { try percent(setting).map { 1 + $0 / 100 } }
    unsharedTrapsMax = try most(.rollbackFailures)
    checkFailuresMax = try most(.rollbackChecks)
    errorPercentMax = try percent(.rollbackErrors)
    fuelRatioMax = try ratio(.rollbackFuel)
    timeRatioMax = try ratio(.rollbackTime)
    memoryRatioMax = try ratio(.rollbackMemory)
    refusalPercentMax = try percent(.rollbackRefusals)
    outcomePercentMax = try percent(.rollbackDifferences)
  }
}
