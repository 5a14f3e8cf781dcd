import Foundation
import GatewayShell
import Synchronization
import Testing

/// All players come back at once to a new gateway: whom the kernel's queue has no place for tries again after a second.
@Suite struct QueueTests {
  /// How many the kernel keeps for a listening socket; 0 while it does not listen.
  private static func length(_ descriptor: CInt) -> UInt32 {
    var info = tcp_info()
    var size = socklen_t(MemoryLayout<tcp_info>.size)
    guard getsockopt(descriptor, CInt(IPPROTO_TCP), TCP_INFO, &info, &size) == 0 else { return 0 }
    return info.tcpi_sacked
  }
  private final class Watch: Sendable {
    let shortest = Mutex(UInt32.max)
    let looks = Atomic<Int>(0)
    let isOver = Atomic<Bool>(false)
    let ended = DispatchSemaphore(value: 0)
    func run(_ descriptor: CInt) {
      while !isOver.load(ordering: .acquiring) {
        let length = QueueTests.length(descriptor)
        shortest.withLock { $0 = min($0, length) }
        looks.add(1, ordering: .releasing)
      }
      ended.signal()
    }
  }

  @Test(arguments: [1, 2]) func itsQueueIsNeverShortWhileItTakesASocketOver(loops: Int) throws {
    let watch = Watch()
    var longest: UInt32 = 0
    var descriptor: CInt = -1
    let gateway = try Gateway(loops: loops) { configuration, _ in
      // As the supervisor has it, for as long as there is none that accepts.
      #expect(listen(configuration.listeners[0], 4_096) == 0)
      descriptor = dup(configuration.listeners[0])
      longest = Self.length(descriptor)
      let watched = descriptor
      Thread { watch.run(watched) }.start()
      while watch.looks.load(ordering: .acquiring) == 0 { sched_yield() }
    }
    watch.isOver.store(true, ordering: .releasing)
    watch.ended.wait()
    #expect(longest > 128)
    #expect(watch.shortest.withLock { $0 } == longest && Self.length(descriptor) == longest)
    close(descriptor)
    let client = try TCPClient(gateway)
    try client.hello()
  }
}
