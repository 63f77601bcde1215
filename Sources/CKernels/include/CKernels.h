// The numeric kernels under the Swift module Kernels. One body (body.h) is compiled three times, for baseline x86-64 (or
// any other machine), AVX2+FMA and AVX-512, which may come with products by AMX; the best one that the processor has is chosen
// when the program starts, and the environment variable EMS_SIMD=generic|avx2|avx512|amx forces one (for tests; a set that the
// processor lacks is ignored).
//
// Conventions: matrices are row-major; ld* is the distance between rows in floats. Nothing here allocates, keeps state or
// starts threads. The result for a row depends on that row's inputs alone: never on how many rows a call has, nor on
// which rows stand beside it.
#pragma once
#include <stdint.h>

// Products of whole numbers from -127 to 127, exact and therefore the same bits for every set.
typedef struct ems_int8_kernels {
  // Width of the column panels that the right-hand side is packed into.
  long panel_width;
  // A panel's rows are filled up to a multiple of this: a column takes that many bytes.
  long row_step;
  // Whether the processor multiplies bytes several times as fast as floats.
  int is_fast;
  // Packs panels [first, last) of B[k,n], whose columns are given as rows[n][ld].
  void (*pack)(long k, long n, const int8_t *rows, long ld, uint8_t *packed, long first, long last);
  // C[m,n] = a_scale_i b_scale_j (A B)_ij (+ bias_j): the whole number, times the product of the scales, plus the bias, each
  // rounded to float32. A's rows are ld bytes apart, a multiple of 4, with zeros behind k; sums holds the sum of each. b_scales
  // has as many entries as the panels have columns.
  void (*gemm)(long m, long n, long k, const int8_t *a, long lda, const float *a_scales, const int32_t *sums,
               const uint8_t *packed, const float *b_scales, const float *bias, float *c, long ldc);
  // C[m, n rounded up to whole panels] = A B as whole numbers.
  void (*sums)(long m, long n, long k, const int8_t *a, long lda, const int32_t *sums, const uint8_t *packed, int32_t *c,
               long ldc);
} ems_int8_kernels;

// The best-lists that scores of m rows with n columns are offered to. A list is k scores in descending order with their ids,
// of equal scores the lower id first; unfilled places hold -inf and -1. An id that is in a list already is not put in again.
typedef struct ems_lists {
  // Row i's list is number row_ids[i] - row_first of the lists of row_k; column j's is number j of those of column_k. One of the
  // lengths may be 0, column_last is infinite then if it is the columns'.
  const int32_t *row_ids, *column_ids;
  long row_first, row_k, column_k;
  float *row_scores;
  int32_t *row_lists;
  float *column_scores;
  int32_t *column_lists;
  // For each column what a score must reach: the last score of its list, or more where it is known that less is of no use.
  float *column_last;
} ems_lists;

typedef struct ems_kernels {
  const char *name;
  // Width of the column panels that gemm's right-hand side is packed into, and of its row tiles.
  long panel_width, tile_rows;

  // C[m,n] = A[m,k] B[k,n] (+ bias[n] or + C). A's element (i,p) is a[i*a_row + p*a_col]; B is packed. Every element of C
  // is one chain of multiply-adds with p ascending. scratch: gemm_scratch() floats, used when a_col != 1.
  void (*gemm)(long m, long n, long k, const float *a, long a_row, long a_col, const float *packed, float *c, long ldc,
               const float *bias, int accumulate, float *scratch);
  // The same with A and B rounded to bfloat16 and sums in float32; null where the processor has no instruction for it. B is
  // packed by pack_bf16, A's strides are one of them 1.
  void (*gemm_bf16)(long m, long n, long k, const float *a, long a_row, long a_col, const float *packed, float *c, long ldc,
                    const float *bias, int accumulate, float *scratch);
  void (*pack_bf16)(long k, long n, const float *b, long b_row, long b_col, float *packed, long first, long last);
  // The products of bytes that go with this set on this processor.
  const ems_int8_kernels *int8;
  // Row i of x[rows][k] becomes whole numbers: scales_i = the largest |x_ip| / 127, q_ip = x_ip * (127 / the largest) rounded to
  // even; of a row of zeros both are 0. q's rows are ldq bytes apart, a multiple of 64, and filled up with zeros. sums (or null)
  // gets the sum of each row of q. The same bits for every set.
  void (*quantize)(long rows, long k, const float *x, long ldx, int8_t *q, long ldq, float *scales, int32_t *sums);
  // y_p = scale * q_p, rounded once.
  void (*from_int8)(long n, float scale, const int8_t *q, float *y);
  // Packs columns [first panel, last panel) of B[k,n] (element (p,j) at b[p*b_row + j*b_col]; one of the strides is 1).
  void (*pack)(long k, long n, const float *b, long b_row, long b_col, float *packed, long first, long last);

  // y = x * sigmoid(x), n elements; y may be x.
  void (*swish)(long n, const float *x, float *y);
  // dx = dy * swish'(x).
  void (*swish_backward)(long n, const float *x, const float *dy, float *dx);

  // y = x (1 + erf(x / sqrt 2)) / 2, and the form with tanh in place of erf; y may be x.
  void (*gelu)(long n, const float *x, float *y);
  void (*gelu_tanh)(long n, const float *x, float *y);
  // One step of an LSTM for one sentence: the four gates' inputs (i, f, g, o, n floats each) are a + b; c[n] is the cell's state,
  // h[n] the new output, which y[n] gets too.
  void (*lstm_cell)(long n, const float *a, const float *b, float *c, float *h, float *y);

  // Rows of d: s = x + drop(r); normalised = (s - mean) * rstd; y = normalised * g + b. r may be null (no residual), as may
  // normalised and rstd (inference). Dropout (keep_scale 1/(1-p), threshold p * 2^32, 0 for none) hits r, or x without r;
  // the mask is a hash of key and the element's index first_element + i*d + j.
  void (*layer_norm)(long rows, long d, const float *x, const float *r, const float *g, const float *b, float eps, float *y,
                     float *normalised, float *rstd, uint32_t threshold, float keep_scale, uint64_t key,
                     uint64_t first_element);
  // ds from dy (overwrites ds; ds may be dy). dg, db: += over the rows, in row order.
  void (*layer_norm_backward)(long rows, long d, const float *dy, const float *g, const float *normalised,
                              const float *rstd, float *ds, float *dg, float *db);
  // y = drop(x) with the same mask as above; also its own backward.
  void (*dropout)(long n, const float *x, float *y, uint32_t threshold, float keep_scale, uint64_t key, uint64_t first_element);

  // One head of one sentence of t tokens: p = softmax(q k^T * scale), o = drop(p) v. probabilities: t x attention_ld(t).
  // scratch: attention_scratch floats.
  void (*attention)(long t, long d, const float *q, const float *k, const float *v, long ld, float scale, float *o, long ldo,
                    float *probabilities, float *scratch, uint32_t threshold, float keep_scale, uint64_t key,
                    uint64_t first_element);
  // The same without dropout and without keeping p, to the same bits. scratch: attend_scratch floats.
  void (*attend)(long t, long d, const float *q, const float *k, const float *v, long ld, float scale, float *o, long ldo,
                 float *scratch);
  // dq, dk, dv (+= nothing: overwritten) from do, for the same head.
  void (*attention_backward)(long t, long d, const float *q, const float *k, const float *v, long ld, float scale,
                             const float *d_o, long ldo, const float *probabilities, float *dq, float *dk, float *dv,
                             float *scratch, uint32_t threshold, float keep_scale, uint64_t key, uint64_t first_element);

  // y[d] = mean over t rows of x; and dx rows = dy / t.
  void (*mean_rows)(long t, long d, const float *x, long ld, float *y);
  // y[d] = the largest of t rows of x, element by element.
  void (*max_rows)(long t, long d, const float *x, long ld, float *y);
  // Row of x[n]: overwrites x with exp(x - max) / sum and returns log(sum exp).
  float (*softmax)(long n, float *x);
  // The same without overwriting: x's softmax is exp(x - largest) * inverse.
  void (*softmax_sum)(long n, const float *x, float *largest, float *inverse);
  // x_j = factor * (the softmax of x's row at j + the softmax of column j at this row), the columns' softmax by their
  // largests[n] and inverses[n].
  void (*pair_gradient)(long n, float *x, float largest, float inverse, const float *largests, const float *inverses,
                        float factor);
  float (*dot)(long n, const float *x, const float *y);
  // y += a x
  void (*axpy)(long n, float a, const float *x, float *y);
  // Sum over n of x*x in double.
  double (*sum_squares)(long n, const float *x);
  // Adam with AMSGrad over n elements. clip multiplies the gradient first.
  void (*adam)(long n, float *w, const float *g, float *m, float *v, float *v_max, float lr, float beta1, float beta2,
               float eps, float correction1, float correction2_sqrt, float coupled_decay, float decoupled_decay, float clip);
  void (*from_half)(long n, const uint16_t *x, float *y);

  // y = a x, rounded once; y may be x.
  void (*scale)(long n, double a, const float *x, float *y);
  // The length of x - scale * q over n elements.
  double (*int8_error)(long n, const float *x, float scale, const int8_t *q);
  // The scores c[m,n] of m rows with n columns go to the best-lists of both.
  void (*offer_all)(long m, long n, const float *c, long ldc, const ems_lists *lists);
  // The same for scores that are known to lie within row_errors_i + column_errors_j of row_scales_i column_scales_j sums_ij: those
  // that may reach a list are computed from rows (stride floats apart) and panels, which pack made of n columns, as one chain of
  // multiply-adds each, the same bits as gemm's. Arrays over the columns, column_last among them, are readable to a multiple of
  // 64. near: room for that many words; returns 0, with nothing done, when more vectors of scores than that may reach a list.
  int (*offer_near)(long m, long n, long d, const int32_t *sums, long lds, const float *row_scales, const float *row_errors,
                    const float *column_scales, const float *column_errors, const float *rows, long stride, const float *panels,
                    const ems_lists *lists, uint32_t *near, long room);
} ems_kernels;

// The chosen set; constant after the first call.
const ems_kernels *ems_kernels_current(void);
// A named set, or null when the processor lacks it.
const ems_kernels *ems_kernels_named(const char *name);

// Row stride of the probabilities of a sentence of t tokens (the same for every set).
static inline long ems_attention_ld(long t) { return (t + 15) & ~15L; }
// Floats of scratch for attention and attention_backward of t tokens with heads of d.
static inline long ems_attention_scratch(long t, long d) {
  long tp = ems_attention_ld(t), dp = (d + 15) & ~15L;
  return 2 * tp * tp + 3 * tp * dp + 16 * 64 + 64;
}
// Rows of queries whose scores attend holds at a time.
#define EMS_ATTEND_ROWS 48
// Floats of scratch for attend.
static inline long ems_attend_scratch(long t, long d) {
  long tp = ems_attention_ld(t), dp = (d + 15) & ~15L;
  return 2 * tp * dp + EMS_ATTEND_ROWS * tp + 64;
}
// Floats of scratch for gemm.
static inline long ems_gemm_scratch(void) { return 96 * 528 + 64; }
// The distance between rows of bytes that a product reads.
static inline long ems_int8_ld(long k) { return (k + 63) & ~63L; }
// Floats of a right-hand side of bytes packed behind its scales: n scales, rounded up to a multiple of 64, then the panels.
static inline long ems_int8_columns(long n) { return (n + 63) & ~63L; }
static inline long ems_int8_packed_size(long k, long n) { return ems_int8_columns(n) * (1 + (k + 63) / 64 * 16); }
// Floats of a packed right-hand side, whatever the set.
static inline long ems_packed_size(long k, long n) { return ((k + 31) & ~31L) * ((n + 63) & ~63L); }
