#include "CKernels.h"
#if defined(__x86_64__)
#define SET "avx512"
#define VW 16
#define NV 4
#define MR 6
#define NAME(x) ems_avx512_##x
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma,f16c,avx2"))), apply_to = function)
#define INT8 ems_avx2_int8_table
#include "body.h"
#pragma clang attribute pop
#endif
