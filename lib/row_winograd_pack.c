/* Sizes, checks and packing of the Winograd rows. */
#include "row_winograd.h"

#include <string.h>

const int32_t icn_winograd_ms[] = {2, 3, 4, 6, 0};
enum { MOST_SIDE = 8, MOST_SIDE_STRIDE2 = 11 };

/* icn_winograd_count(m, r, stride) by stride - 1, r - 2 and m (a test compares them): selection asks for them thousands of times. */
static const icn_winograd_ops OPERATIONS[2][ICN_WINOGRAD_MAX_R - 1][ICN_WINOGRAD_MAX_M + 1] = {
    {
        [0] = {[2] = {2, 2}, [3] = {6, 4}, [4] = {15, 8}, [6] = {33, 18}},
        [1] = {[2] = {6, 4}, [3] = {15, 7}, [4] = {26, 12}, [6] = {31, 20}},
        [2] = {[2] = {15, 6}, [3] = {26, 10}, [4] = {33, 14}, [6] = {60, 26}},
        [3] = {[2] = {26, 8}, [3] = {33, 12}, [4] = {31, 16}, [6] = {50, 33}},
        [5] = {[2] = {31, 12}, [3] = {60, 17}, [4] = {50, 25}, [6] = {72, 36}},
    },
    {
        [1] = {[2] = {2, 4}, [3] = {6, 7}, [4] = {15, 12}},
        [3] = {[2] = {8, 8}, [3] = {21, 14}, [4] = {41, 24}},
        [5] = {[2] = {21, 12}, [3] = {41, 20}},
    },
};

icn_winograd_ops icn_winograd_operations(int m, int r, int stride) { return OPERATIONS[stride - 1][r - 2][m]; }

icn_winograd_sizes icn_winograd_sizes_of(const icn_problem *problem, int m) {
  icn_winograd_sizes w;
  w.s = icn_conv_sizes_of(problem);
  w.lanes = w.depth = w.s.c;
  w.folded = false;
  w.dims = w.s.kh > 1 && w.s.kw > 1 ? 2 : 1;
  w.down = w.s.kw == 1;
  w.r = (int)icn_max64(w.s.kh, w.s.kw);
  w.stride = (int)problem->params.stride[0];
  w.n = w.stride == 1 ? m + w.r - 1 : 2 * m + w.r - 2;
  w.points = w.dims == 2 ? w.n * w.n : w.n;
  w.tiles_y = w.dims == 2 || w.down ? icn_div_up(w.s.oh, m) : w.s.oh;
  w.tiles_x = w.dims == 2 || !w.down ? icn_div_up(w.s.ow, m) : w.s.ow;
  w.tiles = w.s.n * w.tiles_y * w.tiles_x;
  return w;
}

icn_winograd_sizes icn_winograd_fused_sizes(const icn_problem *problem, bool folded, int m) {
  icn_winograd_sizes w = icn_winograd_sizes_of(problem, m);
  if (!folded) return w;
  w.folded = true;
  w.lanes = ICN_WINOGRAD_FOLDED_LANES;
  w.depth = 4 * w.s.c;
  w.r = (w.r + 1) / 2;
  w.stride = 1;
  w.n = m + w.r - 1;
  w.points = w.n * w.n;
  return w;
}

double icn_winograd_input_flop(const icn_winograd_sizes *w, int m) {
  const double lines = w->dims == 2 ? 2.0 * w->n : 1;
  return 2 * lines * icn_winograd_operations(m, w->r, w->stride).input * (double)(w->tiles * w->depth);
}

double icn_winograd_output_flop(const icn_winograd_sizes *w, int m) {
  const double lines = w->dims == 2 ? w->n + m : 1;
  return 2 * lines * icn_winograd_operations(m, w->r, w->stride).output * (double)(w->tiles * w->s.k);
}

double icn_winograd_product_flop(const icn_winograd_sizes *w) { return 2.0 * (double)(w->points * w->tiles) * (double)(w->depth * w->s.k); }

bool icn_winograd_tile_ok(const icn_winograd_sizes *w, int m) {
  const int most = w->dims == 1 ? ICN_WINOGRAD_MAX_N : w->stride == 1 ? MOST_SIDE : MOST_SIDE_STRIDE2;
  return w->n <= most && icn_winograd_exists(m, w->r, w->stride);
}

static bool window_ok(const icn_problem *problem) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const int64_t taps = icn_max64(s.kh, s.kw), stride = problem->params.stride[0];
  if (taps != 3 && taps != 5 && taps != 7) return false;
  if (s.kh == s.kw) return stride == 2 || taps != 7;
  return stride == 1 && (s.kh == 1 || s.kw == 1);
}

bool icn_winograd_problem_ok(const icn_problem *problem, icn_reason *why_not) {
  if (!icn_conv_fits(problem, why_not) || !icn_conv_packable(problem, why_not) || !icn_conv_is_nhwc(problem, why_not) ||
      !icn_conv_linear_ok(problem, 0, why_not) || !icn_conv_turned_ok(problem, 0, why_not))
    return false;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_params *p = &problem->params;
  if (s.groups != 1) return icn_decline(why_not, "%lld groups, only 1 is tiled", (long long)s.groups);
  if (p->dilation[0] != 1 || p->dilation[1] != 1) return icn_decline(why_not, "it is dilated");
  if (p->stride[0] != p->stride[1] || p->stride[0] > 2)
    return icn_decline(why_not, "strides %lld and %lld, there are tiles for 1 and 2", (long long)p->stride[0], (long long)p->stride[1]);
  if (!window_ok(problem))
    return icn_decline(why_not, "no tile for a %lldx%lld window of stride %lld", (long long)s.kh, (long long)s.kw, (long long)p->stride[0]);
  return true;
}

/* ------------------------------------------------------------ packing */

enum { LANES = 16, MOST_TAPS = 49, MOST_POINTS = MOST_SIDE_STRIDE2 * MOST_SIDE_STRIDE2 };

/* U = G g G^T for LANES output channels at a time, in double: taps[tap][lane] to u[point][lane]. */
static void transform_weights(const icn_winograd_sizes *w, double g[][ICN_WINOGRAD_MAX_R], double taps[][LANES], double u[][LANES]) {
  double half_done[ICN_WINOGRAD_MAX_N * ICN_WINOGRAD_MAX_R][LANES];
  const int lines = w->dims == 2 ? w->r : 1, across = w->dims == 2 ? w->n : 1;
  /* Along the window's first axis (the only one of a line): half_done[a][k] over the points a. */
  for (int a = 0; a < w->n; a++)
    for (int kx = 0; kx < lines; kx++) {
      double *sum = half_done[a * lines + kx];
      for (int lane = 0; lane < LANES; lane++) sum[lane] = 0;
      for (int k = 0; k < w->r; k++)
        for (int lane = 0; lane < LANES; lane++) sum[lane] += g[a][k] * taps[k * lines + kx][lane];
    }
  for (int a = 0; a < w->n; a++)
    for (int b = 0; b < across; b++) {
      double *sum = u[a * across + b];
      for (int lane = 0; lane < LANES; lane++) sum[lane] = w->dims == 2 ? 0 : half_done[a][lane];
      for (int kx = 0; kx < lines && w->dims == 2; kx++)
        for (int lane = 0; lane < LANES; lane++) sum[lane] += half_done[a * lines + kx][lane] * g[b][kx];
    }
}

/* Tap (ty, tx) of channel ic as it is multiplied. A folded channel is (row * 2 + column) * C + channel; a window's taps end before those of
 * its last folded ones where their number is odd. */
static double weight_at(const icn_problem *problem, const icn_winograd_sizes *w, const icn_value *const *constants, int64_t oc, int64_t ic,
                        int64_t ty, int64_t tx) {
  if (!w->folded) return (double)icn_conv_weight(problem, constants, oc, ic, ty, tx);
  const int64_t pixel = ic / w->s.c, ky = 2 * ty + pixel / 2, kx = 2 * tx + pixel % 2;
  return ky < w->s.kh && kx < w->s.kw ? (double)icn_conv_weight(problem, constants, oc, ic % w->s.c, ky, kx) : 0;
}

/* `live` output channels from `first` on, all in one panel; `lanes` is where point 0, input channel 0 of the first one goes. */
static void pack_lanes(const icn_problem *problem, const icn_winograd_sizes *w, double g[][ICN_WINOGRAD_MAX_R],
                       const icn_winograd_packing *packing, const icn_value *const *constants, int64_t first, int64_t live, float *lanes) {
  double taps[MOST_TAPS][LANES], u[MOST_POINTS][LANES];
  const int64_t down = w->dims == 2 || w->down ? w->r : 1, across = w->dims == 2 || !w->down ? w->r : 1;
  memset(taps, 0, sizeof taps);
  for (int64_t ic = 0; ic < w->depth; ic++) {
    for (int64_t lane = 0; lane < live; lane++)
      for (int64_t tap = 0; tap < down * across; tap++)
        taps[tap][lane] = weight_at(problem, w, constants, first + lane, ic, tap / across, tap % across);
    transform_weights(w, g, taps, u);
    for (int64_t p = 0; p < w->points; p++)
      for (int64_t lane = 0; lane < live; lane++) lanes[p * packing->point_step + ic * packing->width + lane] = (float)u[p][lane];
  }
}

void icn_winograd_pack_panels(const icn_problem *problem, int m, const icn_winograd_packing *packing, const icn_value *const *constants,
                              float *packed) {
  const icn_winograd_sizes w = icn_winograd_fused_sizes(problem, packing->folded, m);
  double g[ICN_WINOGRAD_MAX_N][ICN_WINOGRAD_MAX_R];
  icn_winograd tile;
  if (!icn_winograd_make(m, w.r, w.stride, &tile)) return; /* configure() has chosen one that there is */
  for (int a = 0; a < w.n; a++)
    for (int k = 0; k < w.r; k++) g[a][k] = icn_rational_double(tile.g[a][k]);
  for (int64_t oc = 0; oc < w.s.k;) {
    const int64_t lane = oc % packing->width, live = icn_min64(icn_min64(LANES, packing->width - lane), w.s.k - oc);
    pack_lanes(problem, &w, g, packing, constants, oc, live, packed + oc / packing->width * packing->panel_step + lane);
    oc += live;
  }
}
