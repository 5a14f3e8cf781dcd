// What `oneup dev` does while it runs: waits for saves, for the end of a build, for Ctrl-C and for the server's end.
//
//   first build ── fails ──► waits for a save ──► first build
//        │ good
//   server starts ──► idle ── save ──► building on a thread of its own ── done ──► idle; what was saved meanwhile is next
import Artifacts
import CHost
import Foundation
import ModuleBuilder
import Synchronization

struct DevLoop: ~Copyable {
  let place: DevPlace
  let options: BuildOptions
  let signals: Int32
  let opensPage: Bool
  private var watch: SourceWatch
  private let builder = DevBuilder()
  private var waiting: SourceWatch.Change?
  private var crashes: Set<String> = []
  private var lastFailure = ""

  init(place: DevPlace, sdk: String?, signals: Int32, opensPage: Bool) throws(HTTPFailure) {
    self.place = place
    options = BuildOptions(
      sdk: sdk, isDevelopment: true, withVariants: false, cacheDirectory: place.cache)
    self.signals = signals
    self.opensPage = opensPage
    watch = try SourceWatch(module: place.module)
  }

  /// Until Ctrl-C.
  mutating func run(listen: String?, http: String?) throws(HTTPFailure) {
    let start = Date()
    guard let built = try firstBuild() else { return }
    try place.put(built)
    let server = try DevServer(
      place, listen: DevServer.address(listen, usual: 7_777), http: DevServer.address(http, usual: 7_780))
    greet(server, built, since: start)
    builder.begin(DevRelease(place: place, options: options, server: server.http), after: built)
    while true {
      let happened = wait(for: [signals, server.descriptor, watch.descriptor, builder.descriptor], milliseconds: 1_000)
      if happened[0] {
        say("Stopping …")
        server.stop()
        return
      }
      if happened[1], let end = server.end() {
        throw HTTPFailure("The server \(end); its log is \(place.log).")
      }
      if happened[2], let change = watch.changes() { take(change, built.manifest.name) }
      if happened[3] { report(builder.results()) }
      if !builder.isBusy, let change = waiting {
        waiting = nil
        builder.build(change)
      }
      tellCrashes(server.http)
    }
  }

  /// nil: Ctrl-C came first.
  private mutating func firstBuild() throws(HTTPFailure) -> BuiltModule? {
    say("Building …")
    while true {
      do throws(BuildError) {
        return try ModuleBuilder.build(directory: place.module, output: place.builds, options: options)
      } catch { say("\(error.description)\n\nWaiting for a save …") }
      repeat {
        if wait(for: [signals, watch.descriptor], milliseconds: -1)[0] { return nil }
      } while watch.changes() == nil
    }
  }

  private func greet(_ server: borrowing DevServer, _ built: BuiltModule, since start: Date) {
    let page = "http://\(server.ready.http)/play/\(built.manifest.name)/"
    say(
      """
      \(built.manifest.name) \(built.manifest.version) runs after \(seconds(since: start)).

        Play         \(page)
        Look inside  http://\(server.ready.http)/dashboard#token=\(server.http.token ?? "")

      What you save in Sources, Page or module.json goes live in the running rooms. Ctrl-C stops it all.

      """)
    guard opensPage else { return }
    let browser = Process()
    browser.executableURL = URL(fileURLWithPath: "/usr/bin/xdg-open")
    browser.arguments = [page]
    browser.standardError = FileHandle.nullDevice
    try? browser.run()
  }

  private mutating func take(_ change: SourceWatch.Change, _ name: String) {
    guard change.needsBuild else {
      builder.reload(name)
      return say("\(clock()) \(change.files.joined(separator: ", ")): the page loads again")
    }
    let files = Set((waiting?.files ?? []) + change.files)
    waiting = SourceWatch.Change(files: files.sorted())
  }

  private func report(_ results: [DevBuilder.Result]) {
    for result in results {
      let files = "\(clock()) \(result.files.joined(separator: ", "))"
      switch result.outcome {
      case .live(let version, let rooms, let kept):
        say("\(files): live after \(result.took), \(rooms == 1 ? "1 room" : "\(rooms) rooms") (\(version))")
        if let kept { say("\(kept.title): \(kept.why)\n") }
      case .failed(let text): say("\(files): not built; the build before goes on\n\(text)")
      case .refused(let why): say("\(files): not taken; the build before goes on: \(why)")
      }
    }
  }

  /// New crashes of the game: what failed and where, and what the server calls it.
  private mutating func tellCrashes(_ server: HTTPServer) {
    struct Crash: Decodable { var id: String }
    guard let list: [Crash] = try? server.get("/v1/crashes") else { return }
    for crash in list.reversed() where crashes.insert(crash.id).inserted {
      let failure: DevFailure? = try? server.get("/v1/crashes/\(crash.id)")
      let text = failure?.text(files: watch.names) ?? "the server has no report of it"
      builder.failed(text)
      say(
        "\(clock()) the game failed\(text == lastFailure ? " in the same way" : ": \(text)")\n"
          + "  oneup crash show \(crash.id) --data \(place.data)")
      lastFailure = text
    }
  }

  private func wait(for descriptors: [Int32], milliseconds: Int32) -> [Bool] {
    var polls = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    poll(&polls, nfds_t(polls.count), milliseconds)
    return polls.map { $0.revents != 0 }
  }
}

/// A line for the person at the terminal, at once.
func say(_ text: String) {
  emit((text + "\n").utf8)
}

private func clock() -> String {
  var (now, parts) = (time(nil), tm())
  localtime_r(&now, &parts)
  return String(format: "%02d:%02d:%02d", parts.tm_hour, parts.tm_min, parts.tm_sec)
}

func seconds(since start: Date) -> String { String(format: "%.1f s", Date().timeIntervalSince(start)) }
