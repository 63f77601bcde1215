// The vectors of int8.h; the including file defines VW.
#include "CKernels.h"
typedef int32_t w32 __attribute__((vector_size(VW * 4), aligned(4), may_alias));
typedef float f32 __attribute__((vector_size(VW * 4), aligned(4), may_alias));
#define LOADW(p) (*(const w32 *)(p))
#define STOREW(p, v) (*(w32 *)(p) = (v))
#define LOADF(p) (*(const f32 *)(p))
#define STOREF(p, v) (*(f32 *)(p) = (v))
#define SPLATW(x) ((w32){} + (int32_t)(x))
