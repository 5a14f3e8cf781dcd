import CHost
import Foundation
import Testing

@Suite struct ReapingTests {
  @Test func whatNobodyKnowsIsCollectedAndNothingElse() async {
    // In a process of its own: here other tests have children.
    await #expect(processExitsWith: .success) {
      var pidfd: Int32 = -1
      let path = strdup("/bin/true")
      var argv: [UnsafeMutablePointer<CChar>?] = [path, nil]
      var envp: [UnsafeMutablePointer<CChar>?] = [nil]
      let pid = oneup_spawn("/bin/true", &argv, &envp, nil, 0, &pidfd)
      precondition(pid > 0 && oneup_reap_strangers([pid], 1) == 0, "it lives, or is known")
      var ended = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
      precondition(poll(&ended, 1, 30_000) == 1, "it ends")
      precondition(oneup_reap_strangers([pid], 1) == 0, "what is known is left to whoever knows it")
      precondition(oneup_reap_strangers([], 0) == 1 && waitpid(pid, nil, 0) == -1, "a stranger is collected")
    }
  }
}
