// The settings of releases: whose builds are taken, how long each step of a rollout is watched, and what takes it back.

extension Setting {
  static let trust = Setting(
    name: "trust", kind: .list, unit: nil, fallback: nil,
    text:
      "Whose builds are taken: public keys (64 hexadecimal digits) and files of them, between commas. With --dev also "
      + "the key in DATA/keys/dev.key, which signs what comes unsigned.")
  static let trustNative = Setting(
    name: "trust-native", kind: .list, unit: nil, fallback: nil,
    text: "Whose native modules are taken, too; they are not confined to a sandbox. Written as for trust. Without it: "
      + "nobody's.")
  static let bake = Setting(
    name: "bake-seconds", kind: .integer(0...86_400), unit: "seconds", fallback: "30",
    text: "How long a new version is watched at each step of a rollout (1 room, then 5, 25, 50, 100 % of rooms).")
  static let stepEvents = Setting(
    name: "step-events", kind: .integer(0...1_000_000), unit: "events", fallback: "20",
    text: "Events that a new version must have run at a step before the next one: no evidence is not good evidence.")
  static let stepDeadline = Setting(
    name: "step-deadline-seconds", kind: .integer(1...604_800), unit: "seconds", fallback: "600",
    text: "A step that has too few events by then pauses the rollout, which says so.")
  static let rehearsal = Setting(
    name: "rehearse-seconds", kind: .integer(1...600), unit: "seconds", fallback: "30",
    text: "How long a rehearsal on copies of live rooms may take.")
  static let history = Setting(
    name: "history-mib", kind: .integer(0...4_096), unit: "MiB", fallback: "32",
    text:
      "So much of each shard's log is kept although no takeover needs it: rehearsals play rooms' last two minutes from "
      + "it. It gives way where the disk is full.")
  static let rollbackFailures = Setting(
    name: "rollback-failures", kind: .integer(0...1_000_000), unit: "events", fallback: "1",
    text:
      "A new version goes back where it failed at so many events that the old one did not fail at. Each of them sends "
      + "its own room back at once, whatever this says. 0: the other rooms stay.")
  static let rollbackChecks = Setting(
    name: "rollback-checks", kind: .integer(0...1_000_000), unit: "looks", fallback: "1",
    text: "A new version goes back where its check() found rooms wrong so many times more than the old one's. 0: not "
      + "because of that.")
  static let rollbackErrors = percent(
    "rollback-errors-percent", "5", "so many of its events failed over 10 s (of at least 20)")
  static let rollbackFuel = percent(
    "rollback-fuel-percent", "50", "its events use so much more fuel than under the old one (99th percentile)")
  static let rollbackTime = percent(
    "rollback-time-percent", "200", "its events take so much more time than under the old one (99th percentile)")
  static let rollbackMemory = percent(
    "rollback-memory-percent", "50", "its largest room uses so much more memory than under the old one")
  static let rollbackRefusals = percent(
    "rollback-refusals-percent", "5", "it refuses so many more of the events than the old one")
  static let rollbackDifferences = percent(
    "rollback-differences-percent", "5",
    "so many events end otherwise than under the old one, which did not fail at them")

  private static func percent(_ name: String, _ fallback: String, _ text: String) -> Setting {
    Setting(
      name: name, kind: .integer(0...100_000), unit: "percent", fallback: fallback,
      text: "A new version goes back where \(text). 0: not because of that.")
  }
  static let pauseCPU = Setting(
    name: "pause-cpu-percent", kind: .integer(1...100), unit: "percent", fallback: "90",
    text: "A rollout pauses, and asks, where the machine's processors are so busy for 60 s.")

  /// What takes a release back, out of rooms and out of its rehearsal.
  static let rollbacks = [
    rollbackFailures, rollbackChecks, rollbackErrors, rollbackFuel, rollbackTime, rollbackMemory, rollbackRefusals,
    rollbackDifferences,
  ]
  static let releases =
    [trust, trustNative, bake, stepEvents, stepDeadline, rehearsal, history] + rollbacks + [pauseCPU]
}
