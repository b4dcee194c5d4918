/* conv_tile: implicit GEMM for CPU devices on NHWC with packed weights (kernels/conv_tile.cl).
 * config: value[0] = MR pixels, value[1] = NV vectors, value[2] = VW lanes of a vector. */
#include <string.h>

#include "cost.h"
#include "row_conv.h"
#include "row_support.h"
#include "rows.h"

enum { MR = 0, NV = 1, VW = 2 };

/* Register tiles whose accumulators, weights and one broadcast fit the registers: 32 of 16 lanes, 16 of 8 or of 4. */
static const int32_t TILES[][3] = {{14, 2, 16}, {8, 3, 16}, {5, 5, 16}, {6, 2, 8}, {4, 3, 8}, {6, 2, 4}, {4, 3, 4}};
enum { TILE_COUNT = sizeof TILES / sizeof TILES[0], WIDEST_PANEL = 80, WIDEST_VECTOR = 16, TALLEST_TILE = 14 };

static int64_t panel_width(const icn_config *config) { return (int64_t)config->value[NV] * config->value[VW]; }
static int64_t panels(const icn_conv_sizes *s, const icn_config *config) { return icn_div_up(s->oc, panel_width(config)); }
static int64_t tiles(const icn_conv_sizes *s, const icn_config *config) { return icn_div_up(s->pixels, config->value[MR]); }

/* A panel of channels shares a window. */
static bool panel_ok(const icn_problem *problem, int tile) { return problem->turned % (TILES[tile][NV] * TILES[tile][VW]) == 0; }

/* Some tile for the device's vectors has panels that end where the window turns. */
static bool some_panel_ok(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  for (int t = 0; t < TILE_COUNT; t++)
    if (TILES[t][VW] == icn_cpu_vector(device) && panel_ok(problem, t)) return true;
  return icn_decline(why_not, "the window is turned from channel %d on, where no panel ends", (int)problem->turned);
}

/* Multiply-adds that the tiles do on `pixels` of output, surplus rows and lanes included. */
static double padded_work(const icn_problem *problem, int64_t pixels, const icn_config *config) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  double work = (double)s.groups * (double)icn_round_up(pixels, config->value[MR]) * (double)panels(&s, config) *
                (double)panel_width(config) * (double)(s.kh * s.kw * s.ic);
  /* Pixels 4 KiB (or a multiple) apart share the sets of a first-level cache: more rows than it has ways evict each other. */
  if (icn_view_pixel_stride(&problem->in[ICN_CONV_X]) % 1024 == 0 && config->value[MR] > 8) work *= 1.3;
  return work;
}

static void set_tile(icn_config *config, int tile) {
  memset(config, 0, sizeof *config);
  memcpy(config->value, TILES[tile], sizeof TILES[tile]);
}

bool icn_conv_tile_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!icn_conv_fits(problem, why_not) || !icn_conv_packable(problem, why_not) || !icn_conv_is_nhwc(problem, why_not) ||
      !icn_conv_linear_ok(problem, WIDEST_VECTOR, why_not) || !some_panel_ok(problem, device, why_not))
    return false;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  int64_t packed;
  if (!icn_mul_ok(s.kh * s.kw * s.ic + 1, s.groups * icn_div_up(s.oc, WIDEST_PANEL) * WIDEST_PANEL + s.groups * WIDEST_PANEL, &packed) ||
      packed > INT32_MAX)
    return icn_decline(why_not, "the packed weights do not fit 31 bits");
  if (s.pixels > INT32_MAX - TALLEST_TILE) return icn_decline(why_not, "%lld output pixels do not fit 31 bits", (long long)s.pixels);
  return true;
}

void icn_conv_tile_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  const int width = icn_cpu_vector(device);
  /* One image decides, so that every batch packs its weights alike and executors can share them. */
  const int64_t pixels = problem->out.shape.dim[2] * problem->out.shape.dim[3];
  double least = 0;
  for (int t = 0; t < TILE_COUNT; t++) {
    icn_config candidate;
    if (TILES[t][VW] != width || !panel_ok(problem, t)) continue;
    set_tile(&candidate, t);
    const double work = padded_work(problem, pixels, &candidate);
    if (least > 0 && work >= least * 0.99) continue; /* the first of a width is the usual one: fewer programs */
    least = work;
    *config = candidate;
  }
}

double icn_conv_tile_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const double flop = 2 * padded_work(problem, icn_conv_sizes_of(problem).pixels, config);
  return icn_cost_on_target(device, ICN_TARGET_CPU, icn_cost_of(device, flop, icn_problem_bytes(problem), 0.9, 1));
}

uint64_t icn_conv_tile_pack_bytes(const icn_problem *problem, const icn_config *config) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  return (uint64_t)(s.groups * panels(&s, config) * panel_width(config) * (s.kh * s.kw * s.ic + 1)) * sizeof(float);
}

void icn_conv_tile_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  icn_conv_pack_panels(problem, panel_width(config), s.kh * s.kw * s.ic, constants, packed);
}

/* Of a window's row, all taps of all channels lie one after the other in x: no gap between pixels, none of them outside the image. They are
 * one run for the inner loop, which with 3 channels would hardly begin before it ends. */
static bool rows_are_runs(const icn_problem *problem, const icn_conv_sizes *s) {
  const icn_params *p = &problem->params;
  return s->groups == 1 && problem->turned == 0 && p->dilation[1] == 1 && p->pad_begin[1] == 0 &&
         (s->ow - 1) * p->stride[1] + s->kw <= s->w && icn_view_pixel_stride(&problem->in[ICN_CONV_X]) == s->ic;
}

icn_status icn_conv_tile_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                              icn_error *error) {
  (void)error;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_params *p = &problem->params;
  const bool residual = icn_problem_has(problem, ICN_CONV_RESIDUAL), runs = rows_are_runs(problem, &s);
  const int64_t taps = runs ? 1 : s.kw, channels = runs ? s.kw * s.ic : s.ic; /* as the kernel sees a row of the window */
  icn_launch *launch = icn_emit_launch(emit, "conv_tile.cl", "conv_tile");
  icn_launch_options(launch, "-D MR=%d -D NV=%d -D VW=%d", (int)config->value[MR], (int)config->value[NV], (int)config->value[VW]);
  const double tile_bytes = 4.0 * (double)(config->value[MR] * p->stride[0] * p->stride[1] * s.ic);
  const double panel_bytes = icn_weight_bytes(problem) * (double)(panel_width(config) * s.kh * s.kw * s.ic);
  const int64_t block = icn_cpu_tile_block(device, tiles(&s, config), tile_bytes, panels(&s, config), panel_bytes);
  const int64_t blocks = icn_div_up(tiles(&s, config), block);
  icn_launch_single_items(launch, block, panels(&s, config), blocks * s.groups);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_X);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_optional(launch, problem, ICN_CONV_RESIDUAL);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_tensor(launch, ICN_OPERAND_ZEROS);
  icn_launch_int8(launch, (const int64_t[8]){s.h, s.w, icn_view_pixel_stride(&problem->in[ICN_CONV_X]), channels, blocks});
  icn_launch_int8(launch, (const int64_t[8]){s.pixels, s.oh, s.ow, icn_view_pixel_stride(&problem->out), s.oc, problem->epilogue.from,
                                             problem->turned});
  icn_launch_int8(
      launch, (const int64_t[8]){s.kh, taps, p->stride[0], p->stride[1], p->dilation[0], p->dilation[1], p->pad_begin[0], p->pad_begin[1]});
  icn_launch_int(launch, residual ? icn_view_pixel_stride(&problem->in[ICN_CONV_RESIDUAL]) : 0);
  icn_launch_epilogue(launch, problem);
  emit->zeros_elems = (uint64_t)channels;
  return ICN_OK;
}
