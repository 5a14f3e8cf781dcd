// The `oneup` binary: every role and tool is a subcommand. Composition only; what they do lives in their targets.
import ArgumentParser

enum Version {
  static let text = "0.1.0"
}

// Synchronous on purpose: the supervisor must start its children from the main thread, with which they die.
@main
struct OneUp: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "oneup",
    abstract: "A game server with extra lives: rooms that survive crashes, kills and bugs.",
    discussion: """
      Start a server:        oneup serve --dev --data ./data
      Make a game:           oneup new meadow && oneup dev meadow
      Look at a server:      oneup ps, oneup top, oneup why tally/hello, oneup doctor
      Release a fix:         oneup release push modules/arena.wasm
      Prove it to yourself:  oneup drill --seconds 20 --fault worker-kill=3s

      Every setting of `serve` can also be an environment variable (ONEUP_LISTEN) or a line of a YAML file (--config \
      FILE); `oneup settings` lists them all.
      """,
    version: Version.text,
    subcommands: [
      ServeCommand.self, NewCommand.self, DevCommand.self, BuildCommand.self, TestCommand.self, DrillCommand.self,
      JournalCommand.self,
      SettingsCommand.self, ReleaseCommand.self, CrashCommand.self, RehearseCommand.self, NeededBuildsCommand.self,
      KeysCommand.self, SignCommand.self, VerifyCommand.self, AuditCommand.self,
      PsCommand.self, TopCommand.self, WhyCommand.self, DoctorCommand.self,
      WorkerCommand.self, GatewayCommand.self, ControlCommand.self,
    ])
}
