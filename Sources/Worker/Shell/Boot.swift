// Which life of the machine this is.
internal import Core
internal import Glibc

extension BootID {
  static var ofThisMachine: BootID? {
    guard let file = fopen("/proc/sys/kernel/random/boot_id", "r") else { return nil }
    defer { fclose(file) }
    var text = [CChar](repeating: 0, count: 64)
    guard fgets(&text, 64, file) != nil else { return nil }
    return BootID(text: String(decoding: text.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self))
  }
}
