// What control and the workers read of JSON and of requests: a stranger's query, a room's readable state.
import Artifacts
import Artifacts
import Control
import Core
import Sandbox
import WorkerCore

extension FuzzTarget {
  /// The part of a request behind the question mark.
  static let roomQuery = FuzzTarget(
    name: "room-query", bytesMax: 512,
    seeds: {
      [
        "module=tally&label=a+b&state=ready&limit=20&after=0123456789abcdef", "property=map%3Ddust&property=a=%C3%A9",
        "state=none&limit=-1&&=&%", "",
      ].map { Array($0.utf8) }
    },
    run: { bytes in
      let query = String(decoding: bytes, as: UTF8.self)
      do throws(FilterError) {
        let filter = try RoomFilter(query)
        precondition(filter.limit >= 1, "a page of nothing")
        keep(filter.accepts(RoomEntry([])) ? 1 : 0)
      } catch { precondition(!error.sentence.isEmpty, "a refusal without a sentence") }
    })

  /// Taken apart without decoding, looked at as a list of rooms, and judged.
  static let roomJSON = FuzzTarget(
    name: "room-json", bytesMax: 2_048,
    seeds: {
      [
        #"[{"id":"0123456789abcdef","module":"tally","label":"","phase":"ready","properties":{"a\"b":"\u00e9"}},{}]"#,
        #"{"id":"07","n":-1.5e3,"deep":{"list":[1,[2,{"x":null}]],"t":true},"q":"a\"b\ud83d\ude00"}"#,
      ].map { Array($0.utf8) }
    },
    run: { bytes in
      let text = Array(bytes)
      let filter = try? RoomFilter("module=tally&state=ready")
      for piece in JSONPieces.elements(text[...]) {
        keep(filter?.accepts(RoomEntry(piece)) == true ? 1 : 0)
        keep(UInt64(JSONPieces.text(piece)?.utf8.count ?? 0))
      }
      JSONPieces.members(text[...]) { name, value in
        precondition(name.count + value.count <= text.count, "a member is longer than its object")
      }
      keep(JSONCheck.isJSON(text) ? 1 : 0)
    })

  /// What a module says of its rooms, in its own memory.
  static let moduleSettings = FuzzTarget(
    name: "module-settings", bytesMax: 64,
    seeds: {
      func settings(_ words: [UInt32]) -> [UInt8] {
        Array(made: { out in for word in words { out.put(word) } })
      }
      return [
        settings([20, 20, 32, 1, 256]), settings([32, 0, 10, 3, 0, 100, 3_600, 30]), settings([24, 0, 1, 0, 0, 0]),
      ]
    },
    run: { bytes in
      var settings = ModuleSettings(
        name: "tiny", version: "1", hash: ModuleHash(of: []), ticksPerSecond: 0, membersMax: 1, ticksWhenEmpty: false,
        limits: SandboxLimits.room)
      guard (try? settings.read(bytes)) != nil else { return }
      precondition((1...UInt32(Limits.membersMax)).contains(settings.membersMax), "more members than a room can have")
    })
}
