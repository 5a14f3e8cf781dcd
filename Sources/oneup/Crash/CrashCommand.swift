// `oneup crash`: crashes as files: looked at, run again, tried on a fix, taken elsewhere.
import ArgumentParser
import Artifacts
import Core
import Foundation
import Rehearsal
import WorkerCore

struct CrashCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "crash", abstract: "List, show, replay and export the crashes that a server's rooms had.",
    discussion: """
      CRASH is a name from the list, the beginning of one, `last`, or a file: a bundle, or what `export` wrote. No \
      server need be running.

      Examples:
        oneup crash list
        oneup crash show last
        oneup crash replay last                                does it fail again?
        oneup crash replay last --module modules/arena.wasm    is it fixed?
        oneup crash export last gem.crash                      for another machine
      """,
    subcommands: [List.self, Show.self, Replay.self, Export.self])

  struct Place: ParsableArguments {
    @Option(help: ArgumentHelp("The server's data directory, which holds crashes and builds.", valueName: "path"))
    var data = "data"
    @Flag(help: "Print JSON.") var json = false

    var store: CrashStore { CrashStore(data: data) }
    /// An empty list must not mean that the wrong directory was asked.
    func check() throws(RehearsalError) {
      guard DataPlace.isThere(data) else { throw RehearsalError(DataPlace.absence(data)) }
    }
    /// A crash by its name; a file needs no data directory.
    func find(_ name: String) throws(RehearsalError) -> (name: String, crash: CrashCase) {
      if !name.contains("/"), !FileManager.default.fileExists(atPath: name) { try check() }
      return try store.find(name)
    }
    func text(_ name: String, _ crash: CrashCase) -> CrashText {
      CrashText(name: name, crash: crash, build: crash.build ?? (try? Builds.kept(crash.bundle.module, data: data)))
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the crashes that are kept, newest first.")
    @OptionGroup var place: Place

    func run() throws {
      try crashing {
        try place.check()
        let texts = place.store.list().compactMap { stored in
          (try? CrashStore.read(stored.path)).map { (stored, place.text(stored.name, $0), $0) }
        }
        if place.json { return printJSON(.array(texts.map { $0.1.json })) }
        if texts.isEmpty { return print("No crashes in \(place.data)/crashes.") }
        let rows = texts.map { stored, text, crash in
          [
            stored.name, CrashText.time(stored.time), text.room, "\(crash.bundle.fault.kind)", text.event,
            text.place,
          ]
        }
        let heading = ["CRASH", "TIME", "ROOM", "FAULT", "EVENT", "IN"]
        print(Columns.table(heading, rows, right: []).joined(separator: "\n"))
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say what failed, where, and what it was given.")
    @Argument(help: ArgumentHelp("A name, `last`, or a file.", valueName: "crash")) var name = "last"
    @OptionGroup var place: Place

    func run() throws {
      try crashing {
        let (found, crash) = try place.find(name)
        let text = place.text(found, crash)
        if place.json { printJSON(text.json) } else { print(text.lines.map(\.forTerminal).joined(separator: "\n")) }
      }
    }
  }

  struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run the crash again, or say whether another build survives it.",
      discussion: """
        Without --module: exit status 0 when it fails in the same way at the same place from the same state, 1 when \
        not. With --module: 0 when that build survives the event, 1 when it fails. 2: it cannot be run here. A crash \
        whose build is not here is replayed with it, if --module names the one that crashed.
        """)
    @Argument(help: ArgumentHelp("A name, `last`, or a file.", valueName: "crash")) var name = "last"
    @Option(help: ArgumentHelp("Another build to try: NAME.wasm with NAME.json beside it.", valueName: "path"))
    var module: String?
    /// What may kill the process is run in one of its own.
    @Flag(help: .hidden) var here = false
    @OptionGroup var place: Place

    func run() throws {
      try crashing(status: 2) {
        let (found, stored) = try place.find(name)
        var crash = stored
        if !here, !place.json { emit("crash \(found)\n".utf8) }
        let wasExported = crash.build != nil
        let (build, other) = try builds(of: &crash)
        let isNative = [build, other].contains { $0?.manifest.format == .native }
        if isNative, wasExported, build.manifest.format == .native, other != nil || module == nil {
          throw RehearsalError(
            "nothing confines a native build: replay it where its server is, by --data DIR, or name the .so that "
              + "crashed by --module, if you trust it")
        }
        if !here, isNative || crash.bundle.fault.kind == .death {
          guard let signal = try replayElsewhere() else { return }
          return try say(.died(of: signal, crash, other ?? build, isOtherBuild: other != nil))
        }
        let builds = try Builds(data: place.data, runsNative: isNative)
        try say(
          try other.map { (other) throws(RehearsalError) in try CrashReplay.trying(other, on: crash, builds) }
            ?? CrashReplay.exact(crash, builds))
      }
    }

    /// The build that crashed, and the other one that is to be tried. Where the one that crashed is not to be had, or
    /// nobody would run it unasked, --module may name it: then it is replayed, and no other.
    private func builds(of crash: inout CrashCase) throws -> (CrashCase.Build, CrashCase.Build?) {
      let given = try module.map { try Builds.read(module: $0) }
      if let given, given.manifest.hash == crash.bundle.module {
        let kept = crash.build ?? (try? Builds.kept(given.manifest.hash, data: place.data))
        if kept == nil || crash.build?.manifest.format == .native {
          crash.build = given
          return (given, nil)
        }
      }
      return (try crash.build ?? Builds.kept(crash.bundle.module, data: place.data), given)
    }

    private func say(_ replay: CrashReplay) throws {
      if place.json { printJSON(replay.json) } else { print(replay.lines.map(\.forTerminal).joined(separator: "\n")) }
      if !(replay.isOtherBuild ? replay.survives : replay.isSame) { throw ExitCode(1) }
    }

    /// The signal that the process died of; nil: it said what is to be said, with status 0.
    private func replayElsewhere() throws -> Int32? {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      process.arguments = Array(CommandLine.arguments.dropFirst()) + ["--here"]
      // Its death is no news to anybody.
      process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
      do { try process.run() } catch {
        throw RehearsalError("a process for the replay cannot be started: \(cause(of: error))")
      }
      process.waitUntilExit()
      if process.terminationReason == .uncaughtSignal { return process.terminationStatus }
      guard process.terminationStatus == 0 else { throw ExitCode(process.terminationStatus) }
      return nil
    }
  }

  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write one file with all that another machine needs to replay the crash.",
      discussion: """
        The file holds the crash and the build. Session numbers and the keys of signals are taken out. What players \
        and backends gave the room (names, messages, parameters) stays: without it nothing could be replayed.
        """)
    @Argument(help: ArgumentHelp("A name, `last`, or a file.", valueName: "crash")) var name: String
    @Argument(help: "Where it goes.") var file: String
    @OptionGroup var place: Place

    func run() throws {
      try crashing {
        var crash = try place.find(name).crash
        if crash.build == nil { crash.build = try Builds.kept(crash.bundle.module, data: place.data) }
        let bytes = try crash.exported()
        do { try Data(bytes).write(to: URL(fileURLWithPath: file), options: .atomic) } catch {
          throw RehearsalError("\(file) cannot be written: \(cause(of: error))")
        }
        if place.json {
          printJSON(["file": .text(file), "bytes": .number(bytes.count)])
        } else {
          print("\(file): \(Columns.count(bytes.count)) bytes. Elsewhere: oneup crash replay \(file)")
        }
      }
    }
  }
}

func printJSON(_ json: JSON) { print(String(decoding: json.canonical, as: UTF8.self)) }

/// Runs `body`; what keeps it from its work goes to standard error as one sentence.
func crashing(status: Int32 = 1, _ body: () throws -> Void) throws {
  do { try body() } catch let error as RehearsalError {
    complain("\(error)")
    throw ExitCode(status)
  }
}
