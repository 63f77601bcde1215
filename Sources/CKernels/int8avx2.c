// AVX2 multiplies bytes without a sign by bytes with one and adds two products in 16 bits: with the sign of a moved to b no
// sum leaves them (2 x 127 x 127).
#define VW 8
#define NV 2
#define MR 4
#include "int8types.h"
#if defined(__x86_64__)
#include <immintrin.h>
#define NAME(x) ems_avx2_##x
#define OFFSET 0
#define GROUP_STEP 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
static inline __attribute__((always_inline)) w32 spread(const int8_t *p) {
  int32_t word;
  __builtin_memcpy(&word, p, 4);
  return (w32)_mm256_set1_epi32(word);
}
static inline __attribute__((always_inline)) w32 dot4(w32 acc, w32 a, w32 b) {
  __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8((__m256i)a), _mm256_sign_epi8((__m256i)b, (__m256i)a));
  return (w32)_mm256_add_epi32((__m256i)acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
#define SPREAD(p) spread(p)
#define DOT4(acc, a, b) dot4(acc, a, b)
#include "int8.h"
#pragma clang attribute pop
#endif
