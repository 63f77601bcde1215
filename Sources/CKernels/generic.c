#include "CKernels.h"
// Any machine: four lanes, no instruction-set attributes.
#define SET "generic"
#define VW 4
#define NV 2
#define MR 4
#define NAME(x) ems_generic_##x
#include "body.h"
