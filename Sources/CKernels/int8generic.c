// Any machine.
#define VW 4
#define NV 2
#define MR 2
#include "int8types.h"
#define NAME(x) ems_generic_##x
#define OFFSET 0
#define GROUP_STEP 1

static inline w32 spread(const int8_t *p) {
  int32_t word;
  __builtin_memcpy(&word, p, 4);
  return SPLATW(word);
}

static inline w32 dot4(w32 acc, w32 a, w32 b) {
  // A byte of every word moves to the top, and back with its sign.
  for (int p = 24; p >= 0; p -= 8) acc += ((a << p) >> 24) * ((b << p) >> 24);
  return acc;
}
#define SPREAD(p) spread(p)
#define DOT4(acc, a, b) dot4(acc, a, b)
#include "int8.h"
