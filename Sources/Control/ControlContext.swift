// What a request's handler may know besides the request.
import Hummingbird
import NIOCore

struct ControlContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// The connection, for a stream that must be cut.
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    channel = source.channel
  }
}
