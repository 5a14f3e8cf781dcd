// The one thing that a program needs of the C library.
import Glibc

func exitProgram(_ code: Int32) -> Never {
  fflush(nil)
  exit(code)
}
