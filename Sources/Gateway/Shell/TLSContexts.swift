// The certificate for new TLS connections, read again when its files change.
import CHost
import Core
import NIOSSL
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

final class TLSContexts: Sendable {
  private struct State {
    var context: NIOSSLContext
    var version: [Int]
    /// When the files were looked at last, in seconds.
    var lookedAt: Int64
  }
  private let certificate: GatewayConfiguration.Certificate
  private let log: @Sendable (String) -> Void
  private let state: Mutex<State>

  init(_ certificate: GatewayConfiguration.Certificate, log: @escaping @Sendable (String) -> Void) throws {
    self.certificate = certificate
    self.log = log
    state = Mutex(
      State(context: try Self.read(certificate), version: Self.version(certificate), lookedAt: 0))
  }

  /// Looks at the files at most once a second; keeps the last good certificate where they cannot be read.
  func context(_ now: Now) -> NIOSSLContext {
    state.withLock { state in
      let second = now.monotonic / 1_000_000
      guard second != state.lookedAt else { return state.context }
      state.lookedAt = second
      let version = Self.version(certificate)
      guard version != state.version else { return state.context }
      state.version = version
      do {
        state.context = try Self.read(certificate)
        log("tls: \(certificate.chainPath) changed: new connections use it")
      } catch {
        log("tls: \(certificate.chainPath) changed but is not usable, so the old one stays: \(error)")
      }
      return state.context
    }
  }

  private static func read(_ certificate: GatewayConfiguration.Certificate) throws -> NIOSSLContext {
    let chain = try NIOSSLCertificate.fromPEMFile(certificate.chainPath)
    let key = try NIOSSLPrivateKey(file: certificate.keyPath, format: .pem)
    return try NIOSSLContext(
      configuration: .makeServerConfiguration(
        certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key)))
  }

  /// What changes when a file is written or replaced.
  private static func version(_ certificate: GatewayConfiguration.Certificate) -> [Int] {
    [certificate.chainPath, certificate.keyPath].flatMap { path in
      var status = stat()
      guard stat(path, &status) == 0 else { return [0] }
      return [Int(status.st_ino), Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
    }
  }
}
