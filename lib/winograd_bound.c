#include "winograd_bound.h"

#include <math.h>
#include <string.h>

#include "magnitude.h"
#include "row_conv.h"
#include "winograd.h"

bool icn_row_is_winograd(const icn_row *row) { return strncmp(row->name, "winograd", strlen("winograd")) == 0; }

int icn_row_winograd_m(const icn_row *row, const icn_config *config) { return icn_row_is_winograd(row) ? config->value[0] : 0; }

double icn_row_tolerance(const icn_row *row, const icn_problem *problem) {
  return row->tolerance + (icn_row_packs_halves(row, problem) ? ICN_HALF_TOLERANCE : 0);
}

/* |A^T|, |G| and |B^T| for the axes of a window; an axis with one tap has the 1 x 1 matrix 1. */
typedef struct axis {
  int m, r, stride, n;
  double at[ICN_WINOGRAD_MAX_M][ICN_WINOGRAD_MAX_N], g[ICN_WINOGRAD_MAX_N][ICN_WINOGRAD_MAX_R], bt[ICN_WINOGRAD_MAX_N][ICN_WINOGRAD_MAX_N];
} axis;

static axis axis_of(int m, int r, int stride) {
  axis a;
  icn_winograd tile;
  memset(&a, 0, sizeof a);
  a.m = a.r = a.stride = a.n = 1;
  a.at[0][0] = a.g[0][0] = a.bt[0][0] = 1;
  if (r == 1 || !icn_winograd_make(m, r, stride, &tile)) return a;
  a.m = m, a.r = r, a.stride = stride, a.n = tile.n;
  for (int i = 0; i < a.m; i++)
    for (int k = 0; k < a.n; k++) a.at[i][k] = fabs(icn_rational_double(tile.at[i][k]));
  for (int i = 0; i < a.n; i++) {
    for (int k = 0; k < a.r; k++) a.g[i][k] = fabs(icn_rational_double(tile.g[i][k]));
    for (int k = 0; k < a.n; k++) a.bt[i][k] = fabs(icn_rational_double(tile.bt[i][k]));
  }
  return a;
}

typedef struct bound {
  icn_conv_sizes s;
  const icn_problem *problem;
  const float *x, *weight, *bias, *scale, *residual;
  axis y_axis, x_axis;
  double *u; /* [oc][ic][points]: |G| |w| |G^T| */
  double *v; /* [ic][points] of one tile */
  float *magnitude;
} bound;

static void transform_weights(const bound *b) {
  const axis *ya = &b->y_axis, *xa = &b->x_axis;
  const int64_t taps = b->s.kh * b->s.kw;
  const double least = b->problem->precision == ICN_PRECISION_FP16W ? (double)ICN_LEAST_NORMAL_HALF : 0;
  for (int64_t pair = 0; pair < b->s.k * b->s.c; pair++) {
    const double scale = b->scale != NULL ? fabs((double)b->scale[pair / b->s.c]) : 1;
    for (int p = 0; p < ya->n; p++)
      for (int q = 0; q < xa->n; q++) {
        double sum = 0;
        for (int64_t tap = 0; tap < taps; tap++)
          sum += ya->g[p][tap / b->s.kw] * xa->g[q][tap % b->s.kw] * fabs((double)b->weight[pair * taps + tap]);
        b->u[(pair * ya->n + p) * xa->n + q] = fmax(sum * scale, least);
      }
  }
}

static double input_at(const bound *b, int64_t n, int64_t ic, int64_t iy, int64_t ix) {
  if (iy < 0 || iy >= b->s.h || ix < 0 || ix >= b->s.w) return 0;
  return fabs((double)b->x[((n * b->s.c + ic) * b->s.h + iy) * b->s.w + ix]);
}

/* |B^T| |x| |B| of the tile whose first output is (oy, ox): columns first, then rows. */
static void transform_tile(const bound *b, int64_t n, int64_t oy, int64_t ox) {
  const axis *ya = &b->y_axis, *xa = &b->x_axis;
  const int64_t top = oy * ya->stride - b->problem->params.pad_begin[0], left = ox * xa->stride - b->problem->params.pad_begin[1];
  double window[ICN_WINOGRAD_MAX_N][ICN_WINOGRAD_MAX_N], half_done[ICN_WINOGRAD_MAX_N][ICN_WINOGRAD_MAX_N];
  for (int64_t ic = 0; ic < b->s.c; ic++) {
    for (int i = 0; i < ya->n; i++)
      for (int j = 0; j < xa->n; j++) window[i][j] = input_at(b, n, ic, top + i, left + j);
    for (int p = 0; p < ya->n; p++)
      for (int j = 0; j < xa->n; j++) {
        half_done[p][j] = 0;
        for (int i = 0; i < ya->n; i++)
          if (ya->bt[p][i] != 0) half_done[p][j] += ya->bt[p][i] * window[i][j];
      }
    for (int p = 0; p < ya->n; p++)
      for (int q = 0; q < xa->n; q++) {
        double sum = 0;
        for (int j = 0; j < xa->n; j++)
          if (xa->bt[q][j] != 0) sum += xa->bt[q][j] * half_done[p][j];
        b->v[(ic * ya->n + p) * xa->n + q] = sum;
      }
  }
}

static void tile_outputs(const bound *b, int64_t n, int64_t oc, int64_t oy, int64_t ox) {
  const axis *ya = &b->y_axis, *xa = &b->x_axis;
  const int points = ya->n * xa->n;
  double sums[ICN_WINOGRAD_MAX_N * ICN_WINOGRAD_MAX_N] = {0};
  for (int64_t ic = 0; ic < b->s.c; ic++) {
    const double *v = b->v + ic * points, *u = b->u + (oc * b->s.c + ic) * points;
    for (int p = 0; p < points; p++) sums[p] += v[p] * u[p];
  }
  for (int i = 0; i < ya->m && oy + i < b->s.oh; i++)
    for (int j = 0; j < xa->m && ox + j < b->s.ow; j++) {
      const int64_t at = ((n * b->s.k + oc) * b->s.oh + oy + i) * b->s.ow + ox + j;
      double sum = b->bias != NULL ? fabs((double)b->bias[oc]) : 0;
      if (b->residual != NULL) sum += fabs((double)b->residual[at]);
      for (int p = 0; p < points; p++) sum += ya->at[i][p / xa->n] * xa->at[j][p % xa->n] * sums[p];
      b->magnitude[at] = (float)sum;
    }
}

icn_status icn_winograd_magnitude(const icn_problem *problem, int m, const void *const in[ICN_MAX_INPUTS], float *magnitude,
                                  const icn_allocator *allocator, icn_error *error) {
  icn_status status = ICN_OK;
  bound b = {.s = icn_conv_sizes_of(problem),
             .problem = problem,
             .x = in[ICN_CONV_X],
             .weight = in[ICN_CONV_WEIGHT],
             .bias = in[ICN_CONV_BIAS],
             .scale = in[ICN_CONV_SCALE],
             .residual = in[ICN_CONV_RESIDUAL],
             .magnitude = magnitude};
  b.y_axis = axis_of(m, (int)b.s.kh, (int)problem->params.stride[0]);
  b.x_axis = axis_of(m, (int)b.s.kw, (int)problem->params.stride[1]);
  const size_t points = (size_t)(b.y_axis.n * b.x_axis.n);
  b.u = icn_allocate_array(allocator, (size_t)(b.s.k * b.s.c) * points, sizeof(double));
  b.v = icn_allocate_array(allocator, (size_t)b.s.c * points, sizeof(double));
  ICN_REQUIRE(b.u != NULL && b.v != NULL, ICN_NO_MEMORY, "out of memory: the error bound of a convolution");
  transform_weights(&b);
  for (int64_t n = 0; n < b.s.n; n++)
    for (int64_t oy = 0; oy < b.s.oh; oy += b.y_axis.m)
      for (int64_t ox = 0; ox < b.s.ow; ox += b.x_axis.m) {
        transform_tile(&b, n, oy, ox);
        for (int64_t oc = 0; oc < b.s.k; oc++) tile_outputs(&b, n, oc, oy, ox);
      }
done:
  icn_release(allocator, b.u);
  icn_release(allocator, b.v);
  return status;
}
