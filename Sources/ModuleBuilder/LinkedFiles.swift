// What was linked before: the same sources, compiler and settings give the same file, so nothing is compiled twice.
internal import Artifacts
internal import Core
internal import Foundation

/// A directory of the user's cache. It is only ever a shortcut: where it cannot be read or written, the file is made anew.
struct LinkedFiles {
  /// Kept; those that were not asked for longest go first. Each is 1 to 2 MB.
  private static let countMax = 64
  private let directory: String

  init() throws(BuildError) { directory = try SDK.cacheDirectory("linked") }

  /// Of everything that can change the file: words, and the contents of files.
  static func key(_ words: [String], files: [String]) throws(BuildError) -> String {
    var bytes: [UInt8] = []
    for word in words { bytes.putText(word) }
    for file in files {
      bytes.putText(file)
      bytes.putBlob(try ModuleBuilder.read(file))
    }
    return ModuleHash(of: bytes).description
  }

  /// nil: it has to be made, and put.
  func find(_ key: String, _ ending: String) -> String? {
    let path = "\(directory)/\(key).\(ending)"
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: path)
    return path
  }

  func put(_ file: String, _ key: String, _ ending: String) {
    let files = FileManager.default
    let making = "\(directory)/\(UUID().uuidString).part"
    guard (try? files.copyItem(atPath: file, toPath: making)) != nil else { return }
    if (try? files.moveItem(atPath: making, toPath: "\(directory)/\(key).\(ending)")) == nil {
      // Another build was quicker; its file is the same.
      try? files.removeItem(atPath: making)
    }
    trim()
  }

  private func trim() {
    let files = FileManager.default
    guard let names = try? files.contentsOfDirectory(atPath: directory), names.count > Self.countMax else { return }
    let dated = names.map { name in
      let attributes = try? files.attributesOfItem(atPath: directory + "/" + name)
      return (name: name, date: attributes?[.modificationDate] as? Date ?? .distantPast)
    }
    for old in dated.sorted(by: { $0.date < $1.date }).dropLast(Self.countMax) {
      try? files.removeItem(atPath: directory + "/" + old.name)
    }
  }
}
