#include "CKernels.h"

#include "amx.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

extern const ems_kernels ems_generic_table;
#if defined(__x86_64__)
extern const ems_kernels ems_avx2_table, ems_avx512_table;
void ems_bf16_gemm(long m, long n, long k, const float *a, long a_row, long a_col, const float *packed, float *c, long ldc,
                   const float *bias, int accumulate, float *scratch);
void ems_bf16_pack(long k, long n, const float *b, long b_row, long b_col, float *packed, long first, long last);
void ems_amx_bf16_gemm(long m, long n, long k, const float *a, long a_row, long a_col, const float *packed, float *c, long ldc,
                       const float *bias, int accumulate, float *scratch);
void ems_amx_bf16_pack(long k, long n, const float *b, long b_row, long b_col, float *packed, long first, long last);
extern const ems_int8_kernels ems_avxvnni_int8_table, ems_avx512vnni_int8_table, ems_amx_int8_table;
// The tables with what only some processors of their kind have.
static ems_kernels avx2_table, avx512_table, amx_table;
#endif

#if EMS_AMX
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

int ems_amx_is_there(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  unsigned wanted = 1u << 22 | 1u << 24 | 1u << 25;  // AMX-BF16, AMX-TILE, AMX-INT8
  // ARCH_REQ_XCOMP_PERM for XFEATURE_XTILEDATA, for the whole process; a kernel that does not know tiles refuses it.
  return (d & wanted) == wanted && syscall(SYS_arch_prctl, 0x1023, 18) == 0;
}
#endif

const ems_kernels *ems_kernels_named(const char *name) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  if (amx_table.name && strcmp(name, "amx") == 0) return &amx_table;
  if (avx512 && strcmp(name, "avx512") == 0) return &avx512_table;
  if (avx2 && strcmp(name, "avx2") == 0) return &avx2_table;
#endif
  return strcmp(name, "generic") == 0 ? &ems_generic_table : NULL;
}

static const ems_kernels *current;

__attribute__((constructor)) static void choose(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  avx512_table = ems_avx512_table;
  avx2_table = ems_avx2_table;
  if (__builtin_cpu_supports("avx512vnni")) avx512_table.int8 = &ems_avx512vnni_int8_table;
  if (__builtin_cpu_supports("avxvnni")) avx2_table.int8 = &ems_avxvnni_int8_table;
  if (__builtin_cpu_supports("avx512bf16")) {
    avx512_table.gemm_bf16 = ems_bf16_gemm;
    avx512_table.pack_bf16 = ems_bf16_pack;
  }
#if EMS_AMX
  if (avx512_table.gemm_bf16 && __builtin_cpu_supports("avx512vnni") && ems_amx_is_there()) {
    amx_table = avx512_table;
    amx_table.name = "amx";
    amx_table.gemm_bf16 = ems_amx_bf16_gemm;
    amx_table.pack_bf16 = ems_amx_bf16_pack;
    amx_table.int8 = &ems_amx_int8_table;
  }
#endif
#endif
  const char *wanted = getenv("EMS_SIMD");
  if (wanted) current = ems_kernels_named(wanted);
  if (!current) current = ems_kernels_named("amx");
  if (!current) current = ems_kernels_named("avx512");
  if (!current) current = ems_kernels_named("avx2");
  if (!current) current = &ems_generic_table;
}

const ems_kernels *ems_kernels_current(void) { return current; }
