/* Matrix products for CPU devices. matmul_packed: b constant, packed in panels (fully connected layers); it is a 1x1 convolution over m
 * pixels and runs the kernel of conv_tile. matmul_tile: b in place (kernels/matmul_tile.cl).
 * config: value[0] = MR rows, value[1] = NV vectors, value[2] = VW lanes of a vector. */
#include <string.h>

#include "cost.h"
#include "row_conv.h"
#include "row_matmul.h"
#include "row_support.h"
#include "rows.h"

enum { MR = 0, NV = 1, VW = 2, TALLEST_TILE = 14 };

/* conv_tile's shapes, so that a network's fully connected layer needs no program of its own: the low and wide one where there are few rows
 * (reading b is then what takes the time, not the surplus rows), else the usual one. */
static void choose_tile(const icn_device_desc *device, int64_t rows, icn_config *config) {
  const int width = icn_cpu_vector(device);
  const bool few = rows <= 8;
  memset(config, 0, sizeof *config);
  config->value[MR] = width == 16 ? (few ? 8 : 14) : (few ? 4 : 6);
  config->value[NV] = few ? 3 : 2;
  config->value[VW] = width;
}

static int64_t panel_width(const icn_config *config) { return (int64_t)config->value[NV] * config->value[VW]; }

static double tile_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, double efficiency) {
  icn_matmul_sizes s;
  if (!icn_matmul_collapse(problem, &s, NULL)) return 1e9;
  const double work =
      (double)s.batch * (double)icn_round_up(s.m, config->value[MR]) * (double)icn_round_up(s.n, panel_width(config)) * (double)s.k;
  return icn_cost_on_target(device, ICN_TARGET_CPU, icn_cost_of(device, 2 * work, icn_problem_bytes(problem), efficiency, 1));
}

/* ------------------------------------------------------------ matmul_packed */

bool icn_matmul_packed_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  if (!icn_matmul_packable(problem, why_not)) return false;
  icn_matmul_sizes s;
  icn_matmul_collapse(problem, &s, NULL);
  enum { WIDEST_PANEL = 80 };
  int64_t packed;
  if (!icn_mul_ok(s.k + 1, s.n + WIDEST_PANEL, &packed) || packed > INT32_MAX || s.m > INT32_MAX - TALLEST_TILE)
    return icn_decline(why_not, "the packed second input does not fit 31 bits");
  return true;
}

void icn_matmul_packed_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_matmul_sizes s;
  choose_tile(device, icn_matmul_collapse(problem, &s, NULL) ? s.m : 1, config);
}

double icn_matmul_packed_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  return tile_cost(problem, device, config, 0.9);
}

uint64_t icn_matmul_packed_pack_bytes(const icn_problem *problem, const icn_config *config) {
  const icn_matmul_sizes s = icn_matmul_inner(problem);
  return (uint64_t)(icn_round_up(s.n, panel_width(config)) * (s.k + 1)) * sizeof(float);
}

/* What conv_tile reads with a 1x1 window. */
void icn_matmul_packed_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  icn_matmul_pack_panels(problem, panel_width(config), icn_matmul_inner(problem).k, constants, packed);
}

icn_status icn_matmul_packed_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                  icn_error *error) {
  icn_status status = ICN_OK;
  icn_matmul_sizes s;
  ICN_REQUIRE(icn_matmul_collapse(problem, &s, NULL), ICN_UNSUPPORTED, "matmul_packed: the leading dimensions do not collapse");
  const int64_t row = s.m > 1 ? s.a_m : s.k;
  icn_launch *launch = icn_emit_launch(emit, "conv_tile.cl", "conv_tile");
  icn_launch_options(launch, "-D MR=%d -D NV=%d -D VW=%d", (int)config->value[MR], (int)config->value[NV], (int)config->value[VW]);
  const int64_t tiles = icn_div_up(s.m, config->value[MR]), panels = icn_div_up(s.n, panel_width(config));
  const int64_t block = icn_cpu_tile_block(device, tiles, 4.0 * (double)(config->value[MR] * s.k), panels,
                                           icn_weight_bytes(problem) * (double)(panel_width(config) * s.k));
  icn_launch_single_items(launch, block, panels, icn_div_up(tiles, block));
  icn_launch_tensor(launch, ICN_OPERAND_IN + 0);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_tensor(launch, icn_matmul_c_is_residual(problem) ? ICN_OPERAND_IN + 2 : ICN_OPERAND_IN + 0);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_tensor(launch, ICN_OPERAND_ZEROS);
  icn_launch_int8(launch, (const int64_t[8]){1, s.m, row, s.k, icn_div_up(tiles, block)});
  icn_launch_int8(launch, (const int64_t[8]){s.m, 1, s.m, s.m > 1 ? s.y_m : s.n, s.n});
  icn_launch_int8(launch, (const int64_t[8]){1, 1, 1, 1, 1, 1, 0, 0});
  icn_launch_int(launch, icn_matmul_c_is_residual(problem) ? (s.m > 1 ? s.c_m : s.n) : 0);
  icn_launch_epilogue(launch, problem);
  emit->zeros_elems = (uint64_t)s.k;
done:
  return status;
}

/* ------------------------------------------------------------ matmul_tile */

bool icn_matmul_tile_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  icn_matmul_sizes s;
  if (!icn_matmul_collapse(problem, &s, why_not)) return false;
  if (s.n > 1 && s.b_n != 1) return icn_decline(why_not, "the second input has no adjacent columns");
  if (s.n > 1 && s.y_n != 1) return icn_decline(why_not, "the output has no adjacent columns");
  if (s.m > INT32_MAX - TALLEST_TILE) return icn_decline(why_not, "%lld rows do not fit 31 bits", (long long)s.m);
  return true;
}

void icn_matmul_tile_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_matmul_sizes s;
  choose_tile(device, icn_matmul_collapse(problem, &s, NULL) ? s.m : 1, config);
}

double icn_matmul_tile_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  return tile_cost(problem, device, config, 0.6);
}

icn_status icn_matmul_tile_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                icn_error *error) {
  (void)device;
  icn_status status = ICN_OK;
  icn_matmul_sizes s;
  ICN_REQUIRE(icn_matmul_collapse(problem, &s, NULL), ICN_UNSUPPORTED, "matmul_tile: the leading dimensions do not collapse");
  icn_launch *launch = icn_emit_launch(emit, "matmul_tile.cl", "matmul_tile");
  icn_launch_options(launch, "-D MR=%d -D NV=%d -D VW=%d", (int)config->value[MR], (int)config->value[NV], (int)config->value[VW]);
  icn_launch_single_items(launch, icn_div_up(s.m, config->value[MR]), icn_div_up(s.n, panel_width(config)), s.batch);
  icn_launch_tensor(launch, ICN_OPERAND_IN + 0);
  icn_launch_tensor(launch, ICN_OPERAND_IN + 1);
  icn_launch_optional(launch, problem, 2);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int8(launch, (const int64_t[8]){s.m, s.n, s.k});
  icn_launch_int8(launch, (const int64_t[8]){s.a_m, s.a_k, s.a_batch});
  icn_launch_int8(launch, (const int64_t[8]){s.b_k, s.b_batch});
  icn_launch_int8(launch, (const int64_t[8]){s.y_m, s.y_batch});
  icn_launch_int8(launch, (const int64_t[8]){s.c_m, s.c_n, s.c_batch, icn_problem_has(problem, 2)});
  icn_launch_float(launch, problem->params.alpha);
  icn_launch_float(launch, problem->params.beta);
  icn_launch_epilogue(launch, problem);
done:
  return status;
}
