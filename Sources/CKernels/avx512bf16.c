// Matrix products with both factors rounded to bfloat16 and sums in float32 (AVX512_BF16: Cooper Lake, Sapphire Rapids,
// Zen 4 and later), twice the speed of float32 ones. For training only: embeddings are always computed in float32.
//
// Layouts and contracts are those of gemm and pack in CKernels.h; a packed panel holds words of two values, of rows 2p and
// 2p+1 of B. Every element of C is one chain of steps with p ascending, so a row's result depends on that row alone.
#include "CKernels.h"
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

void ems_bf16_pack(long k, long n, const float *b, long b_row, long b_col, float *packed, long first, long last) {
  long half = (k + 1) / 2;
  for (long panel = first; panel < last; panel++) {
    long j0 = panel * NR, columns = n - j0 < NR ? n - j0 : NR;
    uint32_t *out = (uint32_t *)packed + j0 * half;
    if (b_col == 1) {
      for (long p = 0; p < half; p++) {
        const float *x = b + 2 * p * b_row + j0;
        for (long j = 0; j < NR; j += 16) {
          __mmask16 m = columns > j ? first_lanes(columns - j) : 0;
          __m512 low = _mm512_maskz_loadu_ps(m, x + j);
          __m512 high = 2 * p + 1 < k ? _mm512_maskz_loadu_ps(m, x + b_row + j) : _mm512_setzero_ps();
          _mm512_storeu_si512(out + p * NR + j, words(low, high));
        }
      }
    } else {  // columns of B are contiguous: words along each, then spread over the panel a block at a time
      uint32_t t[16];
      memset(out, 0, (size_t)(half * NR) * 4);
      for (long p0 = 0; p0 < k; p0 += 32) {
        long kc = k - p0 < 32 ? k - p0 : 32;
        for (long j = 0; j < columns; j++) {
          row_words(b + (j0 + j) * b_col + p0, kc, t);
          for (long p = 0; p < (kc + 1) / 2; p++) out[(p0 / 2 + p) * NR + j] = t[p];
        }
      }
    }
  }
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
  long all = (k + 1) / 2;
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
#endif
