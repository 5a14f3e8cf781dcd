// Builds on a thread of its own, one after another, so that Ctrl-C and further saves are seen meanwhile.
import Artifacts
import CHost
import Foundation
import ModuleBuilder
import Synchronization

final class DevBuilder: Sendable {
  struct Result: Sendable {
    var files: [String]
    var outcome: DevRelease.Outcome
    /// From the save that was seen to the rooms that have it.
    var took: String
  }
  private struct State {
    var release: DevRelease?
    var versions: DevVersions?
    var name = ""
    var isBusy = false
    /// The last build is what the rooms have.
    var isLive = true
    /// Failures of that build which the page has shown.
    var shown: Set<String> = []
    var results: [Result] = []
  }
  private let state = Mutex(State())
  /// Readable when there are results.
  let descriptor = oneup_wake_create()

  var isBusy: Bool { state.withLock { $0.isBusy } }

  /// `built` is what the server has begun with.
  func begin(_ release: DevRelease, after built: BuiltModule) {
    state.withLock {
      $0.release = release
      $0.name = built.manifest.name
      $0.versions = DevVersions(first: built.manifest)
    }
  }

  /// Precondition: not busy.
  func build(_ change: SourceWatch.Change) {
    let start = Date()
    state.withLock { $0.isBusy = true }
    Thread.detachNewThread { [self] in
      let (release, name, before) = state.withLock { ($0.release, $0.name, $0.versions) }
      guard let release, var versions = before else { preconditionFailure("saves are built when the server runs") }
      let outcome = release.make(&versions)
      let took = seconds(since: start)
      tell(outcome, change, name, release)
      state.withLock {
        $0.versions = versions
        $0.isBusy = false
        $0.isLive = if case .live(_, _, nil) = outcome { true } else { false }
        $0.shown = []
        $0.results.append(Result(files: change.files, outcome: outcome, took: took))
      }
      oneup_wake(descriptor)
    }
  }

  private func tell(_ outcome: DevRelease.Outcome, _ change: SourceWatch.Change, _ name: String, _ release: DevRelease)
  {
    let word: DevRelease.Word =
      switch outcome {
      case .live(_, _, nil):
        .init(module: name, ok: true, reload: change.files.contains { $0.hasPrefix("Page/") })
      case .live(_, _, let kept?): .init(module: name, ok: false, title: "\(name): \(kept.title)", text: kept.why)
      case .failed(let text): .init(module: name, ok: false, text: text)
      case .refused(let text):
        .init(module: name, ok: false, title: "\(name) was not taken; the build before goes on", text: text)
      }
    release.tell(word)
  }

  /// The game has failed while it ran. Shown once for each place until the next build, and not over what is wrong with
  /// the last one.
  func failed(_ text: String) {
    let found = state.withLock { state in
      state.isLive && !state.isBusy && state.shown.insert(text).inserted ? (state.release, state.name) : nil
    }
    guard case (let release?, let name)? = found else { return }
    release.tell(.init(module: name, ok: false, title: "\(name) failed; that one event was undone", text: text))
  }

  /// The page has changed, and nothing else.
  func reload(_ name: String) {
    state.withLock { $0.release }?.tell(.init(module: name, ok: true, reload: true))
  }

  func results() -> [Result] {
    oneup_wake_clear(descriptor)
    return state.withLock { state in
      defer { state.results = [] }
      return state.results
    }
  }
}
