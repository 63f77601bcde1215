// Tiles of Intel's AMX (Sapphire Rapids and later): eight of 16 rows of 64 bytes. The system lets a process use them on
// request.
#pragma once
#if defined(__x86_64__) && defined(__linux__)
#define EMS_AMX 1
#include <immintrin.h>
#include <stdint.h>

// Whether the processor has tiles with products of bfloat16 and of bytes, and the system lets this process use them.
int ems_amx_is_there(void);

// All tiles whole: 0 to 3 for sums, 4 and 5 for rows of A, 6 and 7 for columns of B. _tile_release() when done.
__attribute__((target("amx-tile"))) static inline void ems_amx_begin(void) {
  static const struct {
    uint8_t palette, start, none[14];
    uint16_t bytes[16];
    uint8_t rows[16];
  } whole __attribute__((aligned(64))) = {
      .palette = 1, .bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
  _tile_loadconfig(&whole);
}
#else
#define EMS_AMX 0
#endif
