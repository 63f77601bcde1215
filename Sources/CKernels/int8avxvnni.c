// AVX-VNNI: processors without AVX-512 that have its products of bytes.
#define VW 8
#define NV 2
#define MR 6
#include "int8types.h"
#if defined(__x86_64__)
#include <immintrin.h>
#define NAME(x) ems_avxvnni_##x
#define OFFSET 128
#define GROUP_STEP 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avxvnni"))), apply_to = function)
static inline __attribute__((always_inline)) w32 spread(const int8_t *p) {
  int32_t word;
  __builtin_memcpy(&word, p, 4);
  return (w32)_mm256_set1_epi32(word);
}
static inline __attribute__((always_inline)) w32 dot4(w32 acc, w32 a, w32 b) {
  return (w32)_mm256_dpbusd_avx_epi32((__m256i)acc, (__m256i)b, (__m256i)a);
}
#define SPREAD(p) spread(p)
#define DOT4(acc, a, b) dot4(acc, a, b)
#include "int8.h"
#pragma clang attribute pop
#endif
