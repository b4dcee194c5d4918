#include "support/winograd_data.h"

#include <math.h>

#include "ref.h"
#include "row_winograd.h"
#include "support/icn_test.h"
#include "winograd_bound.h"

static int64_t below(uint64_t *random, int64_t limit) {
  *random = *random * 6364136223846793005U + 1442695040888963407U;
  return (int64_t)((*random >> 33) % (uint64_t)limit);
}
static int64_t between(uint64_t *random, int64_t least, int64_t most) { return least + below(random, most - least + 1); }

void winograd_compute(icn_case_data *data) {
  const void *in[ICN_MAX_INPUTS];
  icn_error error;
  for (int i = 0; i < ICN_MAX_INPUTS; i++) in[i] = data->input[i];
  if (icn_ref_compute(&data->dense, in, data->want, &data->allocator, &error) != ICN_OK) fail_msg("%s", error.message);
}

/* ------------------------------------------------------------ the grain */

static int64_t odd_part(int64_t x) {
  while (x % 2 == 0) x /= 2;
  return x;
}

/* e of the largest 2^e that x, an odd denominator aside, is a multiple of. */
static int grain_of(icn_rational x) {
  int e = 0;
  for (int64_t num = x.num; num % 2 == 0; num /= 2) e++;
  for (int64_t den = x.den; den % 2 == 0; den /= 2) e--;
  return e;
}

enum { COARSEST = 100 };
static void finest(int *least, icn_rational x) {
  if (x.num != 0 && grain_of(x) < *least) *least = grain_of(x);
}

/* Of one axis: 2^u and 2^y are grains of U and of the results, weights are multiples of L. */
typedef struct grain {
  bool dyadic;
  int64_t l;
  int u, y;
} grain;

static grain grain_along(int m, int taps, int stride) {
  grain g = {true, 1, 0, 0};
  icn_winograd w;
  if (taps == 1) return g;
  assert_true(icn_winograd_make(m, taps, stride, &w));
  for (int j = 0; j < w.n; j++) {
    int at = COARSEST, gg = COARSEST, bt = COARSEST;
    for (int i = 0; i < w.m; i++) finest(&at, w.at[i][j]);
    for (int k = 0; k < w.r; k++) finest(&gg, w.g[j][k]);
    for (int k = 0; k < w.n; k++) finest(&bt, w.bt[j][k]);
    for (int i = 0; i < w.m; i++) g.dyadic = g.dyadic && odd_part(w.at[i][j].den) == 1;
    for (int k = 0; k < w.n; k++) g.dyadic = g.dyadic && odd_part(w.bt[j][k].den) == 1;
    for (int k = 0; k < w.r; k++) {
      const int64_t odd = odd_part(w.g[j][k].den);
      int64_t l = g.l;
      while (l % odd != 0) l += g.l;
      g.l = l;
    }
    if (gg < g.u) g.u = gg;
    if (at + gg + bt < g.y) g.y = at + gg + bt;
  }
  return g;
}

static grain grain_of_tile(const winograd_tile *t) {
  const int side = t->folded ? 2 : 1, stride = (int)t->window[2] / side;
  const grain y = grain_along(t->m, ((int)t->window[0] + side - 1) / side, stride),
              x = grain_along(t->m, ((int)t->window[1] + side - 1) / side, stride);
  return (grain){y.dyadic && x.dyadic, y.l * x.l, y.u + x.u, y.y + x.y};
}

float *winograd_magnitudes(const icn_case_data *data, const winograd_tile *t) {
  const void *in[ICN_MAX_INPUTS];
  icn_error error;
  float *magnitude = calloc((size_t)icn_shape_elems(&data->dense.out.shape), sizeof *magnitude);
  assert_non_null(magnitude);
  for (int i = 0; i < ICN_MAX_INPUTS; i++) in[i] = data->input[i];
  assert_int_equal(icn_winograd_magnitude(&data->dense, (icn_winograd_form){t->m, t->folded}, in, magnitude, &data->allocator, &error),
                   ICN_OK);
  return magnitude;
}

static bool sums_are_exact(const icn_case_data *data, const winograd_tile *t, const grain *g) {
  const int64_t count = icn_shape_elems(&data->dense.out.shape);
  float *magnitude = winograd_magnitudes(data, t);
  bool exact = true;
  for (int64_t i = 0; i < count; i++) exact = exact && (double)magnitude[i] < ldexp(1, 24 + g->y);
  free(magnitude);
  return exact;
}

/* Packed weights are on their grain, none a little beside it. */
static bool weights_are_exact(const icn_case_data *data, const winograd_tile *t, const grain *g) {
  const icn_winograd_sizes w = icn_winograd_fused_sizes(&data->dense, t->folded, t->m);
  const size_t count = (size_t)(w.points * w.depth * w.s.k);
  const icn_winograd_packing packing = {w.s.k, 0, w.depth * w.s.k, t->folded};
  const icn_value weight = {.data = data->input[ICN_CONV_WEIGHT]}, *constants[ICN_MAX_INPUTS] = {NULL};
  float *packed = calloc(count, sizeof *packed);
  bool exact = packed != NULL;
  constants[ICN_CONV_WEIGHT] = &weight;
  icn_winograd_pack_panels(&data->dense, t->m, &packing, constants, packed);
  for (size_t i = 0; i < count; i++) {
    const double grains = ldexp((double)packed[i], -g->u);
    exact = exact && grains == floor(grains);
  }
  free(packed);
  return exact;
}

/* The points of 10 and 12 are dyadic, too, but with numerators of 3 to 11: no data but zeros are exact. */
bool winograd_is_dyadic(const winograd_tile *t) {
  enum { MOST_POINTS = 9 };
  for (int k = 0; k < 2; k++)
    if (t->window[k] > 1 && t->window[2] == 1 && t->m + t->window[k] - 1 > MOST_POINTS) return false;
  return grain_of_tile(t).dyadic;
}

/* ------------------------------------------------------------ exact data */

/* From dense to sparse. One channel of a pixel is not zero; with `apart`, one pixel of a window. */
typedef struct density {
  int64_t range;                 /* values in [-range, range], weights times L */
  bool apart, one_tap, same_tap; /* one tap of each kernel is not zero; of all kernels the same one */
  int tries;
} density;
static const density DENSITIES[WINOGRAD_DENSITIES] = {{3, false, false, false, 3},
                                                      {1, false, false, false, 3},
                                                      {1, false, true, false, 3},
                                                      {1, true, true, false, 20},
                                                      {1, true, true, true, 60}};

static void draw_input(uint64_t *random, icn_case_data *data, const winograd_tile *t, const density *d) {
  const int64_t *dim = data->dense.in[ICN_CONV_X].shape.dim, area = dim[2] * dim[3];
  float *x = data->input[ICN_CONV_X];
  int64_t pitch[2], from[2];
  for (int k = 0; k < 2; k++) {
    /* A folded window reads a pixel more than its taps need. */
    const int64_t taps = t->folded ? t->window[k] + 1 : t->window[k], step = t->m * t->window[2];
    const int64_t points = t->window[2] == 1 ? t->m + taps - 1 : 2 * t->m + taps - 2;
    pitch[k] = !d->apart || t->window[k] == 1 ? 1 : (points + step - 1) / step * step; /* the same place of every tile */
    from[k] = below(random, pitch[k]);
  }
  memset(x, 0, sizeof(float) * (size_t)icn_shape_elems(&data->dense.in[ICN_CONV_X].shape));
  for (int64_t pixel = 0; pixel < dim[0] * area; pixel++) {
    const int64_t iy = pixel % area / dim[3], ix = pixel % dim[3], channel = below(random, dim[1]);
    int64_t value = between(random, -d->range, d->range);
    if (d->apart && value == 0) value = 1;
    if (iy % pitch[0] == from[0] && ix % pitch[1] == from[1]) x[(pixel / area * dim[1] + channel) * area + pixel % area] = (float)value;
  }
}

static void draw_weights(uint64_t *random, icn_case_data *data, const density *d, int64_t l) {
  const int64_t *dim = data->dense.in[ICN_CONV_WEIGHT].shape.dim, taps = dim[2] * dim[3], all = below(random, taps);
  float *weight = data->input[ICN_CONV_WEIGHT];
  for (int64_t kernel = 0; kernel < dim[0] * dim[1]; kernel++) {
    const int64_t only = d->same_tap ? all : below(random, taps);
    for (int64_t tap = 0; tap < taps; tap++) {
      int64_t value = between(random, -d->range, d->range);
      if (d->one_tap) value = tap == only ? (value == 0 ? 1 : value) : 0;
      weight[kernel * taps + tap] = (float)(value * l);
    }
  }
}

static void draw_small(uint64_t *random, const icn_case_data *data, int input) {
  float *values = data->input[input];
  if (!icn_problem_has(&data->dense, input)) return;
  for (int64_t i = 0; i < icn_shape_elems(&data->dense.in[input].shape); i++) values[i] = (float)between(random, -8, 8);
}

void winograd_draw_exact(uint64_t *random, icn_case_data *data, const winograd_tile *t, size_t *at) {
  const grain g = grain_of_tile(t);
  draw_small(random, data, ICN_CONV_BIAS);
  draw_small(random, data, ICN_CONV_RESIDUAL);
  for (; *at < WINOGRAD_DENSITIES; ++*at)
    for (int i = 0; i < DENSITIES[*at].tries; i++) {
      draw_input(random, data, t, &DENSITIES[*at]);
      draw_weights(random, data, &DENSITIES[*at], g.l);
      if (!sums_are_exact(data, t, &g) || !weights_are_exact(data, t, &g)) continue;
      winograd_compute(data);
      return;
    }
  fail_msg("F(%d, r) of a %lldx%lld window: no data are exact", t->m, (long long)t->window[0], (long long)t->window[1]);
}
