// CRC-32C, chainable: the check of journal records and of small files.
internal import CHost

package enum CRC32C {
  /// The checksum of (what `crc` is the checksum of) followed by `bytes`. 0 is the checksum of nothing.
  package static func extend(_ crc: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
    oneup_crc32c(crc, bytes.baseAddress, bytes.count)
  }
  package static func of(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { extend(0, $0) } }
  /// By tables alone, as on a processor without the instruction.
  package static func portable(_ crc: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
    oneup_crc32c_portable(crc, bytes.baseAddress, bytes.count)
  }
}
