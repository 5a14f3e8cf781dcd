// `oneup sign`: says who answers for a build.
import ArgumentParser
import Artifacts
import Core
import Foundation

struct SignCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign", abstract: "Sign a build's manifest, so that servers that trust the key take it.",
    discussion: """
      FILE is the manifest that `oneup build` wrote; the module must be beside it, and its bytes are checked first. \
      The signature covers everything that the manifest says, the module's hash included: whoever changes a byte \
      must sign anew.

      Examples:
        oneup sign modules/arena.json --key team.key
        oneup sign fix/arena.json --key team.key --as hotfix-1.0.0-v1
        oneup sign modules/arena.json --key team.key --expires 30d --scope eu/,us/
      """)

  @Argument(help: "The manifest.") var file: String
  @Option(help: ArgumentHelp("The private key (oneup keys new).", valueName: "path")) var key: String
  @Option(
    name: .customLong("as"),
    help: ArgumentHelp("Give the build this version first: 1.2.3, or hotfix-1.2.3-v1.", valueName: "version"))
  var version: String?
  @Option(help: "Why there is this build; shown where it is released.") var reason: String?
  @Option(help: "Who made it.") var author: String?
  @Option(help: ArgumentHelp("When it ends to be good: 30d, 12h, or 2026-12-31T00:00:00Z.", valueName: "time"))
  var expires: String?
  @Option(help: "How the keys of the rooms begin that it is for, comma separated; without it: all rooms.")
  var scope: String?
  @Flag(help: "Print the result as JSON.") var json = false

  func run() throws {
    try judged {
      var files = try ArtifactFiles(manifestAt: file)
      let now = wallTime()
      if let version { try rename(&files.manifest, version) }
      if let reason { files.manifest.reason = reason }
      if let author { files.manifest.author = author }
      if let expires { files.manifest.expires = try SignCommand.time(expires, from: now) }
      if let scope { files.manifest.scope = scope.split(separator: ",").map(String.init) }
      files.manifest.time = now
      let key = try KeyFile.signingKey(at: key)
      files.manifest.sign(with: key)
      // What a server would say of it, where nothing else is known.
      var standing = Standing(trusted: TrustedKeys([key.verifying]), now: now)
      standing.trustedNative = standing.trusted
      let artifact = try VerifiedArtifact.judgeAlone(files.manifest, module: files.module, standing)
      try files.write()
      if json {
        printJSON([
          "name": .text(artifact.manifest.name), "version": .text(artifact.manifest.version),
          "sha256": .text(artifact.build.hash.description), "key": .text(artifact.signer.description),
        ])
      } else {
        print("\(file): \(artifact.manifest.name) \(artifact.manifest.version), signed with key \(artifact.signer)")
      }
    }
  }

  private func rename(_ manifest: inout Manifest, _ version: String) throws(ArtifactError) {
    guard let release = ReleaseName(version) else {
      throw ArtifactError("--as \(version): a release is called 1.2.3 or hotfix-1.2.3-v1")
    }
    manifest.version = version
    manifest.kind = release.hotfix == nil ? .release : .hotfix
    manifest.baseline = release.hotfix == nil ? nil : release.baseline.description
  }

  /// A time, or so long from now.
  private static func time(_ text: String, from now: Int64) throws(ArtifactError) -> Int64 {
    if let time = ISOTime.microseconds(text) { return time }
    let units: [Character: Int64] = ["d": 86_400, "h": 3_600, "m": 60]
    guard let unit = text.last.flatMap({ units[$0] }), let number = Int64(text.dropLast()),
      (1...36_500).contains(number)
    else { throw ArtifactError("--expires \(text): give it like 30d, 12h or 2026-12-31T00:00:00Z") }
    return now + number * unit * 1_000_000
  }
}
