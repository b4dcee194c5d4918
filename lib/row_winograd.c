/* winograd_3x3, winograd_5x5, winograd_line (1x3 to 7x1), winograd_stride2 (3x3, 5x5, 7x7): Winograd convolution for CPU devices, blocks of
 * tiles through all three stages in one work-item (kernels/winograd.cl). winograd_s2d (row_winograd_s2d.c) is made of the same pieces, with
 * `folded`.
 * config: value[0] = m of F(m, r), value[1] = MR tiles, value[2] = NV vectors, value[3] = VW lanes of a vector, value[4] = tiles of a
 * block, value[5] = splits of the output channels. */
#include <stdio.h>
#include <string.h>

#include "cost.h"
#include "row_support.h"
#include "row_winograd.h"
#include "rows.h"

enum { MR = 1, NV = 2, VW = 3, BLOCK = 4, SPLITS = 5, MOST_BLOCK = 64 };

/* Register tiles whose accumulators, weights and one broadcast fit the registers: 32 of 16 lanes, 16 of 8 or of 4. */
static const int32_t TILES[][3] = {{14, 2, 16}, {13, 2, 16}, {9, 3, 16}, {8, 3, 16}, {6, 4, 16},
                                   {6, 2, 8},   {4, 3, 8},   {6, 2, 4},  {4, 3, 4}};
enum { TILE_COUNT = sizeof TILES / sizeof TILES[0], WIDEST_PANEL = 64 };
static int64_t panel_width(const icn_config *config) { return (int64_t)config->value[NV] * config->value[VW]; }
static int64_t panels(const icn_winograd_sizes *w, const icn_config *config) { return icn_div_up(w->s.k, panel_width(config)); }

/* Scratch elements of one work-item: V, M and a window. */
static int64_t slice_elems(const icn_winograd_sizes *w, const icn_config *config) {
  const int64_t block = config->value[BLOCK], padded = icn_round_up(w->lanes, config->value[VW]);
  const int64_t window = w->folded ? padded : config->value[VW];
  return icn_round_up(w->points * (block * (padded + panel_width(config)) + window), 16);
}

static int64_t work_items(const icn_winograd_sizes *w, const icn_device_desc *device, const icn_config *config) {
  const int64_t work = icn_div_up(w->tiles, config->value[BLOCK]) * config->value[SPLITS];
  return icn_max64(1, icn_min64(work, device->compute_units));
}

/* ------------------------------------------------------------ choosing */

/* Vector operations of the busiest work-item, by what they cost beside a multiply-add of the inner product: transforms move as much as
 * they compute. */
static double critical_operations(const icn_winograd_sizes *w, const icn_device_desc *device, const icn_config *config) {
  const double transform = 2.0, per_line = w->dims == 2 ? w->n : 1;
  const int64_t block = config->value[BLOCK], splits = config->value[SPLITS], blocks = icn_div_up(w->tiles, block);
  const icn_winograd_ops ops = icn_winograd_operations(config->value[ICN_WINOGRAD_M], w->r, w->stride);
  const double channel_vectors = (double)icn_div_up(w->lanes, config->value[VW]);
  const double rows = (double)(icn_div_up(block, config->value[MR]) * config->value[MR]);
  const double input = (double)block * channel_vectors * 2 * per_line * ops.input * transform;
  /* Weights come from the second-level cache at half a vector a cycle, once for each register tile of a block. */
  const double reload = 1 + 0.5 / config->value[MR];
  const double product = (double)w->points * rows * (double)w->depth * config->value[NV] * reload;
  const double lines_out = w->dims == 2 ? w->n + config->value[ICN_WINOGRAD_M] : 1;
  const double output = (double)block * config->value[NV] * lines_out * ops.output * transform;
  const int64_t items = icn_div_up(blocks * splits, work_items(w, device, config));
  const double item_panels = (double)icn_div_up(panels(w, config), splits);
  return (double)items * item_panels * (product + output) + (double)icn_div_up(items, splits) * input;
}

static double seconds_of(const icn_problem *problem, bool folded, const icn_device_desc *device, const icn_config *config) {
  const icn_winograd_sizes w = icn_winograd_fused_sizes(problem, folded, config->value[ICN_WINOGRAD_M]);
  const double weights = icn_weight_bytes(problem) * (double)(w.points * w.depth * panels(&w, config) * panel_width(config));
  const double per_second = icn_cost_flop_per_second(device) / (2.0 * config->value[VW] * (double)icn_max64(device->compute_units, 1));
  double arithmetic = critical_operations(&w, device, config) / (per_second * 0.9);
  if (4.0 * (double)slice_elems(&w, config) > icn_cost_core_cache(device)) arithmetic *= 1.3; /* its scratch should not leave it */
  const icn_conv_sizes *s = &w.s;
  const double traffic = (weights + 4.0 * (double)(s->pixels_in * s->c + s->pixels * s->k)) / icn_cost_bytes_per_second(device);
  return (arithmetic > traffic ? arithmetic : traffic) + 0.2 * (arithmetic < traffic ? arithmetic : traffic) +
         icn_cost_launch_seconds(device);
}

/* Blocks of whole register tiles up to what the cache holds, and the splits that keep all cores busy. */
static double best_cut(const icn_problem *problem, bool folded, const icn_device_desc *device, icn_config *config) {
  const icn_winograd_sizes w = icn_winograd_fused_sizes(problem, folded, config->value[ICN_WINOGRAD_M]);
  const int64_t all = panels(&w, config), units = icn_max64(device->compute_units, 1);
  double least = -1;
  icn_config best = *config;
  for (int32_t block = config->value[MR]; block <= MOST_BLOCK; block += config->value[MR]) {
    for (int64_t splits = 1; splits <= all && splits <= 2 * units; splits++) {
      config->value[BLOCK] = block;
      config->value[SPLITS] = (int32_t)splits;
      const double seconds = seconds_of(problem, folded, device, config);
      if (least >= 0 && seconds >= least) continue;
      least = seconds;
      best = *config;
    }
    if (block >= w.tiles) break;
  }
  *config = best;
  return least;
}

void icn_winograd_fused_configure(const icn_problem *problem, bool folded, const icn_device_desc *device, icn_config *config) {
  const int width = icn_cpu_vector(device);
  /* One image decides on what the weights are packed for, so that executors of every batch share them. */
  icn_problem one = *problem;
  one.in[ICN_CONV_X].shape.dim[0] = one.out.shape.dim[0] = 1;
  double least = -1;
  memset(config, 0, sizeof *config);
  for (const int32_t *m = icn_winograd_ms; *m != 0; m++) {
    const icn_winograd_sizes w = icn_winograd_fused_sizes(problem, folded, *m);
    if (!icn_winograd_tile_ok(&w, *m) || (least >= 0 && !icn_winograd_m_wanted(device, *m))) continue;
    for (int t = 0; t < TILE_COUNT; t++) {
      if (TILES[t][2] != width) continue;
      icn_config candidate = {{*m, TILES[t][0], TILES[t][1], TILES[t][2]}};
      const double seconds = best_cut(&one, folded, device, &candidate);
      if (least >= 0 && seconds >= least) continue;
      least = seconds;
      *config = candidate;
    }
  }
  best_cut(problem, folded, device, config);
}

/* ------------------------------------------------------------ the row */

bool icn_winograd_fused_applies(const icn_problem *problem, const icn_device_desc *device, int64_t stride, int64_t depth,
                                icn_reason *why_not) {
  if (!icn_winograd_problem_ok(problem, why_not)) return false;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  if (problem->params.stride[0] != stride) return icn_decline(why_not, "a stride of %lld is needed", (long long)stride);
  int64_t packed, x, y;
  const int64_t most_points = ICN_WINOGRAD_MAX_N * ICN_WINOGRAD_MAX_N;
  if (!icn_mul_ok(most_points * (depth + 1), icn_round_up(s.k, WIDEST_PANEL) + WIDEST_PANEL, &packed) || packed > INT32_MAX)
    return icn_decline(why_not, "the transformed weights do not fit 31 bits");
  if (!icn_mul_ok(most_points * MOST_BLOCK, depth + 2 * WIDEST_PANEL, &x) || x > INT32_MAX)
    return icn_decline(why_not, "a block of %lld channels does not fit 31 bits", (long long)depth);
  if (!icn_mul_ok(s.pixels, 1 + (device->compute_units > 0 ? device->compute_units : 1), &y) || s.pixels > INT32_MAX / 2)
    return icn_decline(why_not, "%lld output pixels do not fit 31 bits", (long long)s.pixels);
  return true;
}

/* Whatever the window. */
static bool applies(const icn_problem *problem, const icn_device_desc *device, int64_t stride, icn_reason *why_not) {
  return icn_winograd_fused_applies(problem, device, stride, icn_conv_sizes_of(problem).c, why_not);
}

static bool window_is(const icn_problem *problem, int64_t side, icn_reason *why_not) {
  const int64_t *w = problem->in[ICN_CONV_WEIGHT].shape.dim;
  if (w[2] == side && w[3] == side) return true;
  return icn_decline(why_not, "a %lldx%lld window, not %lldx%lld", (long long)w[2], (long long)w[3], (long long)side, (long long)side);
}

bool icn_winograd_3x3_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  return applies(problem, device, 1, why_not) && window_is(problem, 3, why_not);
}

bool icn_winograd_5x5_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  return applies(problem, device, 1, why_not) && window_is(problem, 5, why_not);
}

bool icn_winograd_line_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!applies(problem, device, 1, why_not)) return false;
  const int64_t *w = problem->in[ICN_CONV_WEIGHT].shape.dim;
  if (w[2] != w[3]) return true;
  return icn_decline(why_not, "a %lldx%lld window, not taps along one axis", (long long)w[2], (long long)w[3]);
}

bool icn_winograd_stride2_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  return applies(problem, device, 2, why_not);
}

double icn_winograd_fused_cost(const icn_problem *problem, bool folded, const icn_device_desc *device, const icn_config *config) {
  return icn_cost_on_target(device, ICN_TARGET_CPU, seconds_of(problem, folded, device, config));
}

uint64_t icn_winograd_fused_pack_bytes(const icn_problem *problem, bool folded, const icn_config *config) {
  const icn_winograd_sizes w = icn_winograd_fused_sizes(problem, folded, config->value[ICN_WINOGRAD_M]);
  return (uint64_t)(panels(&w, config) * panel_width(config) * (w.points * w.depth + 1)) * sizeof(float);
}

/* U[panel][p][ic][lane], then bias[panel][lane]. */
void icn_winograd_fused_pack(const icn_problem *problem, bool folded, const icn_config *config, const icn_value *const *constants,
                             float *packed) {
  const icn_winograd_sizes w = icn_winograd_fused_sizes(problem, folded, config->value[ICN_WINOGRAD_M]);
  const int64_t width = panel_width(config);
  const icn_winograd_packing packing = {width, w.points * w.depth * width, w.depth * width, folded};
  memset(packed, 0, (size_t)icn_winograd_fused_pack_bytes(problem, folded, config));
  icn_winograd_pack_panels(problem, config->value[ICN_WINOGRAD_M], &packing, constants, packed);
  for (int64_t oc = 0; oc < w.s.k; oc++) packed[panels(&w, config) * packing.panel_step + oc] = icn_conv_bias(problem, constants, oc);
}

/* Operations as they are, and the bytes of the transformed weights in place of those that the problem counts. */
static void count_work(const icn_problem *problem, const icn_winograd_sizes *w, int m, icn_launch *launch) {
  const double weights = (double)((w->points * w->depth - w->s.kh * w->s.kw * w->s.c) * w->s.k);
  icn_launch_work(launch, icn_winograd_input_flop(w, m) + icn_winograd_product_flop(w) + icn_winograd_output_flop(w, m),
                  icn_problem_bytes(problem) + icn_weight_bytes(problem) * weights);
}

void icn_winograd_fused_emit(const icn_problem *problem, bool folded, const icn_device_desc *device, const icn_config *config,
                             icn_emit *emit) {
  const icn_winograd_sizes w = icn_winograd_fused_sizes(problem, folded, config->value[ICN_WINOGRAD_M]);
  const icn_params *p = &problem->params;
  const int64_t items = work_items(&w, device, config);
  icn_launch *launch = icn_emit_launch(emit, "winograd.cl", "winograd_fused");
  char fold[32] = "";
  if (folded) snprintf(fold, sizeof fold, " -D FOLD=%d", (int)w.s.c);
  icn_launch_options(launch, "-D WM=%d -D WR=%d -D WS=%d -D WDIM=%d -D MR=%d -D NV=%d -D VW=%d%s", (int)config->value[ICN_WINOGRAD_M], w.r,
                     w.stride, w.dims, (int)config->value[MR], (int)config->value[NV], (int)config->value[VW], fold);
  icn_launch_single_items(launch, items, 1, 1);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_X);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_optional(launch, problem, ICN_CONV_RESIDUAL);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_tensor(launch, ICN_OPERAND_SCRATCH);
  icn_launch_int8(launch, (const int64_t[8]){w.s.h, w.s.w, icn_view_pixel_stride(&problem->in[ICN_CONV_X]), w.s.c, p->pad_begin[0],
                                             p->pad_begin[1], w.down});
  icn_launch_int8(launch, (const int64_t[8]){w.s.oh, w.s.ow, icn_view_pixel_stride(&problem->out), w.s.k});
  icn_launch_int8(launch, (const int64_t[8]){w.tiles_y, w.tiles_x, w.tiles, config->value[BLOCK], config->value[SPLITS], panels(&w, config),
                                             slice_elems(&w, config)});
  icn_launch_int(launch, icn_problem_has(problem, ICN_CONV_RESIDUAL) ? icn_view_pixel_stride(&problem->in[ICN_CONV_RESIDUAL]) : 0);
  icn_launch_epilogue(launch, problem);
  count_work(problem, &w, config->value[ICN_WINOGRAD_M], launch);
  emit->scratch_bytes[0] = (uint64_t)(items * slice_elems(&w, config)) * sizeof(float);
}

/* ------------------------------------------------------------ rows whose pixels are as they are */

void icn_winograd_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_winograd_fused_configure(problem, false, device, config);
}

double icn_winograd_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  return icn_winograd_fused_cost(problem, false, device, config);
}

uint64_t icn_winograd_pack_bytes(const icn_problem *problem, const icn_config *config) {
  return icn_winograd_fused_pack_bytes(problem, false, config);
}

void icn_winograd_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  icn_winograd_fused_pack(problem, false, config, constants, packed);
}

icn_status icn_winograd_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                             icn_error *error) {
  (void)error;
  icn_winograd_fused_emit(problem, false, device, config, emit);
  return ICN_OK;
}
