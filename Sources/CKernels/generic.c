#include "CKernels.h"
// Any machine: four lanes, no instruction-set attributes.
#define SET "generic"
#define VW 4
#define NV 2
#define MR 4
#define NAME(x) ems_generic_##x
#define INT8 ems_generic_int8_table
#include "body.h"
