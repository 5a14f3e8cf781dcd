// Compiled into every module that is built to machine code, for which the machine's C library is the rest.
#include <stddef.h>

// Seeds hashing. A constant: what a room does must follow from its events alone.
void arc4random_buf(void *buffer, size_t count) {
  unsigned char *bytes = buffer;
  for (size_t i = 0; i < count; i++) bytes[i] = (unsigned char)(0x9E + 0x37 * i);
}
