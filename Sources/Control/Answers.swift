// What control answers with. An error is a JSON object with one sentence that says what to do.
import FoundationEssentials
import Hummingbird
import NIOCore

enum Answer {
  static func json(_ status: HTTPResponse.Status, _ bytes: [UInt8]) -> Response {
    response(status, "application/json", bytes)
  }
  static func json(_ status: HTTPResponse.Status, _ value: some Encodable) -> Response {
    json(status, encode(value))
  }
  static func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
    response(status, "text/plain; charset=utf-8", Array(text.utf8))
  }
  static func bytes(_ bytes: [UInt8]) -> Response { response(.ok, "application/octet-stream", bytes) }
  static func error(_ status: HTTPResponse.Status, _ sentence: String) -> Response {
    json(status, ["error": sentence])
  }
  static func redirect(to path: String) -> Response {
    Response(status: .found, headers: [.location: path, .cacheControl: "no-store"])
  }
  /// A page of any origin may read it: nothing in it is worth hiding.
  static func shared(_ response: Response) -> Response {
    var response = response
    response.headers[.accessControlAllowOrigin] = "*"
    return response
  }
  static var unauthorized: Response {
    var response = error(
      .unauthorized, "send the data directory's admin-token as: Authorization: Bearer TOKEN")
    response.headers[.wwwAuthenticate] = "Bearer"
    return response
  }

  static func encode(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return Array(try encoder.encode(value))
    } catch { preconditionFailure("a view of control's own could not be encoded: \(error)") }
  }

  private static func response(_ status: HTTPResponse.Status, _ type: String, _ bytes: [UInt8]) -> Response {
    Response(
      status: status, headers: [.contentType: type, .cacheControl: "no-store", .xContentTypeOptions: "nosniff"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }
}
