// What no route answers is said in a sentence, too.
import Hummingbird

struct NothingThere: RouterMiddleware {
  func handle(
    _ request: Request, context: ControlContext, next: @concurrent (Request, ControlContext) async throws -> Response
  ) async throws -> Response {
    do { return try await next(request, context) } catch let error as HTTPError where error.status == .notFound {
      return Answer.error(
        .notFound, "there is no \(request.method) \(request.uri.path.prefix(200)); GET /v1 lists what there is")
    }
  }
}
