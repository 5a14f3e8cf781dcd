// module.json in a module's directory.
internal import Artifacts
internal import Foundation

/// `{"name": "tally", "version": "1.0.0", "room": "Tally"}`: `room` is the type that is the room.
struct ModuleDescription: Decodable {
  var name: String
  var version: String
  var room: String

  init(directory: String) throws(BuildError) {
    let path = directory + "/module.json"
    guard FileManager.default.fileExists(atPath: path) else {
      throw BuildError("there is no \(path): it holds the module's name, version and room (the room's type)")
    }
    let bytes = try ModuleBuilder.read(path)
    do { self = try JSONDecoder().decode(ModuleDescription.self, from: Data(bytes)) } catch {
      throw BuildError(
        "\(path) is not right; it should look like {\"name\": \"tally\", \"version\": \"1.0.0\", \"room\": \"Tally\"}")
    }
    do throws(ArtifactError) { try Manifest.check(name: name, version: version) } catch {
      throw BuildError("\(path): \(error)")
    }
    // It becomes part of Swift source.
    let isName = room.utf8.allSatisfy { isLetter($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard isName, let first = room.utf8.first, isLetter(first) else {
      throw BuildError("\(path): room is the name of a Swift type; \"\(room)\" is not")
    }
  }
}

private func isLetter(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
}
