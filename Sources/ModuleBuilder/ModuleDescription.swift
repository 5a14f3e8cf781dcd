// module.json in a module's directory.
internal import Artifacts
internal import Foundation

/// `{"name": "tally", "version": "1.0.0", "room": "Tally"}`: `room` is the type that is the room.
struct ModuleDescription: Decodable, Sendable {
  var name: String
  var version: String
  var room: String
  /// Builds of the same sources that lie ready on the shelf.
  var variants: [Variant]?

  init(directory: String) throws(BuildError) {
    let path = directory + "/module.json"
    guard FileManager.default.fileExists(atPath: path) else {
      throw BuildError(
        "there is no \(path), which says a module's name, version and room (the room's type): go to a module's folder, or "
          + "name it; `oneup new NAME` makes one")
    }
    let bytes = try ModuleBuilder.read(path)
    do { self = try JSONDecoder().decode(ModuleDescription.self, from: Data(bytes)) } catch {
      throw BuildError(
        "\(path) is not right; it should look like {\"name\": \"tally\", \"version\": \"1.0.0\", \"room\": \"Tally\"}, "
          + "and a variant like {\"version\": \"hotfix-1.0.0-v1\", \"define\": [\"FIXED\"], \"reason\": \"…\"}")
    }
    do throws(ArtifactError) { try Manifest.check(name: name, version: version) } catch {
      throw BuildError("\(path): \(error)")
    }
    // It becomes part of Swift source.
    let isName = room.utf8.allSatisfy { isLetter($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard isName, let first = room.utf8.first, isLetter(first) else {
      throw BuildError("\(path): room is the name of a Swift type; \"\(room)\" is not")
    }
    try check(variants ?? [], path)
  }

  private func check(_ variants: [Variant], _ path: String) throws(BuildError) {
    guard variants.count <= Variant.countMax else {
      throw BuildError("\(path): \(variants.count) variants are too many; \(Variant.countMax) are the most")
    }
    var versions: Set<String> = [version]
    for variant in variants {
      do throws(ArtifactError) { try Manifest.check(name: name, version: variant.version) } catch {
        throw BuildError("\(path): variants: \(error)")
      }
      guard versions.insert(variant.version).inserted, !variant.version.contains("/") else {
        throw BuildError("\(path): variants need versions of their own, without a /; \"\(variant.version)\" is not one")
      }
      guard variant.format.map({ Manifest.Format(rawValue: $0) != nil }) ?? true else {
        throw BuildError("\(path): a variant's format is wasm or native; \"\(variant.format ?? "")\" is neither")
      }
      for condition in variant.define {
        guard let first = condition.utf8.first, isLetter(first),
          condition.utf8.allSatisfy({ isLetter($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { throw BuildError("\(path): define lists names for `#if`; \"\(condition)\" is none") }
      }
    }
  }
}

/// `{"version": "hotfix-1.0.0-v1", "define": ["CURSE_LIFTED"], "reason": "…", "baseline": "1.0.0"}`: the module's sources
/// with these conditions set for `#if`.
struct Variant: Decodable, Sendable {
  var version: String
  var define: [String]
  var reason: String?
  /// What it is a hot-fix of; nil: its version's name says so, where it is one.
  var baseline: String?
  /// "native": machine code, whatever the module itself is built to.
  var format: String?
  static let countMax = 16

  /// The module itself.
  init(of description: ModuleDescription) {
    version = description.version
    define = []
  }
}

private func isLetter(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
}
