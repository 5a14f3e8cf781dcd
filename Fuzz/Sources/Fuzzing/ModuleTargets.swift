// Modules that no compiler made, and images that no room left.
import Artifacts
import Core
import Sandbox

extension FuzzTarget {
  static let moduleCheck = FuzzTarget(
    name: "module-check", bytesMax: 4_096,
    seeds: { [HandMadeModule.bytes, HandMadeModule.withEverything] },
    run: { bytes in
      guard let shape = try? ModuleShape(checking: bytes) else { return }
      precondition(shape.mutableGlobals.count <= SandboxLimits.mutableGlobalsMax, "more globals than are allowed")
    })

  /// Into a real instance of a small module.
  static let roomImage: FuzzTarget = {
    var target = image
    // The engine reserves addresses for all its rooms.
    target.memoryBytesMax = 64 << 30
    return target
  }()
  private static let image = FuzzTarget(
    name: "room-image", bytesMax: 16_384,
    seeds: {
      let bench = ImageBench.shared
      return [bench.freshImage, bench.largeImage]
    },
    run: { bytes in ImageBench.shared.restore(bytes) })
}

/// The engine is made once: inputs share it, and leave nothing in it.
private final class ImageBench: @unchecked Sendable {
  static let shared = ImageBench()
  private let engine: WasmEngine
  private let module: ModuleSettings

  /// Only one thread fuzzes.
  private init() {
    do {
      engine = try WasmEngine(EngineOptions(roomsMax: 4, reservesLittle: true))
      module = try engine.load(
        HandMadeModule.bytes, Manifest(name: "tiny", version: "1", module: HandMadeModule.bytes))
    } catch { preconditionFailure("the bench's own module is not accepted: \(error)") }
  }

  var freshImage: [UInt8] {
    guard let instance = try? engine.make(module.hash, limits: module.limits) else {
      preconditionFailure("the bench's own module makes no instance")
    }
    var image: [UInt8] = []
    engine.image(of: instance, into: &image)
    engine.discard(instance)
    return image
  }
  /// The same with two pages of memory and a run of 8 pages of 256 bytes at their end.
  var largeImage: [UInt8] {
    var image = freshImage
    image.patch(UInt32(2), at: 1)
    image.removeLast(8)
    image.put(UInt32(504))
    image.put(UInt32(8))
    image.append(contentsOf: [UInt8](repeating: 7, count: 8 * 256))
    image.put(UInt64(0))
    return image
  }

  func restore(_ bytes: UnsafeRawBufferPointer) {
    guard let instance = try? engine.restore(module.hash, limits: module.limits, image: bytes) else {
      precondition(engine.rooms == 0, "a failed restore leaves an instance behind")
      return
    }
    var image: [UInt8] = []
    engine.image(of: instance, into: &image)
    engine.discard(instance)
    image.withUnsafeBytes {
      precondition(
        (try? engine.restore(module.hash, limits: module.limits, image: $0)).map {
          engine.discard($0); return true
        } ?? false, "an image made anew is refused")
    }
  }
}

/// The smallest room there is, by hand.
enum HandMadeModule {
  static let bytes = module(globals: [[0x7F, 1, 0x41, 5, 0x0B]], exports: [("g", 3, 0)], code: [])
  /// One of most kinds of instruction.
  static let withEverything = module(
    globals: [[0x7F, 1, 0x41, 5, 0x0B], [0x7E, 0, 0x42, 0x80, 0x7F, 0x0B]], exports: [("g", 3, 0)],
    code: [
      0x02, 0x40, 0x03, 0x7F, 0x41, 1, 0x0B, 0x1A, 0x0B, 0x41, 0, 0x28, 2, 4, 0x1A, 0x41, 0, 0x0E, 2, 0, 0, 0, 0x43, 0,
      0,
      0, 0, 0x1A, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x1A, 0xFC, 10, 0, 0, 0xFC, 11, 0, 0xFD, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      0,
      0, 0, 0, 0, 0, 0, 0x1A, 0x10, 0, 0x1A, 0x23, 0, 0x24, 0, 0x11, 0, 0, 0x1C, 1, 0x7F,
    ])

  private static func module(globals: [[UInt8]], exports more: [(String, UInt8, UInt8)], code: [UInt8]) -> [UInt8] {
    let types: [[UInt8]] = [
      [0x60, 0, 1, 0x7F], [0x60, 1, 0x7F, 1, 0x7F], [0x60, 2, 0x7F, 0x7F, 0], [0x60, 0, 0], [0x60, 0, 1, 0x7E],
    ]
    // Import `oneup.time`; then the three functions that a room must have, and one that nobody calls.
    let imports = name("oneup") + name("time") + [0, 4]
    let bodies: [[UInt8]] = [
      [0, 0x41, 1, 0x0B], [0, 0x41, 16, 0x0B], [0, 0x41, 0x80, 0x08, 0x0B], [0] + code + [0x0B],
    ]
    let exports: [(String, UInt8, UInt8)] =
      [("memory", 2, 0), ("oneup_abi", 0, 1), ("oneup_settings", 0, 2), ("oneup_buffer", 0, 3)] + more
    // Settings: 24 bytes at address 16: no ticks, 10 members.
    let settings: [UInt8] = [24, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0] + [UInt8](repeating: 0, count: 12)
    let sections: [(UInt8, [UInt8])] = [
      (1, vector(types)), (2, vector([imports])), (3, vector([[0], [0], [1], [3]])), (5, vector([[0, 1]])),
      (6, vector(globals)), (7, vector(exports.map { name($0.0) + [$0.1, $0.2] })),
      (10, vector(bodies.map { leb($0.count) + $0 })), (11, vector([[0, 0x41, 16, 0x0B, 24] + settings])),
    ]
    return [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0] + sections.flatMap { [$0.0] + leb($0.1.count) + $0.1 }
  }
  private static func vector(_ items: [[UInt8]]) -> [UInt8] { leb(items.count) + items.flatMap { $0 } }
  private static func name(_ text: String) -> [UInt8] { leb(text.utf8.count) + Array(text.utf8) }
  private static func leb(_ value: Int) -> [UInt8] {
    value < 128 ? [UInt8(value)] : [UInt8(value & 0x7F | 0x80)] + leb(value >> 7)
  }
}
