// `oneup keys`: keys that builds are signed with.
import ArgumentParser
import Artifacts
import Foundation

struct KeysCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Make keys that builds are signed with.",
    discussion: """
      Whoever has a private key can put builds on the servers that trust its public half, so keep it where your \
      passwords are. A server that runs with --dev makes itself a key of its own.

      Examples:
        oneup keys new --out team.key        team.key (secret) and team.key.pub
        oneup sign modules/arena.json --key team.key
        oneup serve --trust team.key.pub
        oneup keys show team.key             its name and its public half
      """,
    subcommands: [New.self, Show.self])

  struct New: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Make a key: FILE for you alone, FILE.pub for servers.")
    @Option(help: "Where the private key goes; FILE.pub is beside it. A file that is there is never replaced.")
    var out = "oneup.key"
    @Flag(help: "Print what was made as JSON.") var json = false

    func run() throws {
      try judged {
        let key = SigningKey()
        try KeyFile.write(key, to: out)
        if json {
          printJSON([
            "key": .text(key.verifying.id.description), "file": .text(out), "public": .text(out + ".pub"),
            "hex": .text(key.verifying.hex),
          ])
        } else {
          print("key \(key.verifying.id)")
          print("  \(out)      secret: sign with it (oneup sign NAME.json --key \(out))")
          print("  \(out).pub  for servers: oneup serve --trust \(out).pub")
        }
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Name a private key and print its public half.")
    @Argument(help: "The private key's file.") var file: String
    @Flag(help: "Print it as JSON.") var json = false

    func run() throws {
      try judged {
        let key = try KeyFile.signingKey(at: file).verifying
        if json {
          printJSON(["key": .text(key.id.description), "hex": .text(key.hex)])
        } else {
          print(KeyFile.publicText(key), terminator: "")
        }
      }
    }
  }
}
