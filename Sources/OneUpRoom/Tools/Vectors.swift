// Places and directions.

public struct Vec2: Hashable, Sendable {
  public var x: Float
  public var y: Float
  public init() { self.init(0, 0) }
  public init(_ x: Float, _ y: Float) {
    self.x = x
    self.y = y
  }
  public static let zero = Vec2()

  public static func + (a: Vec2, b: Vec2) -> Vec2 { Vec2(a.x + b.x, a.y + b.y) }
  public static func - (a: Vec2, b: Vec2) -> Vec2 { Vec2(a.x - b.x, a.y - b.y) }
  public static func * (a: Vec2, b: Float) -> Vec2 { Vec2(a.x * b, a.y * b) }
  public static func * (a: Float, b: Vec2) -> Vec2 { b * a }
  public static func / (a: Vec2, b: Float) -> Vec2 { Vec2(a.x / b, a.y / b) }
  public static prefix func - (a: Vec2) -> Vec2 { Vec2(-a.x, -a.y) }
  public static func += (a: inout Vec2, b: Vec2) { a = a + b }
  public static func -= (a: inout Vec2, b: Vec2) { a = a - b }
  public static func *= (a: inout Vec2, b: Float) { a = a * b }

  public func dot(_ other: Vec2) -> Float { x * other.x + y * other.y }
  public var lengthSquared: Float { dot(self) }
  public var length: Float { lengthSquared.squareRoot() }
  public func distance(to other: Vec2) -> Float { (self - other).length }
  /// Whether it is no farther than `distance`; cheaper than asking how far.
  public func isWithin(_ distance: Float, of other: Vec2) -> Bool {
    (self - other).lengthSquared <= distance * distance
  }
  /// The same direction, no longer than `length`.
  public func limited(_ length: Float) -> Vec2 {
    let squared = lengthSquared
    return squared > length * length ? self * (length / squared.squareRoot()) : self
  }
  /// The same direction with length 1; zero stays zero.
  public var direction: Vec2 {
    let length = length
    return length > 0 ? self / length : self
  }
  /// Held within a rectangle.
  public func clamped(_ least: Vec2, _ most: Vec2) -> Vec2 {
    Vec2(max(least.x, min(most.x, x)), max(least.y, min(most.y, y)))
  }
  public func mixed(with other: Vec2, _ share: Float) -> Vec2 { self + (other - self) * share }
}

public struct Vec3: Hashable, Sendable {
  public var x: Float
  public var y: Float
  public var z: Float
  public init() { self.init(0, 0, 0) }
  public init(_ x: Float, _ y: Float, _ z: Float) {
    self.x = x
    self.y = y
    self.z = z
  }
  public static let zero = Vec3()

  public static func + (a: Vec3, b: Vec3) -> Vec3 { Vec3(a.x + b.x, a.y + b.y, a.z + b.z) }
  public static func - (a: Vec3, b: Vec3) -> Vec3 { Vec3(a.x - b.x, a.y - b.y, a.z - b.z) }
  public static func * (a: Vec3, b: Float) -> Vec3 { Vec3(a.x * b, a.y * b, a.z * b) }
  public static func * (a: Float, b: Vec3) -> Vec3 { b * a }
  public static func / (a: Vec3, b: Float) -> Vec3 { Vec3(a.x / b, a.y / b, a.z / b) }
  public static prefix func - (a: Vec3) -> Vec3 { Vec3(-a.x, -a.y, -a.z) }
  public static func += (a: inout Vec3, b: Vec3) { a = a + b }
  public static func -= (a: inout Vec3, b: Vec3) { a = a - b }
  public static func *= (a: inout Vec3, b: Float) { a = a * b }

  public func dot(_ other: Vec3) -> Float { x * other.x + y * other.y + z * other.z }
  public func cross(_ other: Vec3) -> Vec3 {
    Vec3(y * other.z - z * other.y, z * other.x - x * other.z, x * other.y - y * other.x)
  }
  public var lengthSquared: Float { dot(self) }
  public var length: Float { lengthSquared.squareRoot() }
  public func distance(to other: Vec3) -> Float { (self - other).length }
  public func isWithin(_ distance: Float, of other: Vec3) -> Bool {
    (self - other).lengthSquared <= distance * distance
  }
  /// The same direction, no longer than `length`.
  public func limited(_ length: Float) -> Vec3 {
    let squared = lengthSquared
    return squared > length * length ? self * (length / squared.squareRoot()) : self
  }
  /// The same direction with length 1; zero stays zero.
  public var direction: Vec3 {
    let length = length
    return length > 0 ? self / length : self
  }
  public func mixed(with other: Vec3, _ share: Float) -> Vec3 { self + (other - self) * share }
}

extension Vec2: Value {
  public static var kind: Kind { .counted }
  @inline(__always) public mutating func put(_ out: Encoder) {
    out.buffer.byte(8)
    out.buffer.four(x.bitPattern)
    out.buffer.four(y.bitPattern)
  }
  public mutating func take(_ input: inout Decoder) {
    guard var inner = input.inner() else { return }
    x.take(&inner)
    y.take(&inner)
    if inner.failed || !inner.isAtEnd { input.fail() }
  }
  public mutating func json(_ out: Buffer) {
    out.text("{\"x\":")
    x.json(out)
    out.text(",\"y\":")
    y.json(out)
    out.text("}")
  }
  public static func schema(_ out: SchemaWriter) { out.text("\"vec2\"") }
}

extension Vec3: Value {
  public static var kind: Kind { .counted }
  @inline(__always) public mutating func put(_ out: Encoder) {
    out.buffer.byte(12)
    out.buffer.four(x.bitPattern)
    out.buffer.four(y.bitPattern)
    out.buffer.four(z.bitPattern)
  }
  public mutating func take(_ input: inout Decoder) {
    guard var inner = input.inner() else { return }
    x.take(&inner)
    y.take(&inner)
    z.take(&inner)
    if inner.failed || !inner.isAtEnd { input.fail() }
  }
  public mutating func json(_ out: Buffer) {
    out.text("{\"x\":")
    x.json(out)
    out.text(",\"y\":")
    y.json(out)
    out.text(",\"z\":")
    z.json(out)
    out.text("}")
  }
  public static func schema(_ out: SchemaWriter) { out.text("\"vec3\"") }
}
