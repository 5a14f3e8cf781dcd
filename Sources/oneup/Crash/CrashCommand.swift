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
      oneup crash list
      oneup crash show last
      oneup crash replay last
      oneup crash replay last --module modules/arena.wasm
      oneup crash export last crash.oneup

      CRASH is a name from the list, the beginning of one, `last`, or a file: a bundle, or what `export` wrote. No server
      need be running.
      """,
    subcommands: [List.self, Show.self, Replay.self, Export.self])

  struct Place: ParsableArguments {
    @Option(help: "The server's data directory, which holds crashes and builds.") var data = "data"
    @Flag(help: "Print JSON.") var json = false

    var store: CrashStore { CrashStore(data: data) }
    /// The build that a crash was in; nil where it is gone.
    func manifest(_ crash: CrashCase) -> Manifest? {
      crash.build?.manifest ?? (try? Builds.kept(crash.bundle.module, data: data))?.manifest
    }
    func text(_ name: String, _ crash: CrashCase) -> CrashText {
      CrashText(name: name, crash: crash, manifest: manifest(crash))
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The crashes that are kept, newest first.")
    @OptionGroup var place: Place

    func run() throws {
      try crashing {
        let texts = place.store.list().compactMap { stored in
          (try? CrashStore.read(stored.path)).map { (stored, place.text(stored.name, $0), $0) }
        }
        if place.json { return printJSON(.array(texts.map { $0.1.json })) }
        if texts.isEmpty { return print("no crashes in \(place.data)/crashes") }
        let rows = texts.map { stored, text, crash in
          [
            stored.name, CrashText.time(stored.time), text.room, "\(crash.bundle.fault.kind)", text.event,
            crash.bundle.fault.backtrace.first ?? "",
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
        let (found, crash) = try place.store.find(name)
        let text = place.text(found, crash)
        if place.json { printJSON(text.json) } else { print(text.lines.joined(separator: "\n")) }
      }
    }
  }

  struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run the crash again, or say whether another build survives it.",
      discussion: """
        Without --module: exit status 0 when it fails in the same way at the same place from the same state, 1 when not.
        With --module: 0 when that build survives the event, 1 when it fails. 2: it cannot be run here.
        """)
    @Argument(help: ArgumentHelp("A name, `last`, or a file.", valueName: "crash")) var name = "last"
    @Option(help: ArgumentHelp("Another build to try: NAME.wasm with NAME.json beside it.", valueName: "path"))
    var module: String?
    @OptionGroup var place: Place

    func run() throws {
      try crashing(status: 2) {
        let crash = try place.store.find(name).crash
        let builds = try Builds(data: place.data)
        let replay =
          if let module {
            try CrashReplay.trying(try Builds.read(module: module), on: crash, builds)
          } else {
            try CrashReplay.exact(crash, builds)
          }
        if place.json { printJSON(replay.json) } else { print(replay.lines.joined(separator: "\n")) }
        if !(replay.isOtherBuild ? replay.survives : replay.isSame) { throw ExitCode(1) }
      }
    }
  }

  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write one file with all that another machine needs to replay the crash.",
      discussion: """
        The file holds the crash and the build. Session numbers and the keys of signals are taken out. What players and
        backends gave the room (names, messages, parameters) stays: without it nothing could be replayed.
        """)
    @Argument(help: ArgumentHelp("A name, `last`, or a file.", valueName: "crash")) var name: String
    @Argument(help: "Where it goes.") var file: String
    @OptionGroup var place: Place

    func run() throws {
      try crashing {
        var crash = try place.store.find(name).crash
        if crash.build == nil { crash.build = try Builds.kept(crash.bundle.module, data: place.data) }
        let bytes = try crash.exported()
        do { try Data(bytes).write(to: URL(fileURLWithPath: file), options: .atomic) } catch {
          throw RehearsalError("\(file) cannot be written: \(error.localizedDescription)")
        }
        print("\(file): \(bytes.count) bytes; oneup crash replay \(file)")
      }
    }
  }
}

func printJSON(_ json: JSON) { print(String(decoding: json.canonical, as: UTF8.self)) }

/// Runs `body`; what keeps it from its work goes to standard error as one sentence.
func crashing(status: Int32 = 1, _ body: () throws -> Void) throws {
  do { try body() } catch let error as RehearsalError {
    FileHandle.standardError.write(Data("oneup: \(error)\n".utf8))
    throw ExitCode(status)
  }
}
