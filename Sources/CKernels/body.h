// The kernels' one body. The including file defines VW (floats in a vector), NV (vectors across a panel), MR (rows of a
// tile) and NAME(x) (the function names of this set), and has set the target attributes.
#include <math.h>
#include <string.h>

#pragma clang fp contract(fast)

typedef float vf __attribute__((vector_size(VW * 4), aligned(4)));
typedef int32_t vi __attribute__((vector_size(VW * 4), aligned(4)));
typedef uint32_t vu __attribute__((vector_size(VW * 4), aligned(4)));
typedef double vd __attribute__((vector_size(VW * 4), aligned(4)));

#define NR (NV * VW)
#define KC 512
#define MC 96
#define INLINE static inline __attribute__((always_inline))

INLINE vf NAME(load)(const float *p) { return *(const vf *)p; }
INLINE void NAME(store)(float *p, vf v) { *(vf *)p = v; }
INLINE vf NAME(splat)(float x) { return x - (vf){}; }
#define LOAD NAME(load)
#define STORE NAME(store)
#define SPLAT NAME(splat)

// The first n (< VW) floats of p; the other lanes are 0.
INLINE vf NAME(load_part)(const float *p, long n) {
  float t[VW] = {0};
  memcpy(t, p, (size_t)n * 4);
  return LOAD(t);
}
INLINE void NAME(store_part)(float *p, vf v, long n) {
  float t[VW];
  STORE(t, v);
  memcpy(p, t, (size_t)n * 4);
}
INLINE vf NAME(select)(vi mask, vf a, vf b) { return (vf)(((vi)a & mask) | ((vi)b & ~mask)); }
INLINE vf NAME(vmax)(vf a, vf b) { return NAME(select)(a > b, a, b); }

// Halves are added until one lane is left: a fixed order for a given width.
INLINE float NAME(hsum)(vf v) {
  float t[VW];
  STORE(t, v);
  for (int w = VW / 2; w >= 1; w /= 2)
    for (int i = 0; i < w; i++) t[i] += t[i + w];
  return t[0];
}
INLINE float NAME(hmax)(vf v) {
  float t[VW];
  STORE(t, v);
  float m = t[0];
  for (int i = 1; i < VW; i++) m = t[i] > m ? t[i] : m;
  return m;
}

// exp to about 2 units in the last place: x = n ln 2 + r, a polynomial in r, n added to the exponent.
INLINE vf NAME(vexp)(vf x) {
  x = NAME(select)(x < -87.0f, SPLAT(-87.0f), x);
  x = NAME(select)(x > 88.0f, SPLAT(88.0f), x);
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  vf shifted = x * 1.44269504088896341f + magic;
  vf n = shifted - magic;
  vf r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  vf p = SPLAT(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  vf y = p * (r * r) + r + 1.0f;
  vi e = ((vi)shifted - (vi)SPLAT(magic)) << 23;
  return (vf)((vi)y + e);
}

// ---- matrix product ------------------------------------------------------------------------------------------------

// One tile of rows x vectors. start: 0 from zero, 1 from bias, 2 from C.
INLINE void NAME(tile)(const int rows, const int vectors, long k, const float *a, long a_row, long a_col, const float *b,
                       long ldb, float *c, long ldc, const float *bias, int start) {
  vf acc[MR][NV];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++)
      acc[i][j] = start == 2 ? LOAD(c + i * ldc + j * VW) : start == 1 ? LOAD(bias + j * VW) : (vf){};
  for (long p = 0; p < k; p++) {
    vf bv[NV];
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) bv[j] = LOAD(b + p * ldb + j * VW);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      vf av = SPLAT(a[i * a_row + p * a_col]);
#pragma clang loop unroll(full)
      for (int j = 0; j < vectors; j++) acc[i][j] += av * bv[j];
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) STORE(c + i * ldc + j * VW, acc[i][j]);
}

#define TILE_CASE(r, v)                                                                     \
  case r * 8 + v:                                                                           \
    if (r <= MR && v <= NV) {                                                               \
      if (a_col == 1)                                                                       \
        NAME(tile)(r, v, k, a, a_row, 1, b, ldb, c, ldc, bias, start);                      \
      else                                                                                  \
        NAME(tile)(r, v, k, a, a_row, a_col, b, ldb, c, ldc, bias, start);                  \
    }                                                                                       \
    break;
#define TILE_ROW(r) TILE_CASE(r, 1) TILE_CASE(r, 2) TILE_CASE(r, 3) TILE_CASE(r, 4)

static void NAME(tile_any)(long rows, long vectors, long k, const float *a, long a_row, long a_col, const float *b,
                           long ldb, float *c, long ldc, const float *bias, int start) {
  switch (rows * 8 + vectors) { TILE_ROW(1) TILE_ROW(2) TILE_ROW(3) TILE_ROW(4) TILE_ROW(5) TILE_ROW(6) }
}

// A tile whose width need not be a multiple of VW: through a block on the stack, so that nothing outside C is touched.
static void NAME(tile_edge)(long rows, long columns, long k, const float *a, long a_row, long a_col, const float *b,
                            long ldb, float *c, long ldc, const float *bias, int start) {
  if (columns % VW == 0) {
    NAME(tile_any)(rows, columns / VW, k, a, a_row, a_col, b, ldb, c, ldc, bias, start);
    return;
  }
  float t[MR * NR], tb[NR] = {0};
  if (start == 1) memcpy(tb, bias, (size_t)columns * 4);
  if (start == 2) {
    memset(t, 0, sizeof t);
    for (long i = 0; i < rows; i++) memcpy(t + i * NR, c + i * ldc, (size_t)columns * 4);
  }
  NAME(tile_any)(rows, (columns + VW - 1) / VW, k, a, a_row, a_col, b, ldb, t, NR, tb, start);
  for (long i = 0; i < rows; i++) memcpy(c + i * ldc, t + i * NR, (size_t)columns * 4);
}

static void NAME(gemm)(long m, long n, long k, const float *a, long a_row, long a_col, const float *packed, float *c,
                       long ldc, const float *bias, int accumulate, float *scratch) {
  for (long i0 = 0; i0 < m; i0 += MC) {
    long mc = m - i0 < MC ? m - i0 : MC;
    for (long k0 = 0; k0 < k || k0 == 0; k0 += KC) {
      long kc = k - k0 < KC ? k - k0 : KC;
      int start = k0 > 0 || accumulate ? 2 : bias ? 1 : 0;
      const float *ab = a + i0 * a_row + k0 * a_col;
      long row = a_row, col = a_col, step = MR * a_row;
      if (a_col != 1) {  // columns of A are contiguous: bring MR of them side by side
        for (long i = 0; i < mc; i += MR) {
          long r = mc - i < MR ? mc - i : MR;
          float *t = scratch + i * KC;
          for (long p = 0; p < kc; p++)
            for (long q = 0; q < r; q++) t[p * MR + q] = ab[(i + q) * a_row + p * a_col];
        }
        ab = scratch, row = 1, col = MR, step = MR * KC;
      }
      for (long j = 0; j < n; j += NR) {
        long columns = n - j < NR ? n - j : NR;
        const float *b = packed + j * k + k0 * NR;
        for (long i = 0; i < mc; i += MR) {
          long r = mc - i < MR ? mc - i : MR;
          NAME(tile_edge)(r, columns, kc, ab + i / MR * step, row, col, b, NR, c + (i0 + i) * ldc + j, ldc,
                          bias ? bias + j : bias, start);
        }
      }
    }
  }
}

static void NAME(pack)(long k, long n, const float *b, long b_row, long b_col, float *packed, long first, long last) {
  for (long panel = first; panel < last; panel++) {
    long j0 = panel * NR, columns = n - j0 < NR ? n - j0 : NR;
    float *out = packed + j0 * k;
    if (b_col == 1) {
      for (long p = 0; p < k; p++) {
        memcpy(out + p * NR, b + p * b_row + j0, (size_t)columns * 4);
        memset(out + p * NR + columns, 0, (size_t)(NR - columns) * 4);
      }
    } else {  // b_row == 1: rows of the transposed matrix are contiguous; blocks of 16 keep the writes in cache
      for (long p0 = 0; p0 < k; p0 += 16) {
        long pc = k - p0 < 16 ? k - p0 : 16;
        for (long j = 0; j < columns; j++)
          for (long p = 0; p < pc; p++) out[(p0 + p) * NR + j] = b[(j0 + j) * b_col + (p0 + p) * b_row];
        for (long j = columns; j < NR; j++)
          for (long p = 0; p < pc; p++) out[(p0 + p) * NR + j] = 0;
      }
    }
  }
}

// C[m,n] (= or +=) A B with B unpacked rows of stride ldb: for the small products of attention.
static void NAME(small_gemm)(long m, long n, long k, const float *a, long a_row, long a_col, const float *b, long ldb,
                             float *c, long ldc) {
  for (long j = 0; j < n; j += NR) {
    long columns = n - j < NR ? n - j : NR;
    long whole = columns / VW * VW;
    for (long i = 0; i < m; i += MR) {
      long r = m - i < MR ? m - i : MR;
      if (whole) NAME(tile_any)(r, whole / VW, k, a + i * a_row, a_row, a_col, b + j, ldb, c + i * ldc + j, ldc, 0, 0);
      for (long q = i; q < i + r; q++)
        for (long e = j + whole; e < j + columns; e++) {
          float s = 0;
          for (long p = 0; p < k; p++) s += a[q * a_row + p * a_col] * b[p * ldb + e];
          c[q * ldc + e] = s;
        }
    }
  }
}

// ---- element-wise ----------------------------------------------------------------------------------------------------

INLINE vf NAME(sigmoid)(vf x) { return 1.0f / (1.0f + NAME(vexp)(-x)); }

static void NAME(swish)(long n, const float *x, float *y) {
  long i = 0;
  for (; i + VW <= n; i += VW) {
    vf v = LOAD(x + i);
    STORE(y + i, v * NAME(sigmoid)(v));
  }
  if (i < n) {
    vf v = NAME(load_part)(x + i, n - i);
    NAME(store_part)(y + i, v * NAME(sigmoid)(v), n - i);
  }
}

// Gaussian error linear unit, x (1 + erf(x / sqrt 2)) / 2. erf(z) / z is a polynomial in z^2, fitted to |z| < 3.85 (error of erf
// below 2.5e-7 in single precision); beyond, erf is 1.
INLINE vf NAME(gelu_lanes)(vf x) {
  static const float c[] = {
      0.367284805f, -0.183301747f, 0.136211544f, -0.110374704f, 0.0908191502f,
      -0.0733126923f, 0.0564049818f, -0.0404171459f, 0.0283362046f, -0.0201722663f,
      0.0110592358f, -0.00343102915f, 0.00266302098f, -0.00330959563f, 0.0012804938f,
  };
  vf z = x * 0.70710678118654752f;
  z = NAME(select)(z > 3.85f, SPLAT(3.85f), z);
  z = NAME(select)(z < -3.85f, SPLAT(-3.85f), z);
  vf u = z * z * (2.0f / (3.85f * 3.85f)) - 1.0f;
  vf r = SPLAT(c[14]);
#pragma clang loop unroll(full)
  for (int i = 13; i >= 0; i--) r = r * u + c[i];
  vf half = 0.5f * x;
  vf y = half * (z * r) + half;
  y = NAME(select)(x >= 5.4447f, x, y);
  return NAME(select)(x <= -5.4447f, (vf){}, y);
}
// Its approximation by tanh: x sigmoid(sqrt(8/pi) (x + 0.044715 x^3)).
INLINE vf NAME(gelu_tanh_lanes)(vf x) {
  return x * NAME(sigmoid)(1.5957691216057308f * (x + 0.044715f * (x * x * x)));
}

#define ELEMENTWISE(name, body)                                            \
  static void NAME(name)(long n, const float *x, float *y) {               \
    long i = 0;                                                            \
    for (; i + VW <= n; i += VW) STORE(y + i, body(LOAD(x + i)));          \
    if (i < n) NAME(store_part)(y + i, body(NAME(load_part)(x + i, n - i)), n - i); \
  }
ELEMENTWISE(gelu, NAME(gelu_lanes))
ELEMENTWISE(gelu_tanh, NAME(gelu_tanh_lanes))

// tanh as 2 sigmoid(2x) - 1: good to 1e-7 of 1, not of small results.
INLINE vf NAME(tanh_lanes)(vf x) { return 2.0f * NAME(sigmoid)(2.0f * x) - 1.0f; }

INLINE void NAME(lstm_lanes)(vf i, vf f, vf g, vf o, vf *c, vf *y) {
  *c = NAME(sigmoid)(f) * *c + NAME(sigmoid)(i) * NAME(tanh_lanes)(g);
  *y = NAME(sigmoid)(o) * NAME(tanh_lanes)(*c);
}
static void NAME(lstm_cell)(long n, const float *a, const float *b, float *c, float *h, float *y) {
  long j = 0;
  for (; j + VW <= n; j += VW) {
    vf g[4], cell = LOAD(c + j), out;
    for (int q = 0; q < 4; q++) g[q] = LOAD(a + q * n + j) + LOAD(b + q * n + j);
    NAME(lstm_lanes)(g[0], g[1], g[2], g[3], &cell, &out);
    STORE(c + j, cell);
    STORE(h + j, out);
    STORE(y + j, out);
  }
  if (j < n) {
    long part = n - j;
    vf g[4], cell = NAME(load_part)(c + j, part), out;
    for (int q = 0; q < 4; q++) g[q] = NAME(load_part)(a + q * n + j, part) + NAME(load_part)(b + q * n + j, part);
    NAME(lstm_lanes)(g[0], g[1], g[2], g[3], &cell, &out);
    NAME(store_part)(c + j, cell, part);
    NAME(store_part)(h + j, out, part);
    NAME(store_part)(y + j, out, part);
  }
}

INLINE vf NAME(dswish)(vf x, vf dy) {
  vf s = NAME(sigmoid)(x);
  return dy * (s * (1.0f + x * (1.0f - s)));
}
static void NAME(swish_backward)(long n, const float *x, const float *dy, float *dx) {
  long i = 0;
  for (; i + VW <= n; i += VW) STORE(dx + i, NAME(dswish)(LOAD(x + i), LOAD(dy + i)));
  if (i < n)
    NAME(store_part)
  (dx + i, NAME(dswish)(NAME(load_part)(x + i, n - i), NAME(load_part)(dy + i, n - i)), n - i);
}

// Scale (1/(1-p) or 0) for the VW elements from index on. The hash is two rounds of multiply-xorshift over the low word of
// the index, with the high word and the key mixed in.
INLINE vf NAME(keep)(uint64_t index, uint64_t key, uint32_t threshold, float keep_scale) {
  uint32_t low = (uint32_t)index, high = (uint32_t)(index >> 32);
  vu lane;
  for (int i = 0; i < VW; i++) lane[i] = (uint32_t)i;
  vu x = lane + low;
  x ^= (uint32_t)key + high * 0x9e3779b9u;
  x ^= x >> 16;
  x *= 0x21f0aaadu;
  x ^= (uint32_t)(key >> 32);
  x ^= x >> 15;
  x *= 0x735a2d97u;
  x ^= x >> 15;
  return NAME(select)((vi)(x >= threshold), SPLAT(keep_scale), (vf){});
}

static void NAME(dropout)(long n, const float *x, float *y, uint32_t threshold, float keep_scale, uint64_t key,
                          uint64_t first) {
  long i = 0;
  for (; i + VW <= n; i += VW) STORE(y + i, LOAD(x + i) * NAME(keep)(first + (uint64_t)i, key, threshold, keep_scale));
  if (i < n)
    NAME(store_part)
  (y + i, NAME(load_part)(x + i, n - i) * NAME(keep)(first + (uint64_t)i, key, threshold, keep_scale), n - i);
}

// ---- layer normalisation -----------------------------------------------------------------------------------------------

static void NAME(layer_norm)(long rows, long d, const float *x, const float *r, const float *g, const float *b, float eps,
                             float *y, float *normalised, float *rstd, uint32_t threshold, float keep_scale, uint64_t key,
                             uint64_t first) {
  long whole = d / VW * VW, part = d - whole;
  for (long i = 0; i < rows; i++) {
    const float *xi = x + i * d, *ri = r ? r + i * d : 0;
    float *yi = y + i * d;
    uint64_t element = first + (uint64_t)(i * d);
    vf sum = {};
    for (long j = 0; j < d; j += VW) {
      long n = d - j;
      vf v = n >= VW ? LOAD(xi + j) : NAME(load_part)(xi + j, n);
      vf w = {};
      if (ri) w = n >= VW ? LOAD(ri + j) : NAME(load_part)(ri + j, n);
      if (threshold) {
        vf keep = NAME(keep)(element + (uint64_t)j, key, threshold, keep_scale);
        if (ri) w = w * keep; else v = v * keep;
      }
      v = v + w;
      sum += v;
      if (n >= VW) STORE(yi + j, v); else NAME(store_part)(yi + j, v, n);
    }
    float mean = NAME(hsum)(sum) / (float)d;
    vf squares = {};
    for (long j = 0; j < whole; j += VW) {
      vf v = LOAD(yi + j) - mean;
      squares += v * v;
    }
    float variance = NAME(hsum)(squares);
    for (long j = whole; j < d; j++) variance += (yi[j] - mean) * (yi[j] - mean);
    float rs = 1.0f / sqrtf(variance / (float)d + eps);
    float *ni = normalised ? normalised + i * d : 0;
    for (long j = 0; j < whole; j += VW) {
      vf v = (LOAD(yi + j) - mean) * rs;
      if (ni) STORE(ni + j, v);
      STORE(yi + j, v * LOAD(g + j) + LOAD(b + j));
    }
    for (long j = d - part; j < d; j++) {
      float v = (yi[j] - mean) * rs;
      if (ni) ni[j] = v;
      yi[j] = v * g[j] + b[j];
    }
    if (rstd) rstd[i] = rs;
  }
}

static void NAME(layer_norm_backward)(long rows, long d, const float *dy, const float *g, const float *normalised,
                                      const float *rstd, float *ds, float *dg, float *db) {
  long whole = d / VW * VW;
  for (long i = 0; i < rows; i++) {
    const float *di = dy + i * d, *ni = normalised + i * d;
    float *si = ds + i * d;
    vf a = {}, c = {};
    for (long j = 0; j < whole; j += VW) {
      vf v = LOAD(di + j), n = LOAD(ni + j), w = v * LOAD(g + j);
      a += w;
      c += w * n;
      STORE(dg + j, LOAD(dg + j) + v * n);
      STORE(db + j, LOAD(db + j) + v);
    }
    float sa = NAME(hsum)(a), sc = NAME(hsum)(c);
    for (long j = whole; j < d; j++) {
      float w = di[j] * g[j];
      sa += w;
      sc += w * ni[j];
      dg[j] += di[j] * ni[j];
      db[j] += di[j];
    }
    sa /= (float)d;
    sc /= (float)d;
    for (long j = 0; j < whole; j += VW)
      STORE(si + j, (LOAD(di + j) * LOAD(g + j) - sa - LOAD(ni + j) * sc) * rstd[i]);
    for (long j = whole; j < d; j++) si[j] = (di[j] * g[j] - sa - ni[j] * sc) * rstd[i];
  }
}

// ---- attention -------------------------------------------------------------------------------------------------------

// out[d][ld] = in[t][.]^T, columns from t to ld zero.
static void NAME(transpose)(long t, long d, const float *in, long ldi, float *out, long ldo) {
  for (long j0 = 0; j0 < d; j0 += 16) {
    long jc = d - j0 < 16 ? d - j0 : 16;
    for (long i = 0; i < t; i++)
      for (long j = 0; j < jc; j++) out[(j0 + j) * ldo + i] = in[i * ldi + j0 + j];
  }
  for (long j = 0; j < d; j++) memset(out + j * ldo + t, 0, (size_t)(ldo - t) * 4);
}

// Rows of scores become probabilities, of columns t to tp zero.
static void NAME(softmax_rows)(long rows, long t, long tp, float scale, float *probabilities) {
  long whole = t / VW * VW, part = t - whole;
  for (long i = 0; i < rows; i++) {
    float *p = probabilities + i * tp;
    float m = p[0];
    vf mv = SPLAT(m);
    for (long j = 0; j < whole; j += VW) mv = NAME(vmax)(mv, LOAD(p + j));
    m = NAME(hmax)(mv);
    for (long j = whole; j < t; j++) m = p[j] > m ? p[j] : m;
    vf sum = {};
    for (long j = 0; j < whole; j += VW) {
      vf e = NAME(vexp)((LOAD(p + j) - m) * scale);
      STORE(p + j, e);
      sum += e;
    }
    float rest = 0;
    if (part) {
      vf e = NAME(vexp)((NAME(load_part)(p + whole, part) - m) * scale);
      float lanes[VW];
      STORE(lanes, e);
      for (long j = 0; j < part; j++) rest += lanes[j];
      memcpy(p + whole, lanes, (size_t)part * 4);
    }
    float inverse = 1.0f / (NAME(hsum)(sum) + rest);
    for (long j = 0; j < whole; j += VW) STORE(p + j, LOAD(p + j) * inverse);
    for (long j = whole; j < t; j++) p[j] *= inverse;
    for (long j = t; j < tp; j++) p[j] = 0;
  }
}

static void NAME(attention)(long t, long d, const float *q, const float *k, const float *v, long ld, float scale, float *o,
                            long ldo, float *probabilities, float *scratch, uint32_t threshold, float keep_scale,
                            uint64_t key, uint64_t first) {
  long tp = ems_attention_ld(t);
  float *kt = scratch, *dropped = scratch + tp * ((d + 15) & ~15L);
  NAME(transpose)(t, d, k, ld, kt, tp);
  NAME(small_gemm)(t, tp, d, q, ld, 1, kt, tp, probabilities, tp);
  NAME(softmax_rows)(t, t, tp, scale, probabilities);
  const float *used = probabilities;
  if (threshold) {
    NAME(dropout)(t * tp, probabilities, dropped, threshold, keep_scale, key, first);
    used = dropped;
  }
  NAME(small_gemm)(t, d, t, used, tp, 1, v, ld, o, ldo);
}

// Inference: a few rows of queries at a time, so that their scores stay in cache; values side by side for the same reason.
static void NAME(attend)(long t, long d, const float *q, const float *k, const float *v, long ld, float scale, float *o,
                         long ldo, float *scratch) {
  long tp = ems_attention_ld(t), dp = (d + 15) & ~15L;
  float *kt = scratch, *values = kt + tp * dp, *scores = values + tp * dp;
  NAME(transpose)(t, d, k, ld, kt, tp);
  for (long i = 0; i < t; i++) memcpy(values + i * dp, v + i * ld, (size_t)d * 4);
  for (long i = 0; i < t; i += EMS_ATTEND_ROWS) {
    long rows = t - i < EMS_ATTEND_ROWS ? t - i : EMS_ATTEND_ROWS;
    NAME(small_gemm)(rows, tp, d, q + i * ld, ld, 1, kt, tp, scores, tp);
    NAME(softmax_rows)(rows, t, tp, scale, scores);
    NAME(small_gemm)(rows, d, t, scores, tp, 1, values, dp, o + i * ldo, ldo);
  }
}

static void NAME(attention_backward)(long t, long d, const float *q, const float *k, const float *v, long ld, float scale,
                                     const float *d_o, long ldo, const float *probabilities, float *dq, float *dk,
                                     float *dv, float *scratch, uint32_t threshold, float keep_scale, uint64_t key,
                                     uint64_t first) {
  long tp = ems_attention_ld(t);
  float *vt = scratch, *dp = vt + tp * ((d + 15) & ~15L), *dropped = dp + tp * tp;
  const float *used = probabilities;
  if (threshold) {
    NAME(dropout)(t * tp, probabilities, dropped, threshold, keep_scale, key, first);
    used = dropped;
  }
  NAME(small_gemm)(t, d, t, used, 1, tp, d_o, ldo, dv, ld);  // dv = p^T do
  NAME(transpose)(t, d, v, ld, vt, tp);
  NAME(small_gemm)(t, tp, d, d_o, ldo, 1, vt, tp, dp, tp);  // dp = do v^T
  if (threshold) NAME(dropout)(t * tp, dp, dp, threshold, keep_scale, key, first);
  for (long i = 0; i < t; i++) {
    const float *p = probabilities + i * tp;
    float *g = dp + i * tp;
    vf sum = {};
    long j = 0;
    for (; j + VW <= tp; j += VW) sum += LOAD(p + j) * LOAD(g + j);
    float s = NAME(hsum)(sum);
    for (j = 0; j + VW <= tp; j += VW) STORE(g + j, LOAD(p + j) * (LOAD(g + j) - s) * scale);
  }
  NAME(small_gemm)(t, d, t, dp, tp, 1, k, ld, dq, ld);
  NAME(small_gemm)(t, d, t, dp, 1, tp, q, ld, dk, ld);
}

// ---- rows ------------------------------------------------------------------------------------------------------------

static void NAME(mean_rows)(long t, long d, const float *x, long ld, float *y) {
  float inverse = 1.0f / (float)t;
  long j = 0;
  for (; j + VW <= d; j += VW) {
    vf s = {};
    for (long i = 0; i < t; i++) s += LOAD(x + i * ld + j);
    STORE(y + j, s * inverse);
  }
  for (; j < d; j++) {
    float s = 0;
    for (long i = 0; i < t; i++) s += x[i * ld + j];
    y[j] = s * inverse;
  }
}

static void NAME(max_rows)(long t, long d, const float *x, long ld, float *y) {
  long j = 0;
  for (; j + VW <= d; j += VW) {
    vf m = LOAD(x + j);
    for (long i = 1; i < t; i++) m = NAME(vmax)(LOAD(x + i * ld + j), m);
    STORE(y + j, m);
  }
  for (; j < d; j++) {
    float m = x[j];
    for (long i = 1; i < t; i++) m = x[i * ld + j] > m ? x[i * ld + j] : m;
    y[j] = m;
  }
}

static float NAME(softmax)(long n, float *x) {
  float m = x[0];
  vf mv = SPLAT(m), sum = {};
  long whole = n / VW * VW;
  for (long j = 0; j < whole; j += VW) mv = NAME(vmax)(mv, LOAD(x + j));
  m = NAME(hmax)(mv);
  for (long j = whole; j < n; j++) m = x[j] > m ? x[j] : m;
  for (long j = 0; j < whole; j += VW) {
    vf e = NAME(vexp)(LOAD(x + j) - m);
    STORE(x + j, e);
    sum += e;
  }
  float s = NAME(hsum)(sum);
  for (long j = whole; j < n; j++) s += x[j] = expf(x[j] - m);
  float inverse = 1.0f / s;
  for (long j = 0; j < whole; j += VW) STORE(x + j, LOAD(x + j) * inverse);
  for (long j = whole; j < n; j++) x[j] *= inverse;
  return m + logf(s);
}

static void NAME(softmax_sum)(long n, const float *x, float *largest, float *inverse) {
  float m = x[0];
  vf mv = SPLAT(m), sum = {};
  long whole = n / VW * VW;
  for (long j = 0; j < whole; j += VW) mv = NAME(vmax)(mv, LOAD(x + j));
  m = NAME(hmax)(mv);
  for (long j = whole; j < n; j++) m = x[j] > m ? x[j] : m;
  for (long j = 0; j < whole; j += VW) sum += NAME(vexp)(LOAD(x + j) - m);
  float s = NAME(hsum)(sum);
  for (long j = whole; j < n; j++) s += expf(x[j] - m);
  *largest = m;
  *inverse = 1.0f / s;
}

static void NAME(pair_gradient)(long n, float *x, float largest, float inverse, const float *largests,
                                const float *inverses, float factor) {
  long whole = n / VW * VW;
  for (long j = 0; j < whole; j += VW) {
    vf v = LOAD(x + j);
    STORE(x + j, factor * (NAME(vexp)(v - largest) * inverse + NAME(vexp)(v - LOAD(largests + j)) * LOAD(inverses + j)));
  }
  for (long j = whole; j < n; j++)
    x[j] = factor * (expf(x[j] - largest) * inverse + expf(x[j] - largests[j]) * inverses[j]);
}

static float NAME(dot)(long n, const float *x, const float *y) {
  vf s = {};
  long i = 0;
  for (; i + VW <= n; i += VW) s += LOAD(x + i) * LOAD(y + i);
  float r = NAME(hsum)(s);
  for (; i < n; i++) r += x[i] * y[i];
  return r;
}

static void NAME(axpy)(long n, float a, const float *x, float *y) {
  long i = 0;
  for (; i + VW <= n; i += VW) STORE(y + i, LOAD(y + i) + a * LOAD(x + i));
  for (; i < n; i++) y[i] += a * x[i];
}

static double NAME(sum_squares)(long n, const float *x) {
  double lanes[8] = {0}, s = 0;
  long i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) lanes[j] += (double)x[i + j] * (double)x[i + j];
  for (int j = 0; j < 8; j++) s += lanes[j];
  for (; i < n; i++) s += (double)x[i] * (double)x[i];
  return s;
}

static void NAME(adam)(long n, float *w, const float *g, float *m, float *v, float *v_max, float lr, float beta1,
                       float beta2, float eps, float correction1, float correction2_sqrt, float coupled_decay,
                       float decoupled_decay, float clip) {
  const float step = lr / correction1, inverse = 1.0f / correction2_sqrt, shrink = 1.0f - lr * decoupled_decay;
  for (long i = 0; i < n; i += VW) {
    long c = n - i;
#define GET(p) (c >= VW ? LOAD(p + i) : NAME(load_part)(p + i, c))
#define PUT(p, x) do { if (c >= VW) STORE(p + i, x); else NAME(store_part)(p + i, x, c); } while (0)
    vf wi = GET(w), gi = GET(g) * clip + coupled_decay * wi;
    vf mi = beta1 * GET(m) + (1.0f - beta1) * gi;
    vf vi_ = beta2 * GET(v) + (1.0f - beta2) * gi * gi;
    vf mx = NAME(vmax)(GET(v_max), vi_);
    PUT(m, mi);
    PUT(v, vi_);
    PUT(v_max, mx);
    PUT(w, wi * shrink - step * mi / (__builtin_elementwise_sqrt(mx) * inverse + eps));
#undef GET
#undef PUT
  }
}

static void NAME(from_half)(long n, const uint16_t *x, float *y) {
#pragma clang loop vectorize(enable)
  for (long i = 0; i < n; i++) {
    _Float16 h;
    memcpy(&h, x + i, 2);
    y[i] = (float)h;
  }
}

// ---- whole numbers ---------------------------------------------------------------------------------------------------

typedef int8_t vb __attribute__((vector_size(VW), aligned(1)));

static void NAME(quantize)(long rows, long k, const float *x, long ldx, int8_t *q, long ldq, float *scales, int32_t *sums) {
#pragma clang fp contract(off)
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, to even
  const vi magic_bits = (vi)SPLAT(magic), absolute = (vi){} + 0x7fffffff;
  for (long i = 0; i < rows; i++) {
    const float *xi = x + i * ldx;
    int8_t *qi = q + i * ldq;
    long whole = k / VW * VW;
    vf largest = {};
    for (long j = 0; j < whole; j += VW) largest = NAME(vmax)((vf)((vi)LOAD(xi + j) & absolute), largest);
    vf rest = {};
    if (whole < k) {
      rest = NAME(load_part)(xi + whole, k - whole);
      largest = NAME(vmax)((vf)((vi)rest & absolute), largest);
    }
    float most = NAME(hmax)(largest);
    // A row of numbers below 127 / the largest float counts as one of zeros.
    float factor = most > 4e-37f ? 127.0f / most : 0.0f;
    scales[i] = factor > 0 ? most / 127.0f : 0.0f;
    vi sum = {};
    for (long j = 0; j < whole; j += VW) {
      vi v = (vi)(LOAD(xi + j) * factor + magic) - magic_bits;
      sum += v;
      *(vb *)(qi + j) = __builtin_convertvector(v, vb);
    }
    memset(qi + whole, 0, (size_t)(ldq - whole));
    if (whole < k) {
      vi v = (vi)(rest * factor + magic) - magic_bits;
      sum += v;
      vb bytes = __builtin_convertvector(v, vb);
      memcpy(qi + whole, &bytes, (size_t)(k - whole));
    }
    if (sums) {
      int32_t total = 0;
      for (int j = 0; j < VW; j++) total += sum[j];
      sums[i] = total;
    }
  }
}

static void NAME(from_int8)(long n, float scale, const int8_t *q, float *y) {
#pragma clang loop vectorize(enable)
  for (long i = 0; i < n; i++) y[i] = scale * (float)q[i];
}

// The length of x - scale * q, in double precision.
static double NAME(int8_error)(long n, const float *x, float scale, const int8_t *q) {
  double lanes[8] = {0}, s = 0;
  long i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) {
      double e = (double)x[i + j] - (double)scale * (double)q[i + j];
      lanes[j] += e * e;
    }
  for (int j = 0; j < 8; j++) s += lanes[j];
  for (; i < n; i++) {
    double e = (double)x[i] - (double)scale * (double)q[i];
    s += e * e;
  }
  return sqrt(s);
}

// ---- neighbours ------------------------------------------------------------------------------------------------------

static void NAME(scale)(long n, double a, const float *x, float *y) {
#pragma clang loop vectorize(enable)
  for (long i = 0; i < n; i++) y[i] = (float)(a * (double)x[i]);
}

// Puts (score, id), whose score is not below the last entry's, into a list sorted by descending score, of equal scores the
// lower id first; not if the id is there already.
INLINE void NAME(offer)(long k, float *scores, int32_t *ids, float score, int32_t id) {
  if (score == scores[k - 1] && (uint32_t)id >= (uint32_t)ids[k - 1]) return;
  for (long p = 0; p < k; p++)
    if (ids[p] == id) return;
  long p = k - 1;
  for (; p > 0 && (scores[p - 1] < score || (scores[p - 1] == score && (uint32_t)ids[p - 1] > (uint32_t)id)); p--) {
    scores[p] = scores[p - 1];
    ids[p] = ids[p - 1];
  }
  scores[p] = score;
  ids[p] = id;
}

// Offers columns [j, end) of a row; s are their scores.
INLINE void NAME(offer_columns)(long j, long end, const float *s, int32_t row_id, const ems_lists *l, float *row_scores,
                                int32_t *row_ids) {
  for (; j < end; j++, s++) {
    if (l->row_k && *s >= row_scores[l->row_k - 1]) NAME(offer)(l->row_k, row_scores, row_ids, *s, l->column_ids[j]);
    if (*s >= l->column_last[j]) {
      float *scores = l->column_scores + j * l->column_k;
      NAME(offer)(l->column_k, scores, l->column_lists + j * l->column_k, *s, row_id);
      if (scores[l->column_k - 1] > l->column_last[j]) l->column_last[j] = scores[l->column_k - 1];
    }
  }
}

static void NAME(offer_all)(long m, long n, const float *c, long ldc, const ems_lists *l) {
  for (long i = 0; i < m; i++) {
    const float *row = c + i * ldc;
    long list = (l->row_ids[i] - l->row_first) * l->row_k;
    float *scores = l->row_scores + list;
    int32_t *ids = l->row_lists + list;
    long j = 0;
    for (; j + VW <= n; j += VW) {
      vf last = SPLAT(l->row_k ? scores[l->row_k - 1] : INFINITY), t = LOAD(l->column_last + j);
      if (__builtin_reduce_or((vi)(LOAD(row + j) >= NAME(select)(t < last, t, last))))
        NAME(offer_columns)(j, j + VW, row + j, l->row_ids[i], l, scores, ids);
    }
    NAME(offer_columns)(j, n, row + j, l->row_ids[i], l, scores, ids);
  }
}

#define CHAINS 8
static int NAME(offer_near)(long m, long n, long d, const int32_t *sums, long lds, const float *row_scales,
                            const float *row_errors, const float *column_scales, const float *column_errors,
                            const float *rows, long stride, const float *panels, const ems_lists *l, uint32_t *near,
                            long room) {
  long count = 0;
  for (long i = 0; i < m; i++) {
    const int32_t *row = sums + i * lds;
    const float *scores = l->row_scores + (l->row_ids[i] - l->row_first) * l->row_k;
    const vf last = SPLAT(l->row_k ? scores[l->row_k - 1] : INFINITY);
    const vf scale = SPLAT(row_scales[i]), error = SPLAT(row_errors[i]);
    for (long j = 0; j < n; j += 4 * VW) {
      vi hit[4];
#pragma clang loop unroll(full)
      for (int q = 0; q < 4; q++) {
        vf s = __builtin_convertvector(*(const vi *)(row + j + q * VW), vf) * (scale * LOAD(column_scales + j + q * VW));
        vf t = LOAD(l->column_last + j + q * VW);
        hit[q] = s + (error + LOAD(column_errors + j + q * VW)) >= NAME(select)(t < last, t, last);
      }
      if (__builtin_expect(__builtin_reduce_or((hit[0] | hit[1]) | (hit[2] | hit[3])) == 0, 1)) continue;
      for (int q = 0; q < 4; q++)
        if (__builtin_reduce_or(hit[q])) {
          if (count == room) return 0;
          near[count++] = (uint32_t)i << 16 | (uint32_t)(j / VW + q);
        }
    }
  }
  for (long h = 0; h < count; h += CHAINS) {
    const float *a[CHAINS], *b[CHAINS];
    vf acc[CHAINS];
    for (int q = 0; q < CHAINS; q++) {
      uint32_t place = near[h + q < count ? h + q : h];
      long j = (long)(place & 0xffff) * VW;
      a[q] = rows + (place >> 16) * stride;
      b[q] = panels + j / NR * NR * d + j % NR;
      acc[q] = (vf){};
    }
    for (long p = 0; p < d; p++)
#pragma clang loop unroll(full)
      for (int q = 0; q < CHAINS; q++) acc[q] += SPLAT(a[q][p]) * LOAD(b[q] + p * NR);
    for (int q = 0; q < CHAINS && h + q < count; q++) {
      long i = near[h + q] >> 16, j = (long)(near[h + q] & 0xffff) * VW;
      if (j >= n) continue;
      float t[VW];
      STORE(t, acc[q]);
      long list = (l->row_ids[i] - l->row_first) * l->row_k;
      NAME(offer_columns)(j, j + VW < n ? j + VW : n, t, l->row_ids[i], l, l->row_scores + list, l->row_lists + list);
    }
  }
  return 1;
}

extern const ems_int8_kernels INT8;
const ems_kernels NAME(table) = {
    .name = SET,
    .int8 = &INT8,
    .panel_width = NR,
    .tile_rows = MR,
    .quantize = NAME(quantize),
    .from_int8 = NAME(from_int8),
    .gemm = NAME(gemm),
    .pack = NAME(pack),
    .swish = NAME(swish),
    .swish_backward = NAME(swish_backward),
    .gelu = NAME(gelu),
    .gelu_tanh = NAME(gelu_tanh),
    .lstm_cell = NAME(lstm_cell),
    .layer_norm = NAME(layer_norm),
    .layer_norm_backward = NAME(layer_norm_backward),
    .dropout = NAME(dropout),
    .attention = NAME(attention),
    .attend = NAME(attend),
    .attention_backward = NAME(attention_backward),
    .mean_rows = NAME(mean_rows),
    .max_rows = NAME(max_rows),
    .softmax = NAME(softmax),
    .softmax_sum = NAME(softmax_sum),
    .pair_gradient = NAME(pair_gradient),
    .dot = NAME(dot),
    .axpy = NAME(axpy),
    .sum_squares = NAME(sum_squares),
    .adam = NAME(adam),
    .from_half = NAME(from_half),
    .scale = NAME(scale),
    .int8_error = NAME(int8_error),
    .offer_all = NAME(offer_all),
    .offer_near = NAME(offer_near),
};
