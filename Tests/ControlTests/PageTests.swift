import Foundation
import ServerHarness
import Testing

/// What a browser is given, and what nobody is given.
@Suite(.serialized) struct PageTests {
  static let files = [
    "arena.page/index.html": "<!doctype html><title>arena</title>", "arena.page/js/game.js": "export const a = 1;",
    "arena.page/.secret": "s", "arena.page/notes": "n", "secret.json": "{}",
    "arena.json":
      #"{"name":"arena","version":"1.0.0","sha256":"00","abi":1,"bytes":3,"schema":{"messages":[],"state":[]}}"#,
  ]

  @Test func aModulesPageIsServedWithTypeTagAndPolicy() throws {
    let server = try RunningServer(files: Self.files)
    #expect(try server.request("GET", "/").head.lowercased().contains("location: /play/arena/"))
    #expect(try server.request("GET", "/play/arena").head.lowercased().contains("location: /play/arena/"))
    let page = try server.request("GET", "/play/arena/")
    #expect(page.status == 200 && page.body.contains("<title>arena"))
    #expect(page.head.lowercased().contains("content-type: text/html"))
    let policy = page.head.lowercased()
    #expect(policy.contains("ws://\(server.ready.listen)") && policy.contains("frame-ancestors 'none'"))
    let script = try server.request("GET", "/play/arena/js/game.js")
    #expect(script.status == 200 && script.head.lowercased().contains("content-type: text/javascript"))
    #expect(script.head.lowercased().contains("cache-control: no-cache"))
    let tag = try #require(script.head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("etag: ") })
      .dropFirst(6)
    let again = try server.request("GET", "/play/arena/js/game.js", headers: ["If-None-Match: \(tag)"])
    #expect(again.status == 304 && again.body.isEmpty)
    let head = try server.request("HEAD", "/play/arena/")
    #expect(head.status == 200 && head.body.isEmpty)
  }

  @Test func theOnlyPageIsTheFirst() throws {
    let files = ["pond.page/index.html": "<title>pond</title>", "lake.page/notes": "no page", "lake.json": "{}"]
    let server = try RunningServer(files: files)
    #expect(try server.request("GET", "/").head.lowercased().contains("location: /play/pond/"))
  }

  @Test func nothingOutsideAPageIsServed() throws {
    let server = try RunningServer(files: Self.files)
    let link = "\(server.data)/../modules/arena.page/out"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: server.data)
    for path in [
      "/play/arena/../secret.json", "/play/arena/%2e%2e/secret.json", "/play/arena/..%2fsecret.json",
      "/play/arena/js/../../secret.json", "/play/arena/.secret", "/play/arena/%2e%2e%5csecret.json",
      "/play/..%2fmodules%2farena/index.html", "/play/arena/out/admin-token", "/play/arena/%00", "/play/arena/%zz",
      "/play/arena/js", "/play/nothing/", "/dashboard/../oneup.js/../../Package.swift",
      "/dashboard/%2e%2e/%2e%2e/Package.swift",
    ] {
      let answer = try server.request("GET", path)
      #expect(answer.status == 404 || answer.status == 400, "\(path): \(answer.status) \(answer.body)")
    }
  }

  @Test func pagesComeFromTheDirectoryThatIsNamed() throws {
    let web = NSTemporaryDirectory() + "oneup-web-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: web + "/dashboard", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: web) }
    try Data("export {}".utf8).write(to: URL(fileURLWithPath: web + "/oneup.js"))
    try Data("<title>dashboard</title>".utf8).write(to: URL(fileURLWithPath: web + "/dashboard/index.html"))
    try Data("a{}".utf8).write(to: URL(fileURLWithPath: web + "/dashboard/a.css"))
    let server = try RunningServer(["--web", web])
    #expect(try server.request("GET", "/").head.lowercased().contains("location: /dashboard"))
    let library = try server.request("GET", "/oneup.js")
    #expect(library.status == 200 && library.body == "export {}")
    #expect(library.head.lowercased().contains("access-control-allow-origin: *"))
    let page = try server.request("GET", "/dashboard")
    #expect(page.status == 200 && page.body.contains("dashboard"))
    #expect(!page.head.lowercased().contains("access-control-allow-origin"))
    #expect(try server.request("GET", "/dashboard/a.css").head.lowercased().contains("content-type: text/css"))
  }

  struct Client: Decodable, Equatable {
    var players: String
    var tls: Bool
  }
  struct Module: Decodable, Equatable {
    var name: String
    var version: String
    var page: Bool
  }
  @Test func clientsAreToldWhereToConnectAndWhatThereIs() throws {
    let server = try RunningServer(files: Self.files)
    // Also to a page of another origin, and under any name: there is nothing to hide.
    let client = try server.request("GET", "/v1/client", host: "example.org")
    #expect(client.head.lowercased().contains("access-control-allow-origin: *"))
    #expect(try client.decode(Client.self) == Client(players: server.ready.listen, tls: false))
    let modules = try server.request("GET", "/v1/modules").decode([Module].self)
    #expect(modules == [Module(name: "arena", version: "1.0.0", page: true)])
    #expect(try server.request("GET", "/v1/modules/arena").body.contains(#""schema":{"#))
    #expect(try server.request("GET", "/v1/modules/arena?sha256=00").status == 200)
    #expect(try server.request("GET", "/v1/modules/arena?sha256=01").status == 404, "no build has this hash")
    #expect(try server.request("GET", "/v1/modules/arena?sha256=../../secret").status == 404)
    #expect(try server.request("GET", "/v1/modules/secret").status == 404)
    #expect(try server.request("GET", "/v1/modules/..%2farena").status == 404)
  }

  @Test func aServerOnAllAddressesIsNamedAsItWasCalled() throws {
    let server = try RunningServer(["--listen", "0.0.0.0:0"])
    let port = try #require(server.ready.listen.split(separator: ":").last)
    let client = try server.request("GET", "/v1/client", host: "play.example.org:8080").decode(Client.self)
    #expect(client.players == "play.example.org:\(port)")
    #expect(try server.request("GET", "/v1/client", host: "a b").decode(Client.self).players == "127.0.0.1:\(port)")
  }
}

/// Who is answered.
@Suite(.serialized) struct AccessTests {
  @Test func aForeignNameForThisMachineIsNotAnsweredWithoutTheToken() throws {
    let server = try RunningServer()
    let port = server.ready.http.split(separator: ":").last ?? ""
    for host in ["localhost", "localhost:\(port)", "127.0.0.1:\(port)", "127.8.9.10", "[::1]:\(port)", "LocalHost"] {
      #expect(try server.request("GET", "/v1/processes", host: host).status == 200, "\(host)")
    }
    for host in [
      "evil.example", "evil.example:\(port)", "127.0.0.1.evil.example", "127.evil.example", "localhost.evil",
    ] {
      #expect(try server.request("GET", "/v1/processes", host: host).status == 401, "\(host)")
      #expect(try server.request("GET", "/v1/rooms", host: host).status == 401, "\(host)")
    }
    #expect(try server.request("GET", "/v1/processes", token: server.token, host: "evil.example").status == 200)
  }

  @Test func anotherOriginCannotReadOrChange() throws {
    let server = try RunningServer()
    let origin = "Origin: https://evil.example"
    for path in ["/v1/processes", "/v1/rooms", "/v1/events", "/v1/crashes", "/v1/faults"] {
      let asked = try server.request(
        "OPTIONS", path, headers: [origin, "Access-Control-Request-Method: POST"])
      #expect(!asked.head.lowercased().contains("access-control-allow"), "\(path)")
      let read = try server.request("GET", path, headers: [origin])
      #expect(!read.head.lowercased().contains("access-control-allow"), "\(path)")
    }
  }

  @Test func beyondTheLoopbackInterfaceReadsNeedTheToken() throws {
    let server = try RunningServer(["--http", "0.0.0.0:0"])
    #expect(try server.request("GET", "/v1/processes").status == 401)
    #expect(try server.request("GET", "/v1/processes", token: server.token).status == 200)
    #expect(try server.request("GET", "/v1/client").status == 200)
    #expect(try server.request("GET", "/healthz").status == 200)
  }
}
