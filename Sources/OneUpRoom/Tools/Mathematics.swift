// The functions of school, from the C library that is linked into every module: the same bits on every host.
#if !arch(wasm32) && !ONEUP_NATIVE
  internal import Glibc
#else
  @_extern(c, "sinf") func libmSin(_ x: Float) -> Float
  @_extern(c, "cosf") func libmCos(_ x: Float) -> Float
  @_extern(c, "tanf") func libmTan(_ x: Float) -> Float
  @_extern(c, "atan2f") func libmAtan2(_ y: Float, _ x: Float) -> Float
  @_extern(c, "acosf") func libmAcos(_ x: Float) -> Float
  @_extern(c, "powf") func libmPow(_ x: Float, _ y: Float) -> Float
  @_extern(c, "expf") func libmExp(_ x: Float) -> Float
  @_extern(c, "logf") func libmLog(_ x: Float) -> Float
  @_extern(c, "fmodf") func libmFmod(_ x: Float, _ y: Float) -> Float
#endif

#if arch(wasm32) || ONEUP_NATIVE
  public func sin(_ x: Float) -> Float { libmSin(x) }
  public func cos(_ x: Float) -> Float { libmCos(x) }
  public func tan(_ x: Float) -> Float { libmTan(x) }
  public func atan2(_ y: Float, _ x: Float) -> Float { libmAtan2(y, x) }
  public func acos(_ x: Float) -> Float { libmAcos(x) }
  public func pow(_ x: Float, _ y: Float) -> Float { libmPow(x, y) }
  public func exp(_ x: Float) -> Float { libmExp(x) }
  public func log(_ x: Float) -> Float { libmLog(x) }
  public func fmod(_ x: Float, _ y: Float) -> Float { libmFmod(x, y) }
#else
  public func sin(_ x: Float) -> Float { Glibc.sinf(x) }
  public func cos(_ x: Float) -> Float { Glibc.cosf(x) }
  public func tan(_ x: Float) -> Float { Glibc.tanf(x) }
  public func atan2(_ y: Float, _ x: Float) -> Float { Glibc.atan2f(y, x) }
  public func acos(_ x: Float) -> Float { Glibc.acosf(x) }
  public func pow(_ x: Float, _ y: Float) -> Float { Glibc.powf(x, y) }
  public func exp(_ x: Float) -> Float { Glibc.expf(x) }
  public func log(_ x: Float) -> Float { Glibc.logf(x) }
  public func fmod(_ x: Float, _ y: Float) -> Float { Glibc.fmodf(x, y) }
#endif
public func sqrt(_ x: Float) -> Float { x.squareRoot() }
