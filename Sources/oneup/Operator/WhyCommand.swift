// `oneup why`: what is with one room, in sentences.
import ArgumentParser
import Control
import Core
import Foundation
import SupervisionShell

struct WhyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why", abstract: "Say in sentences where a room is, and why it is slow, frozen or gone.",
    discussion: """
      ROOM is MODULE/KEY, as a player joins it, or the room's id of 16 digits.

      Examples:
        oneup why tally/hello
        oneup why 64a88605879c4ce8 --data /srv/oneup

      Exit status: 0 when nothing is wrong with it (it may sleep), 1 when something is, when there is no such room, \
      or when no server answers.
      """)
  @Argument(help: ArgumentHelp("MODULE/KEY, or the room's id.", valueName: "room")) var room: String
  @OptionGroup var place: ServerPlace
  @Flag(help: "Print what the server says of the room as JSON, with the sentences.") var json = false

  func run() throws {
    try asked {
      let server = try place.server()
      let look = try LiveVitals(try LiveLooks.first(server))
      let wanted = try WantedRoom(room, server, place)
      guard let id = wanted.id else { return try say(WhyRoom.unknown(room), isGood: false) }
      let answer = try server.answer(to: "/v1/rooms/\(id)")
      guard answer.status == 200, let detail = try? JSONDecoder().decode(RoomLook.self, from: answer.body) else {
        if answer.status != 404 { throw server.refusal("/v1/rooms/\(id)", answer) }
        return try say(wanted.absence(try server.get("/v1/processes"), try server.get("/v1/modules")), isGood: false)
      }
      let why = WhyRoom(
        name: room, room: detail, look: look, recoveries: try server.get("/v1/recoveries"),
        now: Int64(Date().timeIntervalSince1970))
      try say(why.sentences, isGood: !why.isTroubled, answer.body)
    }
  }

  /// `body`: a JSON object, which gets the sentences as its first fields.
  private func say(_ sentences: [String], isGood: Bool, _ body: Data = Data("{\"room\":null}".utf8)) throws {
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .withoutEscapingSlashes
      let list = String(decoding: try encoder.encode(sentences), as: UTF8.self)
      print("{\"good\":\(isGood),\"sentences\":\(list),\(String(decoding: body.dropFirst(), as: UTF8.self))")
    } else {
      print(sentences.map(\.forTerminal).joined(separator: "\n"))
    }
    if !isGood { throw ExitCode(1) }
  }
}

/// A room as it is asked for, and its number where that can be found out.
struct WantedRoom {
  let name: String
  /// 16 hexadecimal digits; nil: no worker has it in memory, and there is no data directory to find its number by.
  let id: String?
  /// nil where it was asked for by its number.
  private let module: String?
  private let map: ShardMap?

  init(_ name: String, _ server: HTTPServer, _ place: ServerPlace) throws(HTTPFailure) {
    self.name = name
    map = Self.map(place.data)
    guard let slash = name.firstIndex(of: "/") else {
      let id = name.lowercased()
      guard id.utf8.count == 16, id.allSatisfy(\.isHexDigit) else {
        throw HTTPFailure("\(name) is no room: write MODULE/KEY, or the id of 16 hexadecimal digits.")
      }
      (self.id, self.module) = (id, nil)
      return
    }
    let (module, key) = (String(name[..<slash]), String(name[name.index(after: slash)...]))
    self.module = module
    let text = module.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? module
    let rooms = try server.get("/v1/rooms?limit=20000&module=\(text)", [RoomLook].self)
    id = rooms.first { $0.key == key }?.id ?? map.map { "\($0.room(module: module.utf8, key: key.utf8))" }
  }

  private static func map(_ data: String) -> ShardMap? {
    guard let bytes = FileManager.default.contents(atPath: data + "/identity") else { return nil }
    let values = RoleConfiguration(text: String(decoding: bytes, as: UTF8.self)).values
    return DataDirectory.Identity.map(
      shards: values["shards"].flatMap { Int($0) } ?? 0, hashKey: values["hash-key"] ?? "")
  }

  /// Why no worker knows it. `owners`: as they are now; a look may be a second old.
  func absence(_ owners: ProcessesView, _ modules: [DoctorServer.Module]) -> [String] {
    if let module, !modules.contains(where: { $0.name == module }) {
      let names = modules.map(\.name).joined(separator: ", ")
      return [
        "There is no module \(module) on this server; \(names.isEmpty ? "there is none" : "there are: \(names)")."
      ]
    }
    if let map, let number = id.flatMap({ UInt64($0, radix: 16) }) {
      let shard = Int(map.shard(of: RoomID(number)).rawValue)
      guard let owner = owners.processes.first(where: { $0.shards.contains(shard) }) else {
        return ["Shard \(shard), where \(name) would be, has no owner just now: it is on its way to one. Ask again."]
      }
      if owner.silentMilliseconds > 500 {
        return [
          "Worker \(owner.instance) (pid \(owner.pid)), where \(name) would be, has not beaten for "
            + "\(owner.silentMilliseconds) ms: it hangs, and is replaced soon. Ask again."
        ]
      }
    }
    return ["There is no room \(name): nobody has joined it yet, or it has ended and is forgotten. A join makes it."]
  }
}
