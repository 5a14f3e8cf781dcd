import Foundation
import Rehearsal
import Testing

@Suite("Crash bundles on disk") struct StoreTests {
  @Test("Where there are no crashes at all, that is said") func missing() throws {
    let store = CrashStore(data: NSTemporaryDirectory() + "/oneup-no-data-\(UUID().uuidString)")
    #expect(store.list().isEmpty)
    let error = #expect(throws: RehearsalError.self) { _ = try store.find("last") }
    #expect(error?.description.contains("there are no crashes in") == true)
  }
}
