#include "winograd_bound.h"

#include <math.h>
#include <string.h>

#include "magnitude.h"
#include "row_conv.h"

bool icn_row_is_winograd(const icn_row *row) { return strncmp(row->name, "winograd", strlen("winograd")) == 0; }

icn_winograd_form icn_row_winograd_form(const icn_row *row, const icn_config *config) {
  return (icn_winograd_form){icn_row_is_winograd(row) ? config->value[0] : 0, strcmp(row->name, "winograd_s2d") == 0};
}

double icn_row_tolerance(const icn_row *row, const icn_problem *problem) {
  return row->tolerance + (icn_row_packs_halves(row, problem) ? ICN_HALF_TOLERANCE : 0);
}

/* |A^T|, |G| and |B^T| for the axes of a window; an axis with one tap has the 1 x 1 matrix 1. */
typedef struct axis {
  int m, r, n;
  double at[ICN_WINOGRAD_MAX_M][ICN_WINOGRAD_MAX_N], g[ICN_WINOGRAD_MAX_N][ICN_WINOGRAD_MAX_R], bt[ICN_WINOGRAD_MAX_N][ICN_WINOGRAD_MAX_N];
} axis;

static axis axis_of(int m, int r, int stride) {
  axis a;
  icn_winograd tile;
  memset(&a, 0, sizeof a);
  a.m = a.r = a.n = 1;
  a.at[0][0] = a.g[0][0] = a.bt[0][0] = 1;
  if (r == 1 || !icn_winograd_make(m, r, stride, &tile)) return a;
  a.m = m, a.r = r, a.n = tile.n;
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
  int64_t side, channels; /* pixels along a side of one that is transformed (2 where they are folded, else 1); its channels */
  double *u;              /* [oc][channel][points]: |G| |w| |G^T| */
  double *v;              /* [channel][points] of one tile */
  float *magnitude;
} bound;

/* Channels of a folded pixel are (row * 2 + column) * C + channel. */
static int64_t row_of(const bound *b, int64_t channel) { return channel / b->s.c / b->side; }
static int64_t column_of(const bound *b, int64_t channel) { return channel / b->s.c % b->side; }

static double weight_at(const bound *b, int64_t oc, int64_t channel, int64_t ty, int64_t tx) {
  const int64_t ky = ty * b->side + row_of(b, channel), kx = tx * b->side + column_of(b, channel);
  if (ky >= b->s.kh || kx >= b->s.kw) return 0;
  return fabs((double)b->weight[((oc * b->s.c + channel % b->s.c) * b->s.kh + ky) * b->s.kw + kx]);
}

static void transform_weights(const bound *b) {
  const axis *ya = &b->y_axis, *xa = &b->x_axis;
  const double least = b->problem->precision == ICN_PRECISION_FP16W ? (double)ICN_LEAST_NORMAL_HALF : 0;
  for (int64_t pair = 0; pair < b->s.k * b->channels; pair++) {
    const int64_t oc = pair / b->channels, channel = pair % b->channels;
    const double scale = b->scale != NULL ? fabs((double)b->scale[oc]) : 1;
    for (int p = 0; p < ya->n; p++)
      for (int q = 0; q < xa->n; q++) {
        double sum = 0;
        for (int ty = 0; ty < ya->r; ty++)
          for (int tx = 0; tx < xa->r; tx++) sum += ya->g[p][ty] * xa->g[q][tx] * weight_at(b, oc, channel, ty, tx);
        b->u[(pair * ya->n + p) * xa->n + q] = fmax(sum * scale, least);
      }
  }
}

/* (y, x): the pixel's first row and column. */
static double input_at(const bound *b, int64_t n, int64_t channel, int64_t y, int64_t x) {
  const int64_t iy = y + row_of(b, channel), ix = x + column_of(b, channel), ic = channel % b->s.c;
  if (iy < 0 || iy >= b->s.h || ix < 0 || ix >= b->s.w) return 0;
  return fabs((double)b->x[((n * b->s.c + ic) * b->s.h + iy) * b->s.w + ix]);
}

/* |B^T| |x| |B| of the tile whose first output is (oy, ox): columns first, then rows. */
static void transform_tile(const bound *b, int64_t n, int64_t oy, int64_t ox) {
  const axis *ya = &b->y_axis, *xa = &b->x_axis;
  const icn_params *params = &b->problem->params;
  const int64_t top = oy * params->stride[0] - params->pad_begin[0], left = ox * params->stride[1] - params->pad_begin[1];
  double window[ICN_WINOGRAD_MAX_N][ICN_WINOGRAD_MAX_N], half_done[ICN_WINOGRAD_MAX_N][ICN_WINOGRAD_MAX_N];
  for (int64_t ic = 0; ic < b->channels; ic++) {
    for (int i = 0; i < ya->n; i++)
      for (int j = 0; j < xa->n; j++) window[i][j] = input_at(b, n, ic, top + i * b->side, left + j * b->side);
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
  for (int64_t ic = 0; ic < b->channels; ic++) {
    const double *v = b->v + ic * points, *u = b->u + (oc * b->channels + ic) * points;
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

icn_status icn_winograd_magnitude(const icn_problem *problem, icn_winograd_form form, const void *const in[ICN_MAX_INPUTS],
                                  float *magnitude, const icn_allocator *allocator, icn_error *error) {
  icn_status status = ICN_OK;
  bound b = {.s = icn_conv_sizes_of(problem),
             .problem = problem,
             .x = in[ICN_CONV_X],
             .weight = in[ICN_CONV_WEIGHT],
             .bias = in[ICN_CONV_BIAS],
             .scale = in[ICN_CONV_SCALE],
             .residual = in[ICN_CONV_RESIDUAL],
             .magnitude = magnitude};
  const int side = form.folded ? 2 : 1;
  b.side = side;
  b.channels = b.s.c * side * side;
  b.y_axis = axis_of(form.m, (int)(b.s.kh + side - 1) / side, (int)problem->params.stride[0] / side);
  b.x_axis = axis_of(form.m, (int)(b.s.kw + side - 1) / side, (int)problem->params.stride[1] / side);
  const size_t points = (size_t)(b.y_axis.n * b.x_axis.n);
  b.u = icn_allocate_array(allocator, (size_t)(b.s.k * b.channels) * points, sizeof(double));
  b.v = icn_allocate_array(allocator, (size_t)b.channels * points, sizeof(double));
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
