// `oneup doctor`: looks for what will be a trouble before it is one.
import ArgumentParser
import Control
import Foundation

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Check a server and its machine; say what to do about what is not right.",
    discussion: """
      Looks at the server (does it answer, is every shard served, is there a spare), at its data directory (who may \
      read the token, space, journals, crashes), at the modules, and at the machine (clock, open files, accept \
      queue, memory maps, swap). Changes nothing.

      Exit status: 0 without a finding marked BAD, 1 with one.
      """)
  @OptionGroup var place: ServerPlace
  @Flag(help: "Print the findings as JSON.") var json = false

  func run() throws {
    var look: LiveVitals?
    var findings: [Finding] = []
    do throws(HTTPFailure) { findings = DoctorServer.findings(try place.server(), &look) } catch {
      if error.status == 64 { try asked { throw error } }
      findings.append(Finding(.bad, "server", error.description))
    }
    findings += DoctorData.findings(place)
    findings += DoctorMachine.findings(look)
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      print(String(decoding: try encoder.encode(findings), as: UTF8.self))
    } else {
      for finding in findings { print(finding.line) }
    }
    if findings.contains(where: { $0.grade == .bad }) { throw ExitCode(1) }
  }
}

struct Finding: Encodable {
  enum Grade: String, Encodable {
    case ok
    case warn
    case bad
  }
  var grade: Grade
  var subject: String
  var text: String
  /// What to do; nil where nothing is to be done.
  var advice: String?

  init(_ grade: Grade, _ subject: String, _ text: String, _ advice: String? = nil) {
    self.grade = grade
    self.subject = subject
    self.text = text
    self.advice = advice
  }
  /// `ok` where `isGood`, else `worse` with its advice.
  init(_ isGood: Bool, _ subject: String, _ text: String, else worse: Grade = .warn, _ advice: String) {
    self.init(isGood ? .ok : worse, subject, text, isGood ? nil : advice)
  }

  var line: String {
    let mark = grade == .bad ? "BAD " : grade == .warn ? "warn" : "ok  "
    let name = subject.padding(toLength: max(14, subject.count), withPad: " ", startingAt: 0)
    return "\(mark)  \(name)  \(text.forTerminal)" + (advice.map { "\n                      → \($0)" } ?? "")
  }
}
