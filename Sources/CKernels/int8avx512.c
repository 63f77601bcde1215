// AVX-512 with VNNI: Cascade Lake, Ice Lake, Zen 4 and later.
#define VW 16
#define NV 4
#define MR 6
#include "int8types.h"
#if defined(__x86_64__)
#include <immintrin.h>
#define NAME(x) ems_avx512vnni_##x
#define OFFSET 128
#define GROUP_STEP 1
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx512vnni,fma,f16c,avx2"))), apply_to = function)
static inline __attribute__((always_inline)) w32 spread(const int8_t *p) {
  int32_t word;
  __builtin_memcpy(&word, p, 4);
  return (w32)_mm512_set1_epi32(word);
}
static inline __attribute__((always_inline)) w32 dot4(w32 acc, w32 a, w32 b) {
  return (w32)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)b, (__m512i)a);
}
#define SPREAD(p) spread(p)
#define DOT4(acc, a, b) dot4(acc, a, b)
#include "int8.h"
#pragma clang attribute pop
#endif
