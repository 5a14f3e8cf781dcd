// The load generator of the benchmarks: `bench-load echo|oneup HOST:PORT`. It takes commands on standard input, one a
// line, and answers each with one line of JSON; so whoever measures the server does it between two lines.
//
//   open CONNECTIONS MEMBERSHIPS ROOMS PREFIX MODULE    connect, and join so many rooms on each
//   closed SECONDS MESSAGES                             one input under way on each connection, at most so many
//   paced PER-SECOND SECONDS                            evenly; needs a processor of its own
//   recover PID                                         kill it (0: nothing), and wait for one input in every room
//   fault BYTE PER-SECOND SECONDS                       evenly, but for the first connection, whose room is made to fail
//   close
import Glibc

func fail(_ text: String) -> Never {
  let line = Array("bench-load: \(text)\n".utf8)
  _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
  exit(1)
}

func perform(_ words: [String], _ generator: Generator) throws(LoadError) -> String {
  func number(_ i: Int) -> Double {
    guard words.count > i, let value = Double(words[i]) else { fail("\(words): number \(i) is missing") }
    return value
  }
  switch words.first {
  case "open":
    guard words.count == 6 else { fail("open CONNECTIONS MEMBERSHIPS ROOMS PREFIX MODULE") }
    try generator.open(
      Int(number(1)), memberships: Int(number(2)), rooms: Int(number(3)), prefix: words[4], module: words[5])
    return #"{"attached":\#(generator.attached)}"#
  case "closed": return try generator.closed(seconds: number(1), most: Int(number(2))).json
  case "paced": return try generator.paced(perSecond: number(1), seconds: number(2)).json
  case "fault":
    return try generator.fault(first: UInt8(number(1)), perSecond: number(2), seconds: number(3))
  case "recover": return try generator.recover(killing: pid_t(number(1))).json
  case "close":
    generator.closeAll()
    return "{}"
  default: fail("unknown command \(words)")
  }
}

let arguments = CommandLine.arguments
guard arguments.count == 3, let kind = Protocol(rawValue: arguments[1]), let colon = arguments[2].lastIndex(of: ":"),
  let port = UInt16(arguments[2][arguments[2].index(after: colon)...])
else { fail("usage: bench-load echo|oneup HOST:PORT") }

do throws(LoadError) {
  let generator = try Generator(kind, host: String(arguments[2][..<colon]), port: port)
  while let line = readLine() {
    print(try perform(line.split(separator: " ").map(String.init), generator))
    fflush(nil)
  }
} catch { fail(error.description) }
