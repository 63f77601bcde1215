// AMX: Sapphire Rapids and later. Tiles take both sides with their signs, and 64 bytes of a row at a time.
#define VW 16
#define NV 4
#include "int8types.h"
#include "amx.h"
#if EMS_AMX
#define NAME(x) ems_amx_##x
#define OFFSET 0
#define GROUP_STEP 16
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,amx-tile,amx-int8,fma,f16c,avx2"))), apply_to = function)
// A tile's bytes are one behind another: 16 groups of 16 columns.
#define TILE 1024
#define PLACE(g, j) (((g) / 16 * NV + (j) / 16) * TILE + (g) % 16 * 64 + (j) % 16 * 4)
#include "int8pack.h"

// Rows of C that are worked out at once, and columns.
#define BLOCK 32

// Sums of `rows` rows of A (1 to 32) with 32 columns of a panel, to 16 or 32 rows of c.
static void tiles(long rows, long steps, const int8_t *a, long lda, const uint8_t *b, int32_t *c, long ldc) {
  // Nothing behind the last row is read: rows that do not fill their tiles are copied.
  int8_t copy[BLOCK * 64] __attribute__((aligned(64)));
  int is_whole = rows % 16 == 0;
  if (!is_whole) memset(copy, 0, sizeof copy);
  _tile_zero(0), _tile_zero(1), _tile_zero(2), _tile_zero(3);
  for (long s = 0; s < steps; s++, a += 64, b += NV * TILE) {
    const int8_t *from = a;
    long ld = lda;
    if (!is_whole) {
      for (long i = 0; i < rows; i++) memcpy(copy + i * 64, a + i * lda, 64);
      from = copy, ld = 64;
    }
    _tile_loadd(4, from, ld);
    _tile_loadd(6, b, 64);
    _tile_dpbssd(0, 4, 6);
    _tile_loadd(7, b + TILE, 64);
    _tile_dpbssd(1, 4, 7);
    if (rows > 16) {
      _tile_loadd(5, from + 16 * ld, ld);
      _tile_dpbssd(2, 5, 6);
      _tile_dpbssd(3, 5, 7);
    }
  }
  _tile_stored(0, c, ldc * 4), _tile_stored(1, c + 16, ldc * 4);
  if (rows > 16) _tile_stored(2, c + 16 * ldc, ldc * 4), _tile_stored(3, c + 16 * ldc + 16, ldc * 4);
}

// Products and sums are rounded one by one, as in int8.h.
static void scaled(long rows, long columns, const int32_t *t, const float *a_scales, const float *b_scales, const float *bias,
                   float *c, long ldc) {
#pragma clang fp contract(off)
  for (long j = 0; j < columns; j += VW) {
    __mmask16 lanes = columns - j >= VW ? 0xffff : (__mmask16)((1u << (columns - j)) - 1);
    __m512 b = _mm512_maskz_loadu_ps(lanes, b_scales + j), add = bias ? _mm512_maskz_loadu_ps(lanes, bias + j) : b;
    for (long i = 0; i < rows; i++) {
      __m512 y = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_load_si512(t + i * BLOCK + j)),
                               _mm512_mul_ps(b, _mm512_set1_ps(a_scales[i])));
      if (bias) y = _mm512_add_ps(y, add);
      _mm512_mask_storeu_ps(c + i * ldc + j, lanes, y);
    }
  }
}

static void ems_amx_gemm_int8(long m, long n, long k, const int8_t *a, long lda, const float *a_scales, const int32_t *sums,
                              const uint8_t *packed, const float *b_scales, const float *bias, float *c, long ldc) {
  (void)sums;
  int32_t t[BLOCK * BLOCK] __attribute__((aligned(64)));
  long steps = (k + 63) / 64;
  ems_amx_begin();
  // As many rows as stay in the first cache while the panels go by.
  long block = 96;
  for (long i0 = 0; i0 < m; i0 += block)
    for (long j = 0; j < n; j += BLOCK) {
      const uint8_t *b = packed + j / NR * NR * steps * 64 + j % NR / 16 * TILE;
      for (long i = i0; i < m && i < i0 + block; i += BLOCK) {
        long rows = m - i < BLOCK ? m - i : BLOCK;
        tiles(rows, steps, a + i * lda, lda, b, t, BLOCK);
        scaled(rows, n - j < BLOCK ? n - j : BLOCK, t, a_scales + i, b_scales + j, bias ? bias + j : bias, c + i * ldc + j, ldc);
      }
    }
  _tile_release();
}

static void ems_amx_sums_int8(long m, long n, long k, const int8_t *a, long lda, const int32_t *sums, const uint8_t *packed,
                              int32_t *c, long ldc) {
  (void)sums;
  int32_t t[BLOCK * BLOCK] __attribute__((aligned(64)));
  long steps = (k + 63) / 64, whole = (n + NR - 1) / NR * NR;
  ems_amx_begin();
  for (long j = 0; j < whole; j += BLOCK) {
    const uint8_t *b = packed + j / NR * NR * steps * 64 + j % NR / 16 * TILE;
    for (long i = 0; i < m; i += BLOCK) {
      long rows = m - i < BLOCK ? m - i : BLOCK;
      int32_t *ci = c + i * ldc + j;
      if (rows % 16 == 0) {
        tiles(rows, steps, a + i * lda, lda, b, ci, ldc);
        continue;
      }
      tiles(rows, steps, a + i * lda, lda, b, t, BLOCK);
      for (long q = 0; q < rows; q++) memcpy(ci + q * ldc, t + q * BLOCK, BLOCK * 4);
    }
  }
  _tile_release();
}

const ems_int8_kernels ems_amx_int8_table = {
    .panel_width = NR,
    .row_step = 4 * GROUP_STEP,
    .is_fast = 1,
    .pack = ems_amx_pack_int8,
    .gemm = ems_amx_gemm_int8,
    .sums = ems_amx_sums_int8,
};
#pragma clang attribute pop
#endif
