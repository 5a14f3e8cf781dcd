// Standard output and standard error.
import Foundation

/// Writes all of it, at once. A reader that has gone away (`| head`) is no failure: nobody wants the rest.
func emit(_ bytes: some Sequence<UInt8>, to descriptor: Int32 = STDOUT_FILENO) {
  let bytes = Array(bytes)
  var written = 0
  while written < bytes.count {
    let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, $0.count - written) }
    if count < 0, errno == EINTR { continue }
    guard count > 0 else { return }
    written += count
  }
}

/// What keeps a command from its work: one sentence on standard error.
func complain(_ sentence: String) { emit("oneup: \(sentence)\n".utf8, to: STDERR_FILENO) }

/// Why something of the file system did not work, in the kernel's words; Foundation's are of little help here.
func cause(of error: any Error) -> String {
  let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? error as NSError
  return cause.domain == NSPOSIXErrorDomain
    ? String(cString: strerror(Int32(cause.code))).lowercased() : "\(cause.localizedDescription)"
}
