#include "row_gpu_tile.h"

#include <string.h>

#include "cost.h"
#include "quirks.h"
#include "row_gpu_split.h"
#include "row_support.h"

enum { PAD = 4 }; /* elements behind a row of a tile, against bank conflicts */

bool icn_gpu_tile_ok(const icn_device_desc *device, int size, icn_reason *why_not) {
  const uint64_t side = (uint64_t)size / 4, local = (uint64_t)ICN_GPU_DEPTH * 2 * (uint64_t)(size + PAD) * sizeof(float);
  return icn_group_ok(device, side, side, local, why_not);
}

bool icn_gpu_tile_pays(const icn_device_desc *device, icn_reason *why_not) {
  const icn_quirk *quirk = device->kind == ICN_DEVICE_GPU ? icn_quirk_of(device, ICN_AVOID_LOCAL_TILES) : NULL;
  return quirk == NULL || icn_decline(why_not, "quirk %s", quirk->name);
}

bool icn_gpu_sizes_ok(const icn_gpu_matrix *x, icn_reason *why_not) {
  int64_t packed;
  if (!icn_mul_ok(icn_round_up(x->depth, ICN_GPU_DEPTH) + 1, x->groups * icn_round_up(x->columns, ICN_GPU_LARGE), &packed) ||
      packed > INT32_MAX)
    return icn_decline(why_not, "the packed weights do not fit 31 bits");
  if (x->rows > INT32_MAX - ICN_GPU_LARGE) return icn_decline(why_not, "%lld rows do not fit 31 bits", (long long)x->rows);
  return true;
}

static double group_count(const icn_gpu_matrix *x, int size) {
  return (double)icn_div_up(x->rows, size) * (double)icn_div_up(x->columns, size) * (double)x->groups;
}

void icn_gpu_choose_tile(const icn_gpu_matrix *x, const icn_device_desc *device, icn_config *config) {
  const bool fills = group_count(x, ICN_GPU_LARGE) >= 2.0 * device->compute_units && x->columns > ICN_GPU_SMALL;
  const bool large = fills && icn_gpu_tile_ok(device, ICN_GPU_LARGE, NULL);
  memset(config, 0, sizeof *config);
  config->value[ICN_GPU_BM] = config->value[ICN_GPU_BN] = large ? ICN_GPU_LARGE : ICN_GPU_SMALL;
}

void icn_gpu_choose_split(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_gpu_choose_tile(x, device, config);
  icn_split_choose(x, problem, device, group_count(x, config->value[ICN_GPU_BM]), 2.0 * device->compute_units, icn_gpu_tile_cost, config);
}

double icn_gpu_tile_cost(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const int size = config->value[ICN_GPU_BM];
  const double groups = group_count(x, size), flop = 2 * groups * size * size * (double)icn_round_up(x->depth, ICN_GPU_DEPTH);
  const double busy = icn_cost_utilisation(groups * (double)icn_split_parts(config), device->compute_units);
  const double efficiency = size == ICN_GPU_LARGE ? 0.5 : 0.35;
  return icn_cost_on_target(device, ICN_TARGET_GPU, icn_split_seconds(x, problem, device, config, flop / busy, efficiency));
}

int64_t icn_gpu_packed_elems(const icn_gpu_matrix *x, const icn_config *config) {
  return x->groups * icn_round_up(x->columns, config->value[ICN_GPU_BN]) * (icn_round_up(x->depth, ICN_GPU_DEPTH) + 1);
}

void icn_gpu_range(icn_launch *launch, const icn_gpu_matrix *x, const icn_config *config, bool pad_b) {
  const int64_t bm = config->value[ICN_GPU_BM], bn = config->value[ICN_GPU_BN];
  icn_launch_options(launch, "-D BM=%d -D BN=%d", (int)bm, (int)bn);
  icn_launch_range(launch, 3, (size_t)(icn_div_up(x->columns, bn) * (bn / 4)), (size_t)(icn_div_up(x->rows, bm) * (bm / 4)),
                   (size_t)x->groups, (size_t)(bn / 4), (size_t)(bm / 4), 1);
  launch->local_bytes = (uint32_t)(ICN_GPU_DEPTH * (bm + PAD + bn + (pad_b ? PAD : 0))) * sizeof(float);
}
