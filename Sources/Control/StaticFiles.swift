// Files below a directory, as a browser asks for them. Nothing outside the directory can be named, whatever the path says.
import FoundationEssentials
import Hummingbird
import NIOCore

struct StaticFiles: Sendable {
  /// A page's largest file; a larger one is not served.
  static let bytesMax = 64 * 1_048_576
  let directory: String

  /// `path`: the part of a request's path below the directory, percent-encoded. A directory's name, or none, means its
  /// `index.html`. nil where there is no such file.
  func find(_ path: Substring) -> StaticFile? {
    guard let decoded = PercentEncoding.decode(path) else { return nil }
    var names = decoded.split(separator: "/", omittingEmptySubsequences: true)
    // Dot files are nobody's business, and `..` is one of them.
    guard names.allSatisfy({ !$0.hasPrefix(".") && !$0.utf8.contains(0) && !$0.contains("\\") }) else { return nil }
    if names.isEmpty || decoded.hasSuffix("/") { names.append("index.html") }
    let root = URL(fileURLWithPath: directory).resolvingSymlinksInPath().path
    let found = URL(fileURLWithPath: root + "/" + names.joined(separator: "/")).resolvingSymlinksInPath().path
    // A symbolic link may lead elsewhere within the directory, not out of it.
    guard found.hasPrefix(root + "/") else { return nil }
    return StaticFile(path: found)
  }

}

struct StaticFile {
  let path: String
  /// Changes with the file.
  let tag: String

  /// nil where there is no plain file of a fit size.
  init?(path: String) {
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
      attributes[.type] as? FileAttributeType == .typeRegular, let size = attributes[.size] as? Int,
      size <= StaticFiles.bytesMax
    else { return nil }
    let changed = (attributes[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
    self.path = path
    tag = "\"\(String(UInt64(max(0, changed) * 1_000_000), radix: 16))-\(String(size, radix: 16))\""
  }

  /// 304 where the browser has it already. A browser asks each time: a page that was built anew is seen at once.
  func answer(to request: Request, policy: String) -> Response {
    let headers: HTTPFields = [
      .contentType: type, .cacheControl: "no-cache", .eTag: tag, .xContentTypeOptions: "nosniff",
      .contentSecurityPolicy: policy,
    ]
    if let known = request.headers[.ifNoneMatch], known.contains(tag) {
      return Response(status: .notModified, headers: headers)
    }
    guard let bytes = FileManager.default.contents(atPath: path) else {
      return Answer.error(.notFound, "the file went away a moment ago")
    }
    return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  private static let types = [
    "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "mjs": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8", "json": "application/json", "map": "application/json",
    "webmanifest": "application/manifest+json", "txt": "text/plain; charset=utf-8", "md": "text/plain; charset=utf-8",
    "svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif",
    "webp": "image/webp", "avif": "image/avif", "ico": "image/x-icon", "woff2": "font/woff2",
    "wasm": "application/wasm",
    "mp3": "audio/mpeg", "ogg": "audio/ogg", "wav": "audio/wav", "mp4": "video/mp4", "webm": "video/webm",
    "glb": "model/gltf-binary",
  ]
  private var type: String {
    let name = path[(path.lastIndex(of: "/") ?? path.startIndex)...]
    guard let dot = name.lastIndex(of: ".") else { return "application/octet-stream" }
    return Self.types[name[name.index(after: dot)...].lowercased()] ?? "application/octet-stream"
  }
}
