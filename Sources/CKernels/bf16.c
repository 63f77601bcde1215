// Matrix products with both factors rounded to bfloat16 and sums in float32: with AVX512_BF16 (Cooper Lake, Zen 4 and later)
// twice the speed of float32 ones, with AMX (Sapphire Rapids and later) several times.
//
// Layouts and contracts are those of gemm and pack in CKernels.h; a packed panel holds words of two values, of rows 2p and
// 2p+1 of B, and rows of zeros up to a multiple of 32. Every element of C is one chain of steps with p ascending, so a row's
// result depends on that row alone.
#include "CKernels.h"
#include "amx.h"
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define VW 16
#define NV 4
#define NR (NV * VW)
#define MR 6
#define KC 512
#define MC 96
#define INLINE static inline __attribute__((always_inline))

#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,fma,avx2"))), apply_to = function)

// Two rows of floats as words: low halves from a, high halves from b.
INLINE __m512i words(__m512 a, __m512 b) {
  __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(a));
  __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(b));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}
INLINE __mmask16 first_lanes(long n) { return n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1); }

// 2p and 2p+1 side by side along a row of k floats: (k+1)/2 words.
INLINE void row_words(const float *x, long k, uint32_t *out) {
  for (long p = 0; p < k; p += 32) {
    __m512 a = _mm512_maskz_loadu_ps(first_lanes(k - p), x + p);
    __m512 b = k - p > 16 ? _mm512_maskz_loadu_ps(first_lanes(k - p - 16), x + p + 16) : _mm512_setzero_ps();
    long n = (k - p + 1) / 2;
    _mm512_mask_storeu_epi32(out + p / 2, first_lanes(n), (__m512i)_mm512_cvtne2ps_pbh(b, a));
  }
}

// Rows of words in a packed panel.
INLINE long padded(long k) { return (k + 31) / 32 * 16; }

// Where the word of rows 2p and 2p+1 in column j is in a panel: row by row, or in tiles of 16 rows of 16 words.
INLINE long place(const int tiled, long p, long j) {
  return tiled ? (p / 16 * NV + j / 16) * 256 + p % 16 * 16 + j % 16 : p * NR + j;
}

INLINE void pack(const int tiled, long k, long n, const float *b, long b_row, long b_col, float *packed, long first, long last) {
  long half = (k + 1) / 2, all = padded(k);
  for (long panel = first; panel < last; panel++) {
    long j0 = panel * NR, columns = n - j0 < NR ? n - j0 : NR;
    uint32_t *out = (uint32_t *)packed + j0 * all;
    for (long p = half; p < all; p++)
      for (long j = 0; j < NR; j += 16) _mm512_storeu_si512(out + place(tiled, p, j), _mm512_setzero_si512());
    if (b_col == 1) {
      for (long p = 0; p < half; p++) {
        const float *x = b + 2 * p * b_row + j0;
        for (long j = 0; j < NR; j += 16) {
          __mmask16 m = columns > j ? first_lanes(columns - j) : 0;
          __m512 low = _mm512_maskz_loadu_ps(m, x + j);
          __m512 high = 2 * p + 1 < k ? _mm512_maskz_loadu_ps(m, x + b_row + j) : _mm512_setzero_ps();
          _mm512_storeu_si512(out + place(tiled, p, j), words(low, high));
        }
      }
    } else {  // columns of B are contiguous: words along each, then spread over the panel a block at a time
      uint32_t t[16];
      memset(out, 0, (size_t)(all * NR) * 4);
      for (long p0 = 0; p0 < k; p0 += 32) {
        long kc = k - p0 < 32 ? k - p0 : 32;
        for (long j = 0; j < columns; j++) {
          row_words(b + (j0 + j) * b_col + p0, kc, t);
          for (long p = 0; p < (kc + 1) / 2; p++) out[place(tiled, p0 / 2 + p, j)] = t[p];
        }
      }
    }
  }
}

void ems_bf16_pack(long k, long n, const float *b, long b_row, long b_col, float *packed, long first, long last) {
  pack(0, k, n, b, b_row, b_col, packed, first, last);
}
void ems_amx_bf16_pack(long k, long n, const float *b, long b_row, long b_col, float *packed, long first, long last) {
  pack(1, k, n, b, b_row, b_col, packed, first, last);
}

INLINE void tile(const int rows, const int vectors, long half, const uint32_t *a, long a_row, long a_col,
                 const uint32_t *b, float *c, long ldc, const float *bias, int start) {
  __m512 acc[MR][NV];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++)
      acc[i][j] = start == 2 ? _mm512_loadu_ps(c + i * ldc + j * VW)
                             : start == 1 ? _mm512_loadu_ps(bias + j * VW) : _mm512_setzero_ps();
  for (long p = 0; p < half; p++) {
    __m512bh bv[NV];
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) bv[j] = (__m512bh)_mm512_loadu_si512(b + p * NR + j * VW);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      __m512bh av = (__m512bh)_mm512_set1_epi32((int)a[i * a_row + p * a_col]);
#pragma clang loop unroll(full)
      for (int j = 0; j < vectors; j++) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], av, bv[j]);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) _mm512_storeu_ps(c + i * ldc + j * VW, acc[i][j]);
}

#define TILE_CASE(r, v) \
  case r * 8 + v:       \
    tile(r, v, half, a, a_row, a_col, b, c, ldc, bias, start); \
    break;
#define TILE_ROW(r) TILE_CASE(r, 1) TILE_CASE(r, 2) TILE_CASE(r, 3) TILE_CASE(r, 4)

static void tile_any(long rows, long vectors, long half, const uint32_t *a, long a_row, long a_col, const uint32_t *b,
                     float *c, long ldc, const float *bias, int start) {
  switch (rows * 8 + vectors) { TILE_ROW(1) TILE_ROW(2) TILE_ROW(3) TILE_ROW(4) TILE_ROW(5) TILE_ROW(6) }
}

void ems_bf16_gemm(long m, long n, long k, const float *a, long a_row, long a_col, const float *packed, float *c,
                   long ldc, const float *bias, int accumulate, float *scratch) {
  long all = padded(k);
  uint32_t *t = (uint32_t *)scratch;
  for (long i0 = 0; i0 < m; i0 += MC) {
    long mc = m - i0 < MC ? m - i0 : MC;
    for (long k0 = 0; k0 < k || k0 == 0; k0 += KC) {
      long kc = k - k0 < KC ? k - k0 : KC, half = (kc + 1) / 2;
      int start = k0 > 0 || accumulate ? 2 : bias ? 1 : 0;
      const float *ab = a + i0 * a_row + k0 * a_col;
      long row, col;
      if (a_col == 1) {
        for (long i = 0; i < mc; i++) row_words(ab + i * a_row, kc, t + i * (KC / 2));
        row = KC / 2, col = 1;
      } else {  // columns of A are contiguous
        for (long p = 0; p < half; p++)
          for (long i = 0; i < mc; i += 16) {
            __mmask16 lanes = first_lanes(mc - i);
            __m512 low = _mm512_maskz_loadu_ps(lanes, ab + i + 2 * p * a_col);
            __m512 high =
                2 * p + 1 < kc ? _mm512_maskz_loadu_ps(lanes, ab + i + (2 * p + 1) * a_col) : _mm512_setzero_ps();
            _mm512_storeu_si512(t + p * MC + i, words(low, high));
          }
        row = 1, col = MC;
      }
      for (long j = 0; j < n; j += NR) {
        long columns = n - j < NR ? n - j : NR, vectors = (columns + VW - 1) / VW;
        const uint32_t *b = (const uint32_t *)packed + j * all + k0 / 2 * NR;
        for (long i = 0; i < mc; i += MR) {
          long r = mc - i < MR ? mc - i : MR;
          float *ci = c + (i0 + i) * ldc + j;
          const float *bj = bias ? bias + j : bias;
          if (columns % VW == 0) {
            tile_any(r, vectors, half, t + i * row, row, col, b, ci, ldc, bj, start);
            continue;
          }
          float block[MR * NR], bb[NR] = {0};
          if (start == 1) memcpy(bb, bj, (size_t)columns * 4);
          if (start == 2)
            for (long q = 0; q < r; q++) memcpy(block + q * NR, ci + q * ldc, (size_t)columns * 4);
          tile_any(r, vectors, half, t + i * row, row, col, b, block, NR, bb, start);
          for (long q = 0; q < r; q++) memcpy(ci + q * ldc, block + q * NR, (size_t)columns * 4);
        }
      }
    }
  }
}
#pragma clang attribute pop

#if EMS_AMX
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,amx-tile,amx-bf16,fma,avx2"))), apply_to = function)

// 16 rows of 16 words, `stride` words apart, become columns in place.
INLINE void transpose(uint32_t *x, long stride) {
  __m512i r[16], s[16];
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_si512(x + i * stride);
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 2) {
    s[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    s[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(s[i], s[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(s[i], s[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(s[i + 1], s[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(s[i + 1], s[i + 3]);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    s[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    s[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    s[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    s[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    _mm512_storeu_si512(x + i * stride, _mm512_shuffle_i32x4(s[i], s[i + 8], 0x88));
    _mm512_storeu_si512(x + (i + 8) * stride, _mm512_shuffle_i32x4(s[i], s[i + 8], 0xdd));
    _mm512_storeu_si512(x + (i + 4) * stride, _mm512_shuffle_i32x4(s[i + 4], s[i + 12], 0x88));
    _mm512_storeu_si512(x + (i + 12) * stride, _mm512_shuffle_i32x4(s[i + 4], s[i + 12], 0xdd));
  }
}

#define AMX_KC 1024

// 16 x 16 sums at t go to `rows` rows of C that have `columns` columns.
INLINE void put(const float *t, long rows, long columns, float *c, long ldc, const float *bias, int start) {
  __mmask16 lanes = first_lanes(columns);
  __m512 b = start == 1 ? _mm512_maskz_loadu_ps(lanes, bias) : _mm512_setzero_ps();
  for (long i = 0; i < rows; i++) {
    __m512 x = _mm512_load_ps(t + i * 16);
    if (start == 2) b = _mm512_maskz_loadu_ps(lanes, c + i * ldc);
    if (start) x = _mm512_add_ps(b, x);
    _mm512_mask_storeu_ps(c + i * ldc, lanes, x);
  }
}

void ems_amx_bf16_gemm(long m, long n, long k, const float *a, long a_row, long a_col, const float *packed, float *c, long ldc,
                       const float *bias, int accumulate, float *scratch) {
  long all = padded(k);
  uint32_t *t = (uint32_t *)scratch;
  float sums[4][256] __attribute__((aligned(64)));
  ems_amx_begin();
  for (long i0 = 0; i0 < m; i0 += MC) {
    long mc = m - i0 < MC ? m - i0 : MC;
    for (long k0 = 0; k0 < k || k0 == 0; k0 += AMX_KC) {
      long kc = k - k0 < AMX_KC ? k - k0 : AMX_KC, steps = (kc + 31) / 32;
      int start = k0 > 0 || accumulate ? 2 : bias ? 1 : 0;
      const float *ab = a + i0 * a_row + k0 * a_col;
      // Words between rows: an odd number of cache lines, so that rows do not crowd out each other.
      long ld = (steps | 1) * 16;
      if (a_col == 1) {
        for (long i = 0; i < mc; i++) {
          if (steps) memset(t + i * ld + (steps - 1) * 16, 0, 64);
          row_words(ab + i * a_row, kc, t + i * ld);
        }
      } else {  // columns of A are contiguous
        for (long p = 0; p < steps * 16; p += 16)
          for (long i = 0; i < mc; i += 16) {
            __mmask16 lanes = first_lanes(mc - i);
            for (long q = 0; q < 16; q++) {
              long x = 2 * (p + q);
              __m512 low = x < kc ? _mm512_maskz_loadu_ps(lanes, ab + i + x * a_col) : _mm512_setzero_ps();
              __m512 high = x + 1 < kc ? _mm512_maskz_loadu_ps(lanes, ab + i + (x + 1) * a_col) : _mm512_setzero_ps();
              _mm512_storeu_si512(t + (i + q) * ld + p, words(low, high));
            }
            transpose(t + i * ld + p, ld);
          }
      }
      for (long j = 0; j < n; j += NR) {
        const uint32_t *b = (const uint32_t *)packed + j * all + k0 / 2 * NR;
        // Rows behind the last hold what was there before; their sums are thrown away.
        for (long i = 0; i < mc; i += 32)
          for (long v = 0; v < NR && j + v < n; v += 32) {
            const uint32_t *ai = t + i * ld, *bv = b + v * 16;
            int lower = i + 16 < mc;
            _tile_zero(0), _tile_zero(1), _tile_zero(2), _tile_zero(3);
            for (long s = 0; s < steps; s++, ai += 16, bv += 16 * NR) {
              _tile_loadd(4, ai, ld * 4);
              _tile_loadd(6, bv, 64);
              _tile_dpbf16ps(0, 4, 6);
              _tile_loadd(7, bv + 256, 64);
              _tile_dpbf16ps(1, 4, 7);
              if (lower) {
                _tile_loadd(5, ai + 16 * ld, ld * 4);
                _tile_dpbf16ps(2, 5, 6);
                _tile_dpbf16ps(3, 5, 7);
              }
            }
            _tile_stored(0, sums[0], 64), _tile_stored(1, sums[1], 64);
            if (lower) _tile_stored(2, sums[2], 64), _tile_stored(3, sums[3], 64);
            for (long q = 0; q < (lower ? 4 : 2); q++) {
              long row = i + q / 2 * 16, column = j + v + q % 2 * 16;
              if (column < n)
                put(sums[q], mc - row < 16 ? mc - row : 16, n - column, c + (i0 + row) * ldc + column, ldc,
                    bias ? bias + column : bias, start);
            }
          }
      }
    }
  }
  _tile_release();
}
#pragma clang attribute pop
#endif
#endif
