// From a compiler's debug information to the file of source lines, by the toolchain's own readers.
internal import Artifacts
internal import Core
internal import Foundation
internal import Sandbox

struct LineTable {
  private var lines: SourceLines
  private var names: [String: UInt32] = [:]
  private var files: [String: UInt32] = [:]
  private var places: [SourceLines.Place: UInt32] = [:]

  /// `library`: a native module.
  static func make(
    _ library: String, of module: ModuleHash, _ toolchain: Toolchain, _ scratch: Scratch
  ) throws(BuildError) -> [UInt8] {
    try make(library, try toolchain.instructions(of: library), start: 0, of: module, toolchain, scratch)
  }

  /// `linked`: the file of the module with its debug sections; `bytes`: what is in it.
  static func make(
    _ linked: String, _ bytes: [UInt8], of module: ModuleHash, _ toolchain: Toolchain, _ scratch: Scratch
  ) throws(BuildError) -> [UInt8] {
    let code: (start: Int, offsets: [Int])
    do throws(ModuleRefusal) { code = try DebugSections.places(in: bytes) } catch {
      throw BuildError("the module was built but its code cannot be read: \(error)")
    }
    return try make(linked, code.offsets, start: code.start, of: module, toolchain, scratch)
  }

  private static func make(
    _ file: String, _ offsets: [Int], start: Int, of module: ModuleHash, _ toolchain: Toolchain, _ scratch: Scratch
  ) throws(BuildError) -> [UInt8] {
    let said = try toolchain.symbolize(file, offsets.map { $0 - start }, scratch)
    var table = LineTable(lines: SourceLines(module: module))
    try table.read(said, offsets)
    try table.readableNames(toolchain, scratch)
    return table.lines.encode()
  }

  /// For each offset: pairs of lines, a function and its `file:line:column`, innermost first; then an empty line.
  private mutating func read(_ said: String, _ offsets: [Int]) throws(BuildError) {
    var chain: [(name: Substring, place: Substring)] = []
    var function: Substring?
    var next = 0
    for line in said.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.isEmpty {
        guard !chain.isEmpty else { continue }
        guard next < offsets.count else { break }
        add(row: offsets[next], chain)
        next += 1
        chain.removeAll(keepingCapacity: true)
      } else if let name = function {
        chain.append((name, line))
        function = nil
      } else {
        function = line
      }
    }
    guard next == offsets.count else {
      throw BuildError("llvm-symbolizer gave no answer for some of the module's code")
    }
  }

  private mutating func add(row offset: Int, _ chain: [(name: Substring, place: Substring)]) {
    var parent: UInt32?
    for (name, place) in chain.reversed() {
      let parts = place.split(separator: ":")
      let line = parts.count > 2 ? UInt32(parts[parts.count - 2]) ?? 0 : 0
      let path = parts.dropLast(2).joined(separator: ":")
      let file = path.split(separator: "/").last.map(String.init) ?? ""
      let isKnown = !file.isEmpty && !file.hasPrefix("<") && file != "??"
      parent = index(
        of: SourceLines.Place(
          parent: parent, name: LineTable.index(of: name == "??" ? "" : String(name), in: &names, &lines.names),
          file: isKnown ? LineTable.index(of: file, in: &files, &lines.files) : nil, line: isKnown ? line : 0))
    }
    guard let place = parent, lines.rows.last?.place != place else { return }
    lines.rows.append(SourceLines.Row(offset: UInt32(offset), place: place))
  }

  private mutating func index(of place: SourceLines.Place) -> UInt32 {
    if let index = places[place] { return index }
    lines.places.append(place)
    places[place] = UInt32(lines.places.count - 1)
    return UInt32(lines.places.count - 1)
  }
  private static func index(of text: String, in known: inout [String: UInt32], _ list: inout [String]) -> UInt32 {
    if let index = known[text] { return index }
    list.append(text)
    known[text] = UInt32(list.count - 1)
    return UInt32(list.count - 1)
  }

  /// `Arena.take(gem:)`, without module names, types and what the optimiser did to it.
  private mutating func readableNames(_ toolchain: Toolchain, _ scratch: Scratch) throws(BuildError) {
    let readable = try toolchain.demangle(lines.names, scratch)
    guard readable.count == lines.names.count else { return }
    lines.names = readable.map { name in
      var name = Substring(name)
      for said in ["generic specialized ", "specialized ", "merged "] where name.hasPrefix(said) {
        name = name.dropFirst(said.count)
      }
      return String(name)
    }
  }
}
