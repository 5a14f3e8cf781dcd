// CRC-32C (Castagnoli), as in RFC 3720: reflected, inverted at both ends.
#pragma once
#include <stddef.h>
#include <stdint.h>

// The checksum of (what `crc` is the checksum of) followed by `bytes`; 0 is the checksum of nothing.
// Uses SSE4.2 where the processor has it, decided once.
uint32_t oneup_crc32c(uint32_t crc, const void *bytes, size_t count);

// The same by tables alone: the fallback, callable so that tests compare the two.
uint32_t oneup_crc32c_portable(uint32_t crc, const void *bytes, size_t count);
