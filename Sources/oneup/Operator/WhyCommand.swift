// `oneup why`: what is with one room, in sentences.
import ArgumentParser
import Foundation

struct WhyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why", abstract: "Say in sentences where a room is, and why it is slow, frozen or gone.",
    discussion: """
      ROOM is MODULE/KEY, as a player joins it, or the room's id of 16 digits.

        oneup why tally/hello
        oneup why 64a88605879c4ce8 --data /srv/oneup

      Exit status: 0 when nothing is wrong with it, 1 when something is or no server answers.
      """)
  @Argument(help: ArgumentHelp("MODULE/KEY, or the room's id.", valueName: "room")) var room: String
  @OptionGroup var place: ServerPlace
  @Flag(help: "Print what the server says of the room as JSON.") var json = false

  func run() throws {
    try asked {
      let server = try place.server()
      let look = try ServerLook(try LiveLooks.first(server))
      guard let id = try find(server) else {
        print(WhyRoom.absent(room, look).joined(separator: "\n"))
        throw ExitCode(1)
      }
      let answer = try server.answer(to: "/v1/rooms/\(id)")
      if json, answer.status == 200 { return print(String(decoding: answer.body, as: UTF8.self)) }
      guard answer.status == 200, let detail = try? JSONDecoder().decode(RoomDetail.self, from: answer.body) else {
        if answer.status != 404 { throw server.refusal("/v1/rooms/\(id)", answer) }
        print(WhyRoom.absent(room, look).joined(separator: "\n"))
        throw ExitCode(1)
      }
      let why = WhyRoom(
        room: detail, look: look, recoveries: try server.get("/v1/recoveries"), now: Int64(Date().timeIntervalSince1970)
      )
      print(why.sentences.joined(separator: "\n"))
      if why.isTroubled { throw ExitCode(1) }
    }
  }

  private func find(_ server: HTTPServer) throws(HTTPFailure) -> String? {
    guard let slash = room.firstIndex(of: "/") else {
      let id = room.lowercased()
      guard id.utf8.count == 16, id.allSatisfy(\.isHexDigit) else {
        throw HTTPFailure("\(room) is no room: write MODULE/KEY, or the id of 16 hexadecimal digits.")
      }
      return id
    }
    let (module, key) = (String(room[..<slash]), String(room[room.index(after: slash)...]))
    let name = module.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? module
    let rooms = try server.get("/v1/rooms?limit=20000&module=\(name)", [RoomLook].self)
    return rooms.first { $0.key == key }?.id
  }
}
