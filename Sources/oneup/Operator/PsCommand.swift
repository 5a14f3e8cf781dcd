// `oneup ps`: the processes of a server.
import ArgumentParser
import Control
import Foundation

struct PsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ps", abstract: "List the processes of a running server.",
    discussion: """
      One line for each: state, process id, time since its last beat, processor and memory, longest turn of the last \
      second, rooms in memory, shards that it owns. Finds the server on ./data; --data or --http name another.

      Exit status: 0 when every shard is served, 1 when not or when no server answers.
      """)
  @OptionGroup var place: ServerPlace
  @Flag(help: "Print the server's own JSON.") var json = false

  func run() throws {
    try asked {
      let bytes = try LiveLooks.first(place.server())
      if json { print(String(decoding: bytes, as: UTF8.self)) }
      let look = try LiveVitals(bytes)
      if !json { print(Columns.processes(look).joined(separator: "\n")) }
      if !look.served { throw HTTPFailure("Not every shard is served.") }
    }
  }
}
