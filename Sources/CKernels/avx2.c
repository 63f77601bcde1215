#include "CKernels.h"
#if defined(__x86_64__)
#define SET "avx2"
#define VW 8
#define NV 2
#define MR 6
#define NAME(x) ems_avx2_##x
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define INT8 ems_avx2_int8_table
#include "body.h"
#pragma clang attribute pop
#endif
