// Stands before every route that is not for everybody.
import Hummingbird

struct Guard: Sendable {
  let access: Access

  func callAsFunction(
    _ need: Access.Need, _ request: Request, _ answer: () async -> Response
  ) async -> Response {
    let isAllowed = access.allows(
      need, authorization: request.headers[.authorization], host: request.head.authority)
    return isAllowed ? await answer() : Answer.unauthorized
  }
}
