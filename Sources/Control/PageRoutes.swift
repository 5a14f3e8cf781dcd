// The pages: the dashboard, the client library, and what modules bring along for their players. They hold nothing that is
// worth a token; what they ask for does.
import Hummingbird

struct PageRoutes: Sendable {
  let options: ControlOptions

  func add(to router: Router<ControlContext>) {
    router.get("/") { _, _ in Answer.redirect(to: first) }
    router.get("oneup.js") { request, _ in
      Answer.shared(file(options.web, "oneup.js", request, policy: Self.policy(scripts: "'self'", connect: "'self'")))
    }
    for path: RouterPath in ["dashboard", "dashboard/**"] {
      router.get(path) { request, _ in
        let policy = Self.policy(scripts: "'self'", connect: "'self'")
        return file(options.web.map { $0 + "/dashboard" }, rest(of: request, after: 1), request, policy: policy)
      }
    }
    for path: RouterPath in ["play/:name", "play/:name/**"] {
      router.get(path) { request, context in
        let name = context.parameters.get("name") ?? ""
        guard ModulesView.isName(name) else { return Answer.error(.notFound, "there is no such module") }
        // Without the slash the page's relative names would be looked for beside it.
        if request.uri.path.hasSuffix("/play/\(name)") { return Answer.redirect(to: "/play/\(name)/") }
        return file(
          "\(options.modules)/\(name).page", rest(of: request, after: 2), request, policy: policy(request))
      }
    }
  }

  /// Where a person who opens the server in a browser is led.
  private var first: String {
    let pages = ModulesView(directory: options.modules).pages()
    if let page = pages.contains("arena") ? "arena" : pages.count == 1 ? pages[0] : nil { return "/play/\(page)/" }
    return options.web == nil ? "/v1" : "/dashboard"
  }

  /// What follows the path's first `count` names.
  private func rest(of request: Request, after count: Int) -> Substring {
    var path = request.uri.path[...]
    for _ in 0..<count {
      path = path.drop { $0 == "/" }
      path = path.drop { $0 != "/" }
    }
    return path
  }

  private func file(_ directory: String?, _ path: Substring, _ request: Request, policy: String) -> Response {
    guard let directory else {
      return Answer.error(.notFound, "this server has no pages; start it with --web DIR, the directory with oneup.js")
    }
    guard let file = StaticFiles(directory: directory).find(path) else {
      return Answer.error(.notFound, "there is no such page; / leads to the first one, /v1 lists the interface")
    }
    return file.answer(to: request, policy: policy)
  }

  /// A module's page may run scripts that stand in it and connect to the players' port.
  private func policy(_ request: Request) -> String {
    let address = ClientView(options, host: request.head.authority).players
    // A policy cannot name an IPv6 address.
    let sockets = address.contains("[") ? "ws: wss:" : "ws://\(address) wss://\(address)"
    return Self.policy(scripts: "'self' 'unsafe-inline' 'wasm-unsafe-eval'", connect: "'self' \(sockets)")
  }
  private static func policy(scripts: String, connect: String) -> String {
    "default-src 'self'; script-src \(scripts); style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
      + "media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src \(connect); "
      + "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
  }
}
