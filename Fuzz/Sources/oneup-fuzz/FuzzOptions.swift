// What the command line says.
import Fuzzing

struct FuzzFailure: Error {
  var text: String
  init(_ text: String) { self.text = text }
}

struct FuzzOptions {
  enum Role {
    case parent
    case list
    case replay(String)
    /// Puts the input of that number into the corpus.
    case keep(Int)
    /// `shared`: the file with the current input; `until`: monotonic seconds.
    case child(shared: String, from: Int, until: Int)
  }
  static let usage = """
    usage: oneup-fuzz [--target NAME|all] [--seconds N] [--seed S] [--corpus DIR] [--inputs N]
           oneup-fuzz --target NAME --input FILE     one input, in this process
           oneup-fuzz --target NAME --keep N [--seed S] [--corpus DIR]     put input number N into the corpus
           oneup-fuzz --list
    """

  var role = Role.parent
  var targets = FuzzTarget.all
  /// Of each target.
  var seconds = 10
  var seed: UInt64 = 1
  /// A directory of each target's name in it: `*.bin` are inputs to start from; what fails is put there.
  var corpus = "Fuzz/corpus"
  /// At most so many inputs of each target.
  var inputs = Int.max

  init(_ arguments: [String]) throws(FuzzFailure) {
    var rest = arguments[...]
    func number<T: FixedWidthInteger>(_ text: String) throws(FuzzFailure) -> T {
      guard let value = T(text), value >= 0 else { throw FuzzFailure("'\(text)' is no number") }
      return value
    }
    while let name = rest.popFirst() {
      if name == "--list" {
        role = .list
        continue
      }
      guard let value = rest.popFirst() else { throw FuzzFailure("\(name) is unknown, or needs a value") }
      switch name {
      case "--target":
        if value == "all" { continue }
        guard let target = FuzzTarget.named(value) else { throw FuzzFailure("no target '\(value)': see --list") }
        targets = [target]
      case "--seconds": seconds = try number(value)
      case "--seed": seed = try number(value)
      case "--corpus": corpus = value
      case "--inputs": inputs = try number(value)
      case "--keep": role = .keep(try number(value))
      case "--input": role = .replay(value)
      case "--child":
        let parts = value.split(separator: ",", maxSplits: 2).map(String.init)
        guard parts.count == 3 else { throw FuzzFailure("--child is for the program itself") }
        role = .child(shared: parts[2], from: try number(parts[0]), until: try number(parts[1]))
      default: throw FuzzFailure("\(name) is unknown")
      }
    }
    switch role {
    case .replay, .keep:
      guard targets.count == 1 else { throw FuzzFailure("--input and --keep need --target") }
    case .parent, .list, .child: break
    }
  }
}
