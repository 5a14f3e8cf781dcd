// `oneup top`: a server in the terminal, live.
import ArgumentParser
import Foundation
import SupervisionShell

struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top", abstract: "Watch a running server in the terminal.",
    discussion: """
      The numbers, the processes, the busiest rooms and what happened last, once a second. Keys: q quits, s sorts \
      the rooms by the next column (events a second, members, queue).

      Where the output is no terminal it looks once, as with --once; with --json it prints one line of JSON for each \
      look.
      """)
  @OptionGroup var place: ServerPlace
  @Flag(help: "Look once and end.") var once = false
  @Flag(help: "Print the server's own JSON, a line for each look.") var json = false

  func run() throws {
    try asked {
      let server = try place.server()
      if json { return try printLines(server) }
      if once || isatty(STDOUT_FILENO) == 0 || isatty(STDIN_FILENO) == 0 {
        var screen = TopScreen(server)
        screen.take(try LiveLooks.first(server))
        print(screen.lines(height: 10_000).joined(separator: "\n"))
        return
      }
      try watch(server)
    }
  }

  private func printLines(_ server: HTTPServer) throws {
    var looks = try LiveLooks(server)
    while let look = try looks.next() {
      emit(look + [UInt8(ascii: "\n")])
      if once { return }
    }
  }

  private func watch(_ server: HTTPServer) throws {
    let terminal = Terminal()
    defer { terminal.leave() }
    var screen = TopScreen(server)
    while true {
      do throws(HTTPFailure) {
        var looks = try LiveLooks(server)
        while true {
          while terminal.waitsForKey(or: looks.descriptor) {
            if ends(terminal.key(), &screen, terminal) { return }
          }
          guard let look = try looks.next() else { break }
          screen.take(look)
          terminal.draw { screen.lines(height: $0) }
        }
        screen.trouble = "The server ended the stream."
      } catch { screen.trouble = error.description }
      terminal.draw { screen.lines(height: $0) }
      if terminal.hasKey(within: 1_000), ends(terminal.key(), &screen, terminal) { return }
    }
  }

  private func ends(_ key: UInt8, _ screen: inout TopScreen, _ terminal: Terminal) -> Bool {
    if key == UInt8(ascii: "s") {
      screen.sortByNext()
      terminal.draw { screen.lines(height: $0) }
    }
    // Also Ctrl-C and Escape.
    return key == UInt8(ascii: "q") || key == 3 || key == 27
  }
}

/// The terminal while a program has all of it.
final class Terminal {
  private var before = termios()

  init() {
    tcgetattr(STDIN_FILENO, &before)
    var raw = before
    raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
    tcsetattr(STDIN_FILENO, TCSANOW, &raw)
    // The other screen, without a cursor.
    put("\u{1b}[?1049h\u{1b}[?25l")
  }
  func leave() {
    put("\u{1b}[?25h\u{1b}[?1049l")
    tcsetattr(STDIN_FILENO, TCSANOW, &before)
  }

  func draw(_ lines: (_ height: Int) -> [String]) {
    var size = winsize()
    let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 0
    let (height, width) = isKnown ? (Int(size.ws_row), Int(size.ws_col)) : (24, 80)
    let shown = lines(height).prefix(height).map { String($0.prefix(cells: width)) + "\u{1b}[K" }
    put("\u{1b}[H" + shown.joined(separator: "\r\n") + "\u{1b}[J")
  }

  /// Waits for a key or for the other descriptor; true: a key was pressed.
  func waitsForKey(or other: Int32) -> Bool {
    var waiting = [
      pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0), pollfd(fd: other, events: Int16(POLLIN), revents: 0),
    ]
    _ = poll(&waiting, 2, -1)
    return waiting[0].revents != 0
  }
  func hasKey(within milliseconds: Int32) -> Bool {
    var waiting = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    return poll(&waiting, 1, milliseconds) > 0
  }
  /// The terminal's end counts as quitting.
  func key() -> UInt8 {
    var byte: UInt8 = 0
    return read(STDIN_FILENO, &byte, 1) == 1 ? byte : UInt8(ascii: "q")
  }

  private func put(_ text: String) { emit(text.utf8) }
}
