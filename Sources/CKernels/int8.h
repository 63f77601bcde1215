// Products of whole numbers from -127 to 127 with sums in 32 bits: exact, so that every set gives the same bits. The
// including file has set the target attributes and defines NAME(x), VW (columns in a vector), NV (vectors across a panel), MR
// (rows of a tile), the vector of VW int32 `w32`, its LOADW/STOREW, and
//   SPREAD(p)       the four bytes at p in every lane
//   DOT4(acc, a, b) acc + the sum of four products a byte of a (signed) with one of b in each lane
//   OFFSET          what is added to b's bytes when they are packed: 128 for instructions that take b as unsigned, or 0
//   GROUP_STEP      1
#define INLINE static inline __attribute__((always_inline))
#define PLACE(g, j) (((g) * NR + (j)) * 4)
#include "int8pack.h"

INLINE void NAME(sums)(const int rows, const int vectors, long groups, const int8_t *a, long lda, const int32_t *sums,
                       const uint8_t *b, w32 acc[MR][NV]) {
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) acc[i][j] = SPLATW(-OFFSET * sums[i]);
  for (long g = 0; g < groups; g++) {
    w32 bv[NV];
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) bv[j] = LOADW(b + (g * NR + j * VW) * 4);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      w32 av = SPREAD(a + i * lda + g * 4);
#pragma clang loop unroll(full)
      for (int j = 0; j < vectors; j++) acc[i][j] = DOT4(acc[i][j], av, bv[j]);
    }
  }
}

// Products and sums are rounded one by one, whatever the set could do at once.
INLINE void NAME(tile8)(const int rows, const int vectors, long groups, const int8_t *a, long lda, const float *a_scales,
                        const int32_t *sums, const uint8_t *b, const float *b_scales, const float *bias, float *c, long ldc) {
#pragma clang fp contract(off)
  w32 acc[MR][NV];
  NAME(sums)(rows, vectors, groups, a, lda, sums, b, acc);
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) {
      f32 scale = LOADF(b_scales + j * VW) * a_scales[i];
      f32 y = __builtin_convertvector(acc[i][j], f32) * scale;
      if (bias) y = y + LOADF(bias + j * VW);
      STOREF(c + i * ldc + j * VW, y);
    }
}

INLINE void NAME(tile32)(const int rows, const int vectors, long groups, const int8_t *a, long lda, const int32_t *sums,
                         const uint8_t *b, int32_t *c, long ldc) {
  w32 acc[MR][NV];
  NAME(sums)(rows, vectors, groups, a, lda, sums, b, acc);
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) STOREW(c + i * ldc + j * VW, acc[i][j]);
}

#define TILE_CASE(r, v)                                                                               \
  case r * 8 + v:                                                                                     \
    if (r <= MR && v <= NV) {                                                                         \
      if (c)                                                                                          \
        NAME(tile8)(r, v, groups, a, lda, a_scales, sums, b, b_scales, bias, c, ldc);                 \
      else                                                                                            \
        NAME(tile32)(r, v, groups, a, lda, sums, b, c32, ldc);                                        \
    }                                                                                                 \
    break;
#define TILE_ROW(r) TILE_CASE(r, 1) TILE_CASE(r, 2) TILE_CASE(r, 3) TILE_CASE(r, 4)

// Either c or c32 is null.
static void NAME(tile_any8)(long rows, long vectors, long groups, const int8_t *a, long lda, const float *a_scales,
                            const int32_t *sums, const uint8_t *b, const float *b_scales, const float *bias, float *c,
                            int32_t *c32, long ldc) {
  switch (rows * 8 + vectors) { TILE_ROW(1) TILE_ROW(2) TILE_ROW(3) TILE_ROW(4) TILE_ROW(5) TILE_ROW(6) }
}

#define MC8 96
static void NAME(gemm_int8)(long m, long n, long k, const int8_t *a, long lda, const float *a_scales, const int32_t *sums,
                            const uint8_t *packed, const float *b_scales, const float *bias, float *c, long ldc) {
  long groups = (k + 3) / 4;
  for (long i0 = 0; i0 < m; i0 += MC8) {
    long mc = m - i0 < MC8 ? m - i0 : MC8;
    for (long j = 0; j < n; j += NR) {
      long columns = n - j < NR ? n - j : NR, vectors = (columns + VW - 1) / VW;
      const uint8_t *b = packed + j * groups * 4;
      for (long i = i0; i < i0 + mc; i += MR) {
        long r = i0 + mc - i < MR ? i0 + mc - i : MR;
        if (columns % VW == 0) {
          NAME(tile_any8)(r, vectors, groups, a + i * lda, lda, a_scales + i, sums + i, b, b_scales + j, bias ? bias + j : 0,
                          c + i * ldc + j, 0, ldc);
          continue;
        }
        float t[MR * NR], tb[NR] = {0};
        if (bias) memcpy(tb, bias + j, (size_t)columns * 4);
        NAME(tile_any8)(r, vectors, groups, a + i * lda, lda, a_scales + i, sums + i, b, b_scales + j, bias ? tb : 0, t, 0, NR);
        for (long q = 0; q < r; q++) memcpy(c + (i + q) * ldc + j, t + q * NR, (size_t)columns * 4);
      }
    }
  }
}

// C[m, n rounded up to a whole panel] in whole numbers.
static void NAME(sums_int8)(long m, long n, long k, const int8_t *a, long lda, const int32_t *sums, const uint8_t *packed,
                            int32_t *c, long ldc) {
  long groups = (k + 3) / 4;
  for (long j = 0; j < n; j += NR)
    for (long i = 0; i < m; i += MR) {
      long r = m - i < MR ? m - i : MR;
      NAME(tile_any8)(r, NV, groups, a + i * lda, lda, 0, sums + i, packed + j * groups * 4, 0, 0, 0, c + i * ldc + j, ldc);
    }
}

const ems_int8_kernels NAME(int8_table) = {
    .panel_width = NR,
    .row_step = 4 * GROUP_STEP,
    // Those that take b as unsigned have one instruction for it.
    .is_fast = OFFSET != 0,
    .pack = NAME(pack_int8),
    .gemm = NAME(gemm_int8),
    .sums = NAME(sums_int8),
};
