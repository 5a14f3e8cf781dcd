// The settings of releases as `oneup serve` takes them and its processes get them.
import ArgumentParser
import Artifacts
import Control
import ReleaseCore
import SupervisionShell

struct ReleaseArguments: ParsableArguments {
  @Option(help: Setting.trust.help) var trust: String?
  @Option(help: Setting.trustNative.help) var trustNative: String?
  @Option(help: Setting.bake.help) var bakeSeconds: String?
  @Option(help: Setting.stepEvents.help) var stepEvents: String?
  @Option(help: Setting.stepDeadline.help) var stepDeadlineSeconds: String?
  @Option(help: Setting.rehearsal.help) var rehearseSeconds: String?
  @Option(help: Setting.history.help) var historyMib: String?
  @OptionGroup var rollback: RollbackArguments
  @Option(help: Setting.pauseCPU.help) var pauseCpuPercent: String?

  var given: [(Setting, String?)] {
    [
      (.trust, trust), (.trustNative, trustNative), (.bake, bakeSeconds), (.stepEvents, stepEvents),
      (.stepDeadline, stepDeadlineSeconds), (.rehearsal, rehearseSeconds), (.history, historyMib),
      (.pauseCPU, pauseCpuPercent),
    ] + rollback.given
  }
}

struct ReleaseValues: Sendable {
  /// Without the development key, which the data directory has.
  let trusted: TrustedKeys
  let trustedNative: TrustedKeys
  /// What the others say, by setting's name.
  private let numbers: [String: String]

  /// `value`: a setting's checked value, or its default.
  init(_ value: (Setting) throws -> String?) throws {
    func keys(_ setting: Setting) throws -> TrustedKeys {
      let list = try value(setting) ?? ""
      do throws(ArtifactError) { return try KeyFile.trusted(list) } catch {
        throw StartError(
          "The setting \(setting.name) must be public keys (64 hexadecimal digits) or files of them: \(error).")
      }
    }
    trusted = try keys(.trust)
    trustedNative = try keys(.trustNative)
    var numbers: [String: String] = [:]
    for setting in Setting.releases {
      if case .integer = setting.kind { numbers[setting.name] = try value(setting) }
    }
    self.numbers = numbers
  }

  /// For the processes of the server; `ControlCommand` reads it.
  var passedOn: [String: String] {
    var values = numbers
    values[Setting.trust.name] = Self.text(trusted)
    values[Setting.trustNative.name] = Self.text(trustedNative)
    return values
  }

  private static func text(_ keys: TrustedKeys) -> String {
    keys.ids.compactMap { keys[$0]?.hex }.joined(separator: ",")
  }
}

extension ReleaseValues {
  /// Of a process that was given `passedOn`.
  static func options(_ role: RoleConfiguration) throws -> ReleaseOptions {
    func keys(_ setting: Setting) throws -> TrustedKeys {
      do throws(ArtifactError) { return try KeyFile.trusted(role.values[setting.name] ?? "") } catch {
        throw StartError(error.description)
      }
    }
    func number(_ setting: Setting) throws -> Int { try role.number(setting.name) }
    var settings = try ReleaseSettings(rollbacks: number)
    settings.bakeSeconds = try number(.bake)
    settings.eventsPerStep = UInt64(try number(.stepEvents))
    settings.stepSecondsMax = try number(.stepDeadline)
    settings.loadPercentMax = try number(.pauseCPU)
    let files = try files(try role.text("data"))
    return ReleaseOptions(
      files: files,
      trust: try trust(
        trusted: try keys(.trust), trustedNative: try keys(.trustNative), isDevelopment: try role.text("dev") == "true",
        files),
      settings: settings, rehearseSeconds: try number(.rehearsal),
      rehearsalArguments: try Setting.rollbacks.flatMap { ["--\($0.name)", "\(try number($0))"] },
      shards: try role.number("shards"))
  }

  private static func files(_ data: String) throws(StartError) -> ReleaseFiles {
    do throws(ArtifactError) { return try ReleaseFiles(data: data) } catch { throw StartError("Releases: \(error).") }
  }

  static func trust(
    trusted: TrustedKeys, trustedNative: TrustedKeys, isDevelopment: Bool, _ files: ReleaseFiles
  ) throws(StartError) -> ReleaseTrust {
    do throws(ArtifactError) {
      return try ReleaseTrust(
        trusted: trusted, trustedNative: trustedNative, isDevelopment: isDevelopment, files)
    } catch { throw StartError("The keys of releases: \(error).") }
  }

  /// Takes in what the modules directory has that is new to the server. Throws where nothing can be run for want of keys.
  /// Returns what was refused, for the log.
  func takeIn(_ settings: Settings, data: String) throws(StartError) -> [String] {
    let files = try Self.files(data)
    let trust = try Self.trust(
      trusted: trusted, trustedNative: trustedNative, isDevelopment: settings.isDevelopment, files)
    let outcome: Intake.Outcome
    do throws(ArtifactError) {
      outcome = try Intake(files, directory: settings.modules, trust: trust).run()
      if outcome.needsKeys {
        throw ArtifactError(
          "nobody signed the builds in \(settings.modules), and no key is trusted. For development start with "
            + "--dev; else make a key with `oneup keys new --out my.key`, sign with `oneup sign \(settings.modules)/NAME.json "
            + "--key my.key`, and start with --trust my.key.pub")
      }
    } catch { throw StartError("Releases: \(error).") }
    return outcome.withdrawn.map { "build-withdrawn: \($0)" }
      + outcome.refused.map { "module-refused: \(settings.modules)/\($0.file) is not taken in: \($0.why)" }
  }
}
