#include "row_gpu_tile.h"

#include <math.h>

#include "cost.h"
#include "device_family.h"
#include "quirks.h"
#include "row_gpu_split.h"
#include "row_support.h"

enum { PAD = 4, TALLEST = 64 }; /* elements behind a row of a tile, against bank conflicts; rows of the largest tile */

/* Tiles from the best use of what is loaded to the most groups, as others' tuning found them for large and for small products (CLBlast's
 * database, MNN). Every group has 64 items at least: a wave of any device. NVIDIA's local memory is slow beside its arithmetic: an item
 * that loads 12 numbers for 32 products asks less of it than one that loads 8 for 16. */
static const int32_t TILES[][3] = {{64, 64, 0}, {32, 64, 0}, {32, 32, 0}, {16, 64, 0}},
                     TALL[][3] = {{64, 128, 8}, {64, 64, 8}, {32, 64, 8}, {32, 32, 0}, {16, 64, 0}};
enum { TILE_COUNT = sizeof TILES / sizeof TILES[0], TALL_COUNT = sizeof TALL / sizeof TALL[0], SMALL_COUNT = 2 };

static int32_t item_rows(const icn_config *config) { return config->value[ICN_GPU_ROWS] == 8 ? 8 : 4; }

static icn_config config_of(const int32_t tile[3]) {
  const icn_config config = {{tile[0], tile[1], tile[2]}};
  return config;
}

bool icn_gpu_tile_fits(const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  const int32_t bm = config->value[ICN_GPU_BM], bn = config->value[ICN_GPU_BN];
  const uint64_t local = (uint64_t)ICN_GPU_DEPTH * (uint64_t)(bm + bn + 2 * PAD) * sizeof(float);
  return icn_group_ok(device, (uint64_t)bn / 4, (uint64_t)(bm / item_rows(config)), local, why_not);
}

bool icn_gpu_tile_ok(const icn_device_desc *device, icn_reason *why_not) {
  const icn_config small = config_of(TILES[TILE_COUNT - SMALL_COUNT]);
  return icn_gpu_tile_fits(device, &small, why_not);
}

bool icn_gpu_tile_pays(const icn_device_desc *device, icn_reason *why_not) {
  const icn_quirk *quirk = device->kind == ICN_DEVICE_GPU ? icn_quirk_of(device, ICN_AVOID_LOCAL_TILES) : NULL;
  return quirk == NULL || icn_decline(why_not, "quirk %s", quirk->name);
}

bool icn_gpu_sizes_ok(const icn_gpu_matrix *x, icn_reason *why_not) {
  int64_t packed;
  if (!icn_mul_ok(icn_round_up(x->depth, ICN_GPU_DEPTH) + 1, x->groups * icn_round_up(x->columns, ICN_GPU_WIDEST), &packed) ||
      packed > INT32_MAX)
    return icn_decline(why_not, "the packed weights do not fit 31 bits");
  if (x->rows > INT32_MAX - TALLEST) return icn_decline(why_not, "%lld rows do not fit 31 bits", (long long)x->rows);
  return true;
}

static double group_count(const icn_gpu_matrix *x, const icn_config *config) {
  return (double)icn_div_up(x->rows, config->value[ICN_GPU_BM]) * (double)icn_div_up(x->columns, config->value[ICN_GPU_BN]) *
         (double)x->groups;
}

/* Two groups for every compute unit, so that one computes while the other waits, and no half of a tile is surplus. */
static bool fills(const icn_gpu_matrix *x, const icn_device_desc *device, const icn_config *config) {
  return group_count(x, config) >= 2.0 * device->compute_units && x->columns > config->value[ICN_GPU_BN] / 2 &&
         x->rows > config->value[ICN_GPU_BM] / 2;
}

/* The small tiles, last of the list, are equally large: fewer groups are less surplus. */
static void choose(const icn_gpu_matrix *x, const icn_device_desc *device, const int32_t (*tiles)[3], int count, icn_config *config) {
  for (int t = 0; t < count; t++) {
    const icn_config candidate = config_of(tiles[t]);
    if (!icn_gpu_tile_fits(device, &candidate, NULL)) continue;
    const bool small = t >= count - SMALL_COUNT;
    if (small ? t > count - SMALL_COUNT && group_count(x, &candidate) >= group_count(x, config) : !fills(x, device, &candidate)) continue;
    *config = candidate;
    if (!small) return;
  }
}

void icn_gpu_choose_tile(const icn_gpu_matrix *x, const icn_device_desc *device, icn_config *config) {
  *config = config_of(TILES[TILE_COUNT - SMALL_COUNT]);
  choose(x, device, TILES, TILE_COUNT, config);
}

void icn_gpu_choose_split(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_gpu_choose_tile(x, device, config);
  if (icn_device_family_of(device) == ICN_FAMILY_NVIDIA) choose(x, device, TALL, TALL_COUNT, config);
  icn_split_choose(x, problem, device, group_count(x, config), 2.0 * device->compute_units, icn_gpu_tile_cost, config);
}

/* What a tile reaches of the peak, from the operations for each byte that it loads: half for 64 x 64, 0.35 for 32 x 32 (a guess from
 * others' reports), and no less for 16 x 64, of whose loads more are vectors of weights and fewer single pixels with a test each. */
static double efficiency(const icn_config *config) {
  const double bm = config->value[ICN_GPU_BM], bn = config->value[ICN_GPU_BN];
  return fmax(0.35, 0.5 * sqrt(bm * bn / (bm + bn) / 32));
}

double icn_gpu_tile_cost(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const double groups = group_count(x, config), area = (double)config->value[ICN_GPU_BM] * (double)config->value[ICN_GPU_BN];
  const double flop = 2 * groups * area * (double)icn_round_up(x->depth, ICN_GPU_DEPTH);
  const double busy = icn_cost_utilisation(groups * (double)icn_split_parts(config), device->compute_units);
  return icn_cost_on_target(device, ICN_TARGET_GPU, icn_split_seconds(x, problem, device, config, flop / busy, efficiency(config)));
}

int64_t icn_gpu_packed_elems(const icn_gpu_matrix *x, const icn_config *config) {
  return x->groups * icn_round_up(x->columns, config->value[ICN_GPU_BN]) * (icn_round_up(x->depth, ICN_GPU_DEPTH) + 1);
}

void icn_gpu_range(icn_launch *launch, const icn_gpu_matrix *x, const icn_config *config, bool pad_b) {
  const int64_t bm = config->value[ICN_GPU_BM], bn = config->value[ICN_GPU_BN], rows = item_rows(config);
  icn_launch_options(launch, "-D BM=%d -D BN=%d%s", (int)bm, (int)bn, rows == 8 ? " -D ROWS=8" : "");
  icn_launch_range(launch, 3, (size_t)(icn_div_up(x->columns, bn) * (bn / 4)), (size_t)(icn_div_up(x->rows, bm) * (bm / rows)),
                   (size_t)x->groups, (size_t)(bn / 4), (size_t)(bm / rows), 1);
  launch->local_bytes = (uint32_t)(ICN_GPU_DEPTH * (bm + PAD + bn + (pad_b ? PAD : 0))) * sizeof(float);
}
