// What the program needs of the C library.
import Glibc

func exitProgram(_ code: Int32) -> Never {
  fflush(nil)
  exit(code)
}

/// Replaces the file, or ends the program and says why it cannot.
func writeFile(_ path: String, _ text: String) {
  guard let file = fopen(path, "w") else {
    print("\(path) cannot be written: \(String(cString: strerror(errno)))")
    exitProgram(2)
  }
  fputs(text, file)
  fclose(file)
}
