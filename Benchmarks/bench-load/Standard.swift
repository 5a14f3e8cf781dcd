// Standard output to a pipe is buffered whole; the reader waits for each line.
import Glibc

func flushStandardOutput() { fflush(nil) }
