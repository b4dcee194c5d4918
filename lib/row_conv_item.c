/* conv_item: implicit GEMM on NHWC with packed weights, in registers alone, for GPUs whose local memory is ordinary memory (kernels/
 * conv_item.cl). config: value[0] = pixels an item, value[1] = vectors of 4 channels an item, value[2] = channels of a panel of weights. */
#include <string.h>

#include "cost.h"
#include "row_conv.h"
#include "row_support.h"
#include "rows.h"

enum { PIXELS = 0, COLUMNS = 1, PANEL = 2, GROUP = 64 };

/* Register tiles from the best use of what is loaded to the most items; what each reaches of the peak is a guess from others' reports. */
static const struct {
  int32_t pixels, columns;
  double efficiency;
} TILES[] = {{4, 2, 0.3}, {4, 1, 0.25}, {2, 1, 0.15}, {1, 1, 0.08}};
enum { TILE_COUNT = sizeof TILES / sizeof TILES[0], LARGEST_PIXELS = 4, UNIT_ITEMS = 256 };

static int64_t items(const icn_conv_sizes *s, int64_t pixels, int64_t columns) {
  return s->groups * icn_div_up(s->pixels, pixels) * icn_div_up(s->oc, 4 * columns);
}

/* Panels as wide as what fits, so that little is padded. */
static int64_t panel_of(const icn_conv_sizes *s) {
  int64_t width = ICN_CONV_WIDEST_PANEL;
  while (width > 8 && s->oc <= width / 2) width /= 2;
  return width;
}

bool icn_conv_item_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  if (!icn_conv_fits(problem, why_not) || !icn_conv_packable(problem, why_not) || !icn_conv_is_nhwc(problem, why_not)) return false;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  int64_t packed;
  if (!icn_mul_ok(s.kh * s.kw * s.ic + 1, s.groups * icn_round_up(s.oc, panel_of(&s)), &packed) || packed > INT32_MAX)
    return icn_decline(why_not, "the packed weights do not fit 31 bits");
  if (s.pixels > INT32_MAX - LARGEST_PIXELS * GROUP)
    return icn_decline(why_not, "%lld output pixels do not fit 31 bits", (long long)s.pixels);
  return true;
}

void icn_conv_item_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  int tile = 0;
  while (tile + 1 < TILE_COUNT && items(&s, TILES[tile].pixels, TILES[tile].columns) < (int64_t)device->compute_units * UNIT_ITEMS) tile++;
  memset(config, 0, sizeof *config);
  config->value[PIXELS] = TILES[tile].pixels;
  config->value[COLUMNS] = TILES[tile].columns;
  config->value[PANEL] = (int32_t)panel_of(&s); /* does not depend on the batch: executors of several share the weights */
}

static double efficiency(const icn_config *config) {
  for (int t = 0; t < TILE_COUNT; t++) {
    if (TILES[t].pixels == config->value[PIXELS] && TILES[t].columns == config->value[COLUMNS]) return TILES[t].efficiency;
  }
  return TILES[TILE_COUNT - 1].efficiency;
}

double icn_conv_item_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const int64_t pixels = config->value[PIXELS], columns = config->value[COLUMNS];
  const double count = (double)items(&s, pixels, columns), flop = count * 2 * (double)(pixels * 4 * columns * s.kh * s.kw * s.ic);
  const double busy = icn_cost_utilisation(count, (double)device->compute_units * GROUP);
  return icn_cost_on_target(device, ICN_TARGET_GPU, icn_cost_of(device, flop / busy, icn_problem_bytes(problem), efficiency(config), 1));
}

uint64_t icn_conv_item_pack_bytes(const icn_problem *problem, const icn_config *config) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  return (uint64_t)(s.groups * icn_round_up(s.oc, config->value[PANEL]) * (s.kh * s.kw * s.ic + 1)) * sizeof(float);
}

void icn_conv_item_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  icn_conv_pack_panels(problem, config->value[PANEL], s.kh * s.kw * s.ic, constants, packed);
}

icn_status icn_conv_item_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                              icn_error *error) {
  (void)error;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_params *p = &problem->params;
  const bool residual = icn_problem_has(problem, ICN_CONV_RESIDUAL);
  const int64_t pixels = config->value[PIXELS], columns = config->value[COLUMNS];
  icn_launch *launch = icn_emit_launch(emit, "conv_item.cl", "conv_item");
  icn_launch_options(launch, "-D PIXELS=%d -D COLUMNS=%d -D PANEL=%d", (int)pixels, (int)columns, (int)config->value[PANEL]);
  icn_launch_grid(launch, device, GROUP, true, icn_div_up(s.oc, 4 * columns), icn_div_up(s.pixels, pixels), s.groups);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_X);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_optional(launch, problem, ICN_CONV_RESIDUAL);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_tensor(launch, ICN_OPERAND_ZEROS);
  icn_launch_int8(launch, (const int64_t[8]){s.h, s.w, icn_view_pixel_stride(&problem->in[ICN_CONV_X]), s.ic});
  icn_launch_int8(launch, (const int64_t[8]){s.pixels, s.oh, s.ow, icn_view_pixel_stride(&problem->out), s.oc});
  icn_launch_int8(
      launch, (const int64_t[8]){s.kh, s.kw, p->stride[0], p->stride[1], p->dilation[0], p->dilation[1], p->pad_begin[0], p->pad_begin[1]});
  icn_launch_int(launch, residual ? icn_view_pixel_stride(&problem->in[ICN_CONV_RESIDUAL]) : 0);
  icn_launch_epilogue(launch, problem);
  emit->zeros_elems = (uint64_t)s.ic;
  return ICN_OK;
}
