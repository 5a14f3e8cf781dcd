// Rooms over HTTP: finding them and looking inside.
import Hummingbird

struct RoomRoutes: Sendable {
  let guarded: Guard
  let rooms: RoomsView

  func add(to router: Router<ControlContext>) {
    router.get("v1/rooms") { request, _ in await guarded(.read, request) { await list(request) } }
    router.get("v1/rooms/:id") { request, context in
      await guarded(.read, request) { await one(context.parameters.get("id") ?? "") }
    }
  }

  private func list(_ request: Request) async -> Response {
    let filter: RoomFilter
    do throws(FilterError) { filter = try RoomFilter(request.uri.query) } catch {
      return Answer.error(.badRequest, error.sentence)
    }
    let page = await rooms.list(filter)
    var response = Answer.json(.ok, page.json)
    if let next = page.next { response.headers[.init("x-oneup-next")!] = next }
    return response
  }

  private func one(_ id: String) async -> Response {
    guard RoomsView.isID(id) else {
      return Answer.error(.badRequest, "a room's id is 16 hexadecimal digits; ask /v1/rooms")
    }
    guard let room = await rooms.room(id) else {
      return Answer.error(.notFound, "no worker serves the room \(id) now; ask /v1/rooms for those that are awake")
    }
    return Answer.json(.ok, room)
  }
}
