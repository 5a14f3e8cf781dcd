import Foundation
import Rehearsal
import Testing

@Suite("Crash bundles on disk") struct StoreTests {
  @Test("A crash that is not there is named, with what helps") func missing() throws {
    let store = CrashStore(data: NSTemporaryDirectory() + "/oneup-no-data-\(UUID().uuidString)")
    #expect(store.list().isEmpty)
    let error = #expect(throws: RehearsalError.self) { _ = try store.find("last") }
    #expect(error?.description.contains("oneup crash list") == true)
  }
}
