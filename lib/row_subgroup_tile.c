#include "row_subgroup_tile.h"

#include <string.h>

#include "cost.h"
#include "quirks.h"
#include "row_conv.h"
#include "row_support.h"
#include "rows.h"

/* What tiles of so many pixels and columns of the sub-group reach of the peak, a guess from others' reports: an activation serves all of a
 * line's columns, a line of weights all pixels. From the best use of what is loaded to the most sub-groups. */
static const struct {
  int32_t pixels, columns;
  double efficiency;
} TILES[] = {{8, 32, 0.55}, {16, 16, 0.5}, {4, 64, 0.45}, {8, 16, 0.42}, {4, 32, 0.38}, {8, 8, 0.3},
             {4, 16, 0.28}, {4, 8, 0.18},  {2, 16, 0.16}, {2, 8, 0.1},   {1, 16, 0.09}, {1, 8, 0.05}};
enum {
  TILE_COUNT = sizeof TILES / sizeof TILES[0],
  MOST_COLUMNS = 4,
  MOST_DEPTH = 2,
  UNIT_SUBGROUPS = 4, /* of a compute unit, that one loads while another multiplies: half of what an Intel unit holds */
  SINGLE_LINES = 4    /* a line whose activations all lanes read costs as much as so many of those that they share */
};
static const int32_t LANES[] = {16, 8};
enum { LANE_COUNT = sizeof LANES / sizeof LANES[0], MOST_LANES = 16, LEAST_LANES = 8 };

static bool has_lanes(const icn_device_desc *device, int32_t lanes) {
  const bool known = lanes == MOST_LANES || lanes == LEAST_LANES;
  return known && (device->subgroup_sizes & (uint32_t)lanes) != 0 && icn_group_ok(device, (uint64_t)lanes, 1, 0, NULL);
}

bool icn_subgroup_device_ok(const icn_device_desc *device, icn_reason *why_not) {
  const icn_quirk *quirk = icn_quirk_of(device, ICN_AVOID_SUB_GROUPS);
  if (quirk != NULL) return icn_decline(why_not, "quirk %s", quirk->name);
  if (!device->has_subgroups) return icn_decline(why_not, "the device has no sub-groups");
  /* cl_khr_subgroups alone belongs to OpenCL C 2.0, and leaves the size to the compiler. */
  if (!icn_device_desc_has_extension(device, "cl_intel_subgroups") ||
      !icn_device_desc_has_extension(device, "cl_intel_required_subgroup_size"))
    return icn_decline(why_not, "the size of its sub-groups cannot be required (cl_intel_required_subgroup_size)");
  for (int i = 0; i < LANE_COUNT; i++)
    if (has_lanes(device, LANES[i])) return true;
  return icn_decline(why_not, "it is not known to have sub-groups of 8 or 16 items");
}

bool icn_row_device_ok(const icn_row *row, const icn_device_desc *device, icn_reason *why_not) {
  const bool by_subgroups = row->applies == icn_conv_subgroup_applies || row->applies == icn_matmul_subgroup_applies;
  return !by_subgroups || icn_subgroup_device_ok(device, why_not);
}

int64_t icn_subgroup_panel(const icn_config *config) {
  return (int64_t)config->value[ICN_SUBGROUP_LANES] * config->value[ICN_SUBGROUP_COLUMNS];
}

bool icn_subgroup_sizes_ok(const icn_subgroup_product *p, icn_reason *why_not) {
  int64_t packed;
  if (!icn_mul_ok(p->x.depth + 1, p->x.groups * icn_round_up(p->x.columns, MOST_LANES * MOST_COLUMNS), &packed) || packed > INT32_MAX)
    return icn_decline(why_not, "the packed weights do not fit 31 bits");
  if (p->x.rows > INT32_MAX - MOST_LANES) return icn_decline(why_not, "%lld rows do not fit 31 bits", (long long)p->x.rows);
  return true;
}

static bool is_power(int32_t value, int32_t most) { return value >= 1 && value <= most && (value & (value - 1)) == 0; }

/* Sums, activations, four lines of weights: Intel's compiler has 1024 floats for a sub-group, and spills above some 700 of these. */
static bool fits_registers(int32_t pixels, int32_t columns, int32_t lanes, int32_t depth) {
  return lanes * (pixels * (columns + depth) + 4 * columns) <= 640;
}

bool icn_subgroup_tile_ok(const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  const int32_t pixels = config->value[ICN_SUBGROUP_PIXELS], columns = config->value[ICN_SUBGROUP_COLUMNS],
                lanes = config->value[ICN_SUBGROUP_LANES], depth = config->value[ICN_SUBGROUP_DEPTH];
  if (!has_lanes(device, lanes)) return icn_decline(why_not, "there are no sub-groups of %d items", (int)lanes);
  /* Each lane keeps the books of one pixel at most. */
  if (!is_power(pixels, lanes) || !is_power(columns, MOST_COLUMNS) || !is_power(depth, MOST_DEPTH))
    return icn_decline(why_not, "there are no tiles of %d pixels and %d columns a lane, %d deep", (int)pixels, (int)columns, (int)depth);
  if (!fits_registers(pixels, columns, lanes, depth))
    return icn_decline(why_not, "%d pixels and %d columns a lane, %d deep, are more than registers hold", (int)pixels, (int)columns,
                       (int)depth);
  return true;
}

static double count(const icn_subgroup_product *p, const icn_config *config) {
  return (double)(p->x.groups * icn_div_up(p->x.rows, config->value[ICN_SUBGROUP_PIXELS]) *
                  icn_div_up(p->x.columns, icn_subgroup_panel(config)));
}

static double efficiency(const icn_config *config) {
  for (int t = 0; t < TILE_COUNT; t++) {
    if (TILES[t].pixels == config->value[ICN_SUBGROUP_PIXELS] && TILES[t].columns == icn_subgroup_panel(config)) return TILES[t].efficiency;
  }
  return TILES[TILE_COUNT - 1].efficiency;
}

double icn_subgroup_cost(const icn_subgroup_product *p, const icn_problem *problem, const icn_device_desc *device,
                         const icn_config *config) {
  const int64_t pixels = config->value[ICN_SUBGROUP_PIXELS], lanes = config->value[ICN_SUBGROUP_LANES];
  const int64_t single = p->run % (lanes * config->value[ICN_SUBGROUP_DEPTH]), runs = p->x.depth / p->run;
  const double lines = (double)(runs * (p->run - single + SINGLE_LINES * single)), subgroups = count(p, config);
  const double flop = subgroups * 2 * (double)(pixels * icn_subgroup_panel(config)) * lines;
  const double busy = icn_cost_utilisation(subgroups, (double)device->compute_units * UNIT_SUBGROUPS);
  const double reached = efficiency(config) * (lanes == MOST_LANES ? 1 : 0.9); /* half the products for each instruction */
  return icn_cost_on_target(device, ICN_TARGET_GPU, icn_cost_of(device, flop / busy, icn_problem_bytes(problem), reached, 1));
}

void icn_subgroup_choose_tile(const icn_subgroup_product *p, const icn_problem *problem, const icn_device_desc *device,
                              icn_config *config) {
  double least = -1;
  for (int i = 0; i < LANE_COUNT * TILE_COUNT; i++) {
    icn_config candidate;
    memset(&candidate, 0, sizeof candidate);
    candidate.value[ICN_SUBGROUP_PIXELS] = TILES[i % TILE_COUNT].pixels;
    candidate.value[ICN_SUBGROUP_COLUMNS] = TILES[i % TILE_COUNT].columns / LANES[i / TILE_COUNT]; /* 0 is no tile */
    candidate.value[ICN_SUBGROUP_LANES] = LANES[i / TILE_COUNT];
    candidate.value[ICN_SUBGROUP_DEPTH] = 1;
    if (!icn_subgroup_tile_ok(device, &candidate, NULL)) continue;
    const double seconds = icn_subgroup_cost(p, problem, device, &candidate);
    if (least >= 0 && seconds >= least) continue;
    least = seconds;
    *config = candidate;
  }
}

int64_t icn_subgroup_packed_elems(const icn_subgroup_product *p, const icn_config *config) {
  return p->x.groups * icn_round_up(p->x.columns, icn_subgroup_panel(config)) * (p->x.depth + 1);
}

void icn_subgroup_range(icn_launch *launch, const icn_subgroup_product *p, const icn_config *config) {
  const int64_t pixels = config->value[ICN_SUBGROUP_PIXELS], lanes = config->value[ICN_SUBGROUP_LANES];
  icn_launch_options(launch, "-D PIXELS=%d -D COLUMNS=%d -D LANES=%d -D DEPTH=%d", (int)pixels, (int)config->value[ICN_SUBGROUP_COLUMNS],
                     (int)lanes, (int)config->value[ICN_SUBGROUP_DEPTH]);
  icn_launch_range(launch, 3, (size_t)(icn_div_up(p->x.columns, icn_subgroup_panel(config)) * lanes), (size_t)icn_div_up(p->x.rows, pixels),
                   (size_t)p->x.groups, (size_t)lanes, 1, 1);
}
