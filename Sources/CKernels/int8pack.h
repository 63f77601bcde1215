// A packed panel of NR columns holds, for each group of four rows of B, four bytes of every column; groups of zeros make them a
// multiple of GROUP_STEP. The including file has defined NAME(x), VW, NV, OFFSET, GROUP_STEP (int8.h) and
//   PLACE(g, j)     where the bytes of group g and column j are in a panel
#include <string.h>

#define NR (NV * VW)

// rows[n][k] are the columns of B.
static void NAME(pack_int8)(long k, long n, const int8_t *rows, long ld, uint8_t *packed, long first, long last) {
  long groups = (k + 3) / 4, padded = (groups + GROUP_STEP - 1) / GROUP_STEP * GROUP_STEP;
  for (long panel = first; panel < last; panel++) {
    long j0 = panel * NR, columns = n - j0 < NR ? n - j0 : NR;
    uint8_t *out = packed + j0 * padded * 4;
    memset(out + groups * NR * 4, 0, (size_t)((padded - groups) * NR * 4));
    for (long j = 0; j < NR; j++) {
      const int8_t *row = j < columns ? rows + (j0 + j) * ld : 0;
      for (long g = 0; g < groups; g++) {
        uint8_t *to = out + PLACE(g, j);
        for (long p = 0; p < 4; p++) {
          int value = row && g * 4 + p < k ? row[g * 4 + p] : 0;
          // -128 comes from damaged files only; its negative is no byte.
          to[p] = (uint8_t)((value < -127 ? -127 : value) + OFFSET);
        }
      }
    }
  }
}
