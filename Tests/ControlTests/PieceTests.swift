import Control
import Foundation
import NIOCore
import ReleaseCore
import Synchronization
import Testing

/// Parts of control that need no server.
@Suite struct PieceTests {
  private func bytes(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }
  private func text(_ piece: ArraySlice<UInt8>) -> String { String(decoding: piece, as: UTF8.self) }

  @Test func jsonComesApartAsItStands() {
    #expect(JSONPieces.elements(bytes("[]")).isEmpty)
    #expect(
      JSONPieces.elements(bytes(#" [ 1 ,"a,]b", {"x":[1,{"y":"}"}]} ,null] "#)).map(text) == [
        "1", #""a,]b""#, #"{"x":[1,{"y":"}"}]}"#, "null",
      ])
    var members: [String] = []
    JSONPieces.members(bytes(#"{"id":"07","n" : -1.5e3,"deep":{"id":"no"},"q":"a\"b"}"#)) { name, value in
      members.append("\(text(name))=\(text(value))")
    }
    #expect(members == ["id=\"07\"", "n=-1.5e3", #"deep={"id":"no"}"#, #"q="a\"b""#])
    #expect(JSONPieces.text(bytes(#""a\"b\\c\u00e9\ud83d\ude00\n""#)) == "a\"b\\cé😀\n")
    #expect(JSONPieces.text(bytes("12")) == nil)
  }

  @Test(arguments: [
    "", "[", "[1", "[1,", "{", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "[\"\\", "]", "[}", "[{]}", "\"\\u12",
  ])
  func whatIsNoJSONEndsEarly(_ broken: String) {
    _ = JSONPieces.elements(bytes(broken))
    JSONPieces.members(bytes(broken)) { _, _ in }
    _ = JSONPieces.text(bytes(broken))
    _ = JSONPieces.text(bytes("\"" + broken + "\""))
  }

  @Test func whatTheDiskHoldsUpIsSavedOnce() throws {
    let id = try JSONDecoder().decode(RolloutID.self, from: Data(#""tally-1""#.utf8))
    var work = ReleaseWork()
    work.add([.save, .stopRehearsal(id)], at: 1)
    for time in 2...1_000 { work.add([.save], at: Int64(time), isHeldUp: true) }
    work.add([.save, .verify(id)], at: 1_001, isHeldUp: true)
    #expect(work.todo == [.save, .stopRehearsal(id), .verify(id)])
    // What is being done while it is added to has its state saved before it.
    work.add([.save, .verify(id)], at: 1_002)
    #expect(work.todo.count == 5)
  }

  @Test func anEmptyTokenOpensNothing() {
    let access = Access(token: [], isLoopback: false)
    #expect(!access.allows(.change, authorization: "Bearer ", host: "localhost"))
    #expect(!access.allows(.read, authorization: nil, host: "localhost"))
    let closed = Access(token: Array("secret".utf8), isLoopback: true)
    #expect(closed.allows(.read, authorization: nil, host: "localhost:7780"))
    #expect(!closed.allows(.change, authorization: nil, host: "localhost"))
    #expect(!closed.allows(.change, authorization: "Bearer secre", host: "localhost"))
    #expect(!closed.allows(.change, authorization: "Basic secret", host: "localhost"))
    #expect(closed.allows(.change, authorization: "Bearer secret", host: "anything"))
  }

  @Test func aWatcherThatDoesNotKeepUpIsDroppedAndTheOthersAreNot() async {
    let watchers = Watchers()
    let isDropped = Mutex(false)
    let slow = watchers.join { isDropped.withLock { $0 = true } }
    let quick = watchers.join { Issue.record("the quick watcher was dropped") }
    var read = quick!.makeAsyncIterator()
    for n in 0...Watchers.waitingMax {
      watchers.tell("vitals", Array("\(n)".utf8))
      #expect(await read.next().map { String(buffer: $0) } == "event: vitals\ndata: \(n)\n\n")
    }
    #expect(isDropped.withLock { $0 })
    var count = 0
    for await _ in slow! { count += 1 }
    #expect(count == Watchers.waitingMax)
  }

  @Test func onlySoManyWatchAndNobodyAfterTheEnd() async {
    let watchers = Watchers()
    var streams: [AsyncStream<ByteBuffer>] = []
    for _ in 0..<Watchers.countMax { streams.append(watchers.join {}!) }
    #expect(watchers.join {} == nil)
    watchers.tell("vitals", Array("{}".utf8), first: true)
    watchers.end()
    #expect(watchers.join {} == nil)
    // What was told before the end still comes, and then the end.
    var told = 0
    for await _ in streams[0] { told += 1 }
    #expect(told == 1)
  }
}
