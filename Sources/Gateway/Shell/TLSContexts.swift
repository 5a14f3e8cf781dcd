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

/// Which file of a certificate is not usable, and why, in a sentence without its full stop.
package struct CertificateError: Error, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}

extension GatewayConfiguration.Certificate {
  /// Throws where a gateway could not begin with it.
  package func check() throws(CertificateError) { _ = try TLSContexts.read(self) }
}

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

  fileprivate static func read(
    _ certificate: GatewayConfiguration.Certificate
  ) throws(CertificateError) -> NIOSSLContext {
    for path in [certificate.chainPath, certificate.keyPath] where access(path, R_OK) != 0 {
      throw CertificateError("\(path) cannot be read: \(String(cString: strerror(errno)).lowercased())")
    }
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey
    do { chain = try NIOSSLCertificate.fromPEMFile(certificate.chainPath) } catch {
      throw CertificateError("\(certificate.chainPath) holds no certificate in PEM form")
    }
    guard !chain.isEmpty else { throw CertificateError("\(certificate.chainPath) holds no certificate in PEM form") }
    do { key = try NIOSSLPrivateKey(file: certificate.keyPath, format: .pem) } catch {
      throw CertificateError("\(certificate.keyPath) holds no private key in PEM form")
    }
    do {
      return try NIOSSLContext(
        configuration: .makeServerConfiguration(
          certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key)))
    } catch {
      throw CertificateError("the key in \(certificate.keyPath) is not of the certificate in \(certificate.chainPath)")
    }
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
