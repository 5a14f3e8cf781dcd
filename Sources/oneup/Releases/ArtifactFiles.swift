// A manifest and the module beside it, as the commands for artifacts are given them.
import ArgumentParser
import Artifacts
import Core
import Foundation
import Journal

struct ArtifactFiles {
  let manifestPath: String
  var manifest: Manifest
  let modulePath: String
  let module: [UInt8]

  /// `path` names NAME.json; NAME.wasm or NAME.so is beside it.
  init(manifestAt path: String) throws(ArtifactError) {
    guard path.hasSuffix(".json") else {
      throw ArtifactError("\(path) is no manifest: name the .json that `oneup build` wrote beside the module")
    }
    manifestPath = path
    let json = try ArtifactFiles.read(path, ArtifactLimits.manifestBytesMax)
    do throws(ArtifactError) { manifest = try Manifest(json: json) } catch { throw ArtifactError("\(path): \(error)") }
    modulePath = path.dropLast("json".count) + manifest.format.fileExtension
    module = try ArtifactFiles.read(modulePath, ArtifactLimits.moduleBytesMax)
  }

  private static func read(_ path: String, _ limit: Int) throws(ArtifactError) -> [UInt8] {
    do throws(FileError) { return try PosixFileSystem().contents(of: path, limit: limit) } catch {
      throw ArtifactError(error.description)
    }
  }

  /// Replaces the manifest in one step.
  func write() throws(ArtifactError) {
    do { try Data(manifest.json()).write(to: URL(fileURLWithPath: manifestPath), options: .atomic) } catch {
      throw ArtifactError("could not write \(manifestPath): \(cause(of: error))")
    }
  }
}

/// Runs `body`; what is wrong with an artifact, a key or the log goes to standard error, with exit status 1.
func judged(_ body: () throws -> Void) throws {
  func fail(_ text: String) throws -> Never {
    complain("\(text)")
    throw ExitCode(1)
  }
  do { try body() } catch let error as ArtifactError { try fail(error.description) } catch let error as ArtifactRefusal
  {
    try fail(error.description)
  }
}

/// One JSON document on standard output.
func printJSON(_ members: [String: JSON]) {
  print(String(decoding: JSON.object(members).lines, as: UTF8.self), terminator: "")
}

/// Microseconds since 1970.
func wallTime() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }
