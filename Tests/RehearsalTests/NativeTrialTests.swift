import Artifacts
import Core
import Foundation
import ModuleBuilder
import Rehearsal
import Sandbox
import Testing

@Suite("A native build on trial") struct NativeTrialTests {
  private static func native(_ name: String) throws -> CrashCase.Build {
    let built = try ModuleBuilder.build(
      directory: Modules.root + "/Modules/" + name, output: Modules.output + "/native-" + name,
      options: BuildOptions(sdk: Modules.root + "/Sources/OneUpRoom", withVariants: false, format: .native))
    return try Builds.read(module: built.module)
  }

  @Test("It does not come among the server's builds, and nothing of it stays") func apart() throws {
    let other = try Self.native("tally")
    let data = try Modules.data([Modules.tally])
    func kept() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: data + "/modules").sorted() }
    func libraries() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: FileManager.default.temporaryDirectory.path).filter {
        $0.hasPrefix("oneup-builds-\(getpid())-")
      }
    }
    let before = try kept()
    do {
      let builds = try Builds(data: data, runsNative: true)
      #expect(try builds.load(other).name == "tally" && builds.load(Modules.tally.manifest.hash).name == "tally")
      #expect(try builds.manifest(other.manifest.hash)?.format == .native && libraries().count == 1)
      #expect(try kept() == before)
    }
    #expect(try libraries().isEmpty && kept() == before)
  }
}
