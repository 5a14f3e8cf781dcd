// A crash with everything that running it again takes: the bundle, and, once it was exported, the build that it was in.
package import Artifacts
package import Core
package import Sandbox
package import WorkerCore

/// An exported crash, format 1: the magic, u8 version, then as u32 length and bytes the bundle, the manifest, the module and
/// its source lines (empty: there are none).
package struct CrashCase: Sendable {
  package static let version: UInt8 = 1
  static let magic = Array("1UPXCASE".utf8)

  package var bundle: CrashBundle
  /// The build that crashed; nil: it is looked up by its hash.
  package var build: Build?

  package struct Build: Sendable {
    package var manifest: Manifest
    package var module: [UInt8]
    /// The file of its source lines, for backtraces.
    package var lines: [UInt8]?
    package init(manifest: Manifest, module: [UInt8], lines: [UInt8]? = nil) {
      (self.manifest, self.module, self.lines) = (manifest, module, lines)
    }
    package var sourceLines: SourceLines? {
      let lines = lines?.withUnsafeBytes { bytes in try? SourceLines(bytes) }
      return lines?.module == manifest.hash ? lines : nil
    }
  }

  package init(bundle: CrashBundle, build: Build? = nil) {
    self.bundle = bundle
    self.build = build
  }

  /// For another machine: what could be used against this server is taken out. Nil without its build.
  package func exported() throws(RehearsalError) -> [UInt8] {
    guard let build else {
      throw RehearsalError("the build \(bundle.module) is not here: there is nothing that another machine could run")
    }
    var out = Self.magic
    out.append(Self.version)
    do throws(ReplayError) { out.putBlob(try bundle.withoutSecrets().encode()) } catch {
      throw RehearsalError("the crash cannot be exported: \(error)")
    }
    out.putBlob(build.manifest.json())
    out.putBlob(build.module)
    out.putBlob(build.lines ?? [])
    return out
  }

  /// Of a bundle as a worker writes it, or of an exported crash.
  package init(_ bytes: [UInt8]) throws(DecodingError) {
    var result: Result<CrashCase, DecodingError>?
    bytes.withUnsafeBytes { bytes in
      do throws(DecodingError) { result = .success(try Self(reading: bytes)) } catch { result = .failure(error) }
    }
    self = try result!.get()
  }

  private init(reading bytes: UnsafeRawBufferPointer) throws(DecodingError) {
    guard bytes.starts(with: Self.magic) else {
      bundle = try CrashBundle(bytes)
      return
    }
    var reader = ByteReader(bytes, at: Self.magic.count)
    let version: UInt8 = try reader.take()
    guard version == Self.version else { throw DecodingError("is an exported crash of the unknown format \(version)") }
    bundle = try CrashBundle(try reader.takeBlob())
    let json = Array(try reader.takeBlob())
    let module = Array(try reader.takeBlob())
    let lines = Array(try reader.takeBlob())
    guard reader.isAtEnd else { throw DecodingError("has bytes after its end") }
    do throws(ArtifactError) {
      build = Build(manifest: try Manifest(json: json), module: module, lines: lines.isEmpty ? nil : lines)
    } catch {
      throw DecodingError("holds a manifest that cannot be used: \(error)")
    }
    guard ModuleHash(of: module) == bundle.module else {
      throw DecodingError("holds another build than the one that crashed")
    }
  }
}
