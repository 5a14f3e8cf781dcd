// `oneup verify`: what a server that trusts these keys would say of a build.
import ArgumentParser
import Artifacts
import Core
import Foundation

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check a build's signature, bytes and names, as a server does.",
    discussion: """
      Looks at NAME.json and the module beside it. What depends on a server (which version it runs, what it has \
      banned) is for that server to say: `oneup release push`.

      Examples:
        oneup verify modules/arena.json --trust team.key.pub
        oneup verify modules/arena.json --trust 5f0c…64 digits…,other.pub

      Exit status: 0 a server with these keys takes it, 1 it does not.
      """)

  @Argument(help: "The manifest.") var file: String
  @Option(
    help: ArgumentHelp("Public keys: files of them or 64 hexadecimal digits, comma separated.", valueName: "keys"))
  var trust: String
  @Flag(help: "Print the result as JSON.") var json = false

  func run() throws {
    try judged {
      let files = try ArtifactFiles(manifestAt: file)
      var standing = Standing(trusted: try KeyFile.trusted(trust), now: wallTime())
      standing.trustedNative = standing.trusted
      do throws(ArtifactRefusal) {
        say(try VerifiedArtifact.judgeAlone(files.manifest, module: files.module, standing))
      } catch {
        if json { printJSON(["good": .bool(false), "error": .text(error.description)]) }
        throw error
      }
    }
  }

  private func say(_ artifact: VerifiedArtifact) {
    let manifest = artifact.manifest
    let expires = manifest.expires.map { ISOTime.text(microseconds: $0) }
    guard !json else {
      return printJSON([
        "good": .bool(true), "name": .text(manifest.name), "version": .text(manifest.version),
        "sha256": .text(manifest.hash.description), "key": .text(artifact.signer.description),
        "kind": .text(artifact.release.hotfix == nil ? "release" : "hotfix"),
        "baseline": .text(artifact.release.baseline.description), "expires": expires.map { .text($0) } ?? .null,
      ])
    }
    print("\(manifest.name) \(manifest.version): good")
    print("  signed   by key \(artifact.signer)\(manifest.author.map { ", author \($0)" } ?? "")")
    print("  bytes    \(manifest.bytes), sha256 \(manifest.hash)")
    if artifact.release.hotfix != nil { print("  hot-fix  of \(artifact.release.baseline)") }
    if !manifest.scope.isEmpty {
      print("  for      rooms whose keys begin with \(manifest.scope.joined(separator: ", "))")
    }
    if let reason = manifest.reason { print("  reason   \(reason)") }
    if let expires { print("  expires  \(expires)") }
  }
}
