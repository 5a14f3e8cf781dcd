// The few C symbols that the guest's C library leaves open. Compiled into every module built from Swift.
#include <stddef.h>
#include <stdint.h>

__attribute__((import_module("oneup"), import_name("out_of_memory"))) _Noreturn void oneup_out_of_memory(void);

uintptr_t __stack_chk_guard = 0x6F6E6575;
_Noreturn void __stack_chk_fail(void) { __builtin_trap(); }

// Builds that are not optimised print why they trap; a room has nowhere to print to, and its backtrace says it.
int putchar(int character) { return character; }

// Zeros that no optimiser takes for useless, though what they overwrite is given back. `count`: whole eights.
void oneup_wipe(void *bytes, size_t count) {
  volatile uint64_t *at = bytes;
  for (size_t left = count / 8; left > 0; left--) *at++ = 0;
}

// Seeds hashing. A constant: what a room does must follow from its events alone.
void arc4random_buf(void *buffer, size_t count) {
  unsigned char *bytes = buffer;
  for (size_t i = 0; i < count; i++) bytes[i] = (unsigned char)(0x9E + 0x37 * i);
}

// A product of 128 bits, by halves: builds that are not optimised check 64-bit products by it. The compiler's own library
// of such functions is not there for WebAssembly.
typedef union {
  __int128 whole;
  struct { uint64_t low, high; } half;
} Wide;
__int128 __multi3(__int128 a, __int128 b) {
  const Wide x = {.whole = a}, y = {.whole = b};
  const uint64_t mask = 0xFFFFFFFF;
  const uint64_t xl = x.half.low & mask, xh = x.half.low >> 32, yl = y.half.low & mask, yh = y.half.low >> 32;
  const uint64_t low = xl * yl, one = xh * yl + (low >> 32), other = xl * yh + (one & mask);
  Wide product;
  product.half.low = other << 32 | (low & mask);
  product.half.high = xh * yh + (one >> 32) + (other >> 32) + x.half.high * y.half.low + x.half.low * y.half.high;
  return product.whole;
}

// The allocator's only source. Where the room's memory ends the host hears of it by name, not by a trap at some `nil`.
extern unsigned char __heap_base;
static uintptr_t brk_now;
void *sbrk(intptr_t increment) {
  const uintptr_t page = 65536;
  if (brk_now == 0) brk_now = (uintptr_t)__builtin_wasm_memory_size(0) * page;
  if (increment == 0) return (void *)brk_now;
  if (increment < 0 || increment % (intptr_t)page != 0) __builtin_trap();
  uintptr_t before = __builtin_wasm_memory_grow(0, (uintptr_t)increment / page);
  if (before == (uintptr_t)-1) oneup_out_of_memory();
  brk_now = (before * page) + (uintptr_t)increment;
  return (void *)(before * page);
}
