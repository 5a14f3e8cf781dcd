#include "crc32c.h"
#include <string.h>

#define POLYNOMIAL 0x82F63B78u
// Bytes per lane of the three-lane loop: long enough to pay for joining the lanes, short enough for a batch.
#define LANE 256

// slices[k][b]: the effect of byte b followed by k zero bytes.
static uint32_t slices[8][256];
// shifted[k][b]: the effect of byte k of a register, of value b, after LANE zero bytes.
static uint32_t shifted[4][256];
#if defined(__x86_64__)
static int hardware;
#endif

static uint32_t after_zeros(uint32_t crc, size_t count) {
  while (count--) crc = (crc >> 8) ^ slices[0][crc & 0xFF];
  return crc;
}

// Before main: no call can come earlier, so the tables need no lock.
__attribute__((constructor)) static void prepare(void) {
  for (uint32_t b = 0; b < 256; b++) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
    slices[0][b] = crc;
  }
  for (int k = 1; k < 8; k++)
    for (int b = 0; b < 256; b++) slices[k][b] = after_zeros(slices[k - 1][b], 1);
  for (int k = 0; k < 4; k++)
    for (uint32_t b = 0; b < 256; b++) shifted[k][b] = after_zeros(b << (8 * k), LANE);
#if defined(__x86_64__)
  __builtin_cpu_init();
  hardware = __builtin_cpu_supports("sse4.2") != 0;
#endif
}

static uint64_t load8(const unsigned char *p) {
  uint64_t word;
  memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

uint32_t oneup_crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
  const unsigned char *p = bytes;
  crc = ~crc;
  for (; count >= 8; p += 8, count -= 8) {
    uint64_t word = load8(p) ^ crc;
    crc = slices[7][word & 0xFF] ^ slices[6][(word >> 8) & 0xFF] ^ slices[5][(word >> 16) & 0xFF]
        ^ slices[4][(word >> 24) & 0xFF] ^ slices[3][(word >> 32) & 0xFF] ^ slices[2][(word >> 40) & 0xFF]
        ^ slices[1][(word >> 48) & 0xFF] ^ slices[0][word >> 56];
  }
  for (; count; p++, count--) crc = (crc >> 8) ^ slices[0][(crc ^ *p) & 0xFF];
  return ~crc;
}

#if defined(__x86_64__)
static uint32_t shift(uint32_t crc) {
  return shifted[0][crc & 0xFF] ^ shifted[1][(crc >> 8) & 0xFF] ^ shifted[2][(crc >> 16) & 0xFF] ^ shifted[3][crc >> 24];
}

// The instruction has a latency of three cycles and a throughput of one: three independent lanes fill it.
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t start, const unsigned char *p, size_t count) {
  uint64_t crc = (uint32_t)~start;
  for (; count >= 3 * LANE; p += 3 * LANE, count -= 3 * LANE) {
    uint64_t second = 0, third = 0;
    for (size_t i = 0; i < LANE; i += 8) {
      crc = __builtin_ia32_crc32di(crc, load8(p + i));
      second = __builtin_ia32_crc32di(second, load8(p + LANE + i));
      third = __builtin_ia32_crc32di(third, load8(p + 2 * LANE + i));
    }
    crc = shift((uint32_t)crc) ^ (uint32_t)second;
    crc = shift((uint32_t)crc) ^ (uint32_t)third;
  }
  for (; count >= 8; p += 8, count -= 8) crc = __builtin_ia32_crc32di(crc, load8(p));
  for (; count; p++, count--) crc = __builtin_ia32_crc32qi((uint32_t)crc, *p);
  return ~(uint32_t)crc;
}
#endif

uint32_t oneup_crc32c(uint32_t crc, const void *bytes, size_t count) {
#if defined(__x86_64__)
  if (hardware) return by_instruction(crc, bytes, count);
#endif
  return oneup_crc32c_portable(crc, bytes, count);
}
