// The client protocol's numbers stand in the server's hand encoders and in the clients' cores too: all are the same.
import ClientCore
import ClientMessages
import Testing
import Wire

struct NumberTests {
  /// Equal sets of names and numbers.
  private func agree<Generated, Ours>(
    _ generated: [Generated], _ ours: [Ours], sourceLocation: SourceLocation = #_sourceLocation
  ) where Generated: RawRepresentable<Int>, Ours: RawRepresentable<UInt8> {
    func named(_ pairs: [(String, Int)]) -> [String] { pairs.map { "\($0.0) = \($0.1)" }.sorted() }
    #expect(
      named(generated.map { ("\($0)", $0.rawValue) }) == named(ours.map { ("\($0)", Int($0.rawValue)) }),
      sourceLocation: sourceLocation)
  }

  /// All of an enum that a byte can mean.
  private func every<Value: RawRepresentable<UInt8>>(_: Value.Type) -> [Value] {
    (0...UInt8.max).compactMap(Value.init(rawValue:))
  }

  @Test func verdicts() {
    agree(Oneup_V1_Verdict.allCases, every(InputVerdict.Kind.self))
    agree(Oneup_V1_Verdict.allCases, every(Verdict.Kind.self))
  }

  @Test func errors() {
    agree(Oneup_V1_Error.Code.allCases, every(ErrorCode.self))
    // A server always says which.
    agree(Oneup_V1_Error.Code.allCases.filter { $0 != .unspecified }, every(ClientErrorCode.self))
  }

  @Test func notices() {
    agree(Oneup_V1_Notice.Kind.allCases.filter { $0 != .unspecified }, every(ClientNotice.self))
  }
}
