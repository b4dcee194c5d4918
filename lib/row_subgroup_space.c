/* The configurations of the rows by sub-groups (conv_subgroup, matmul_subgroup). */
#include <string.h>

#include "row_conv.h"
#include "row_matmul.h"
#include "row_spaces.h"
#include "row_subgroup_tile.h"
#include "row_support.h"

static const int32_t PIXELS[] = {16, 8, 4, 2, 1}, COLUMNS[] = {4, 2, 1}, LANES[] = {16, 8}, DEPTH[] = {1, 2};
enum {
  PIXEL_COUNT = sizeof PIXELS / sizeof PIXELS[0],
  COLUMN_COUNT = sizeof COLUMNS / sizeof COLUMNS[0],
  LANE_COUNT = sizeof LANES / sizeof LANES[0],
  DEPTH_COUNT = sizeof DEPTH / sizeof DEPTH[0],
  ALL = PIXEL_COUNT * COLUMN_COUNT * LANE_COUNT * DEPTH_COUNT
};

static icn_config number(int i) {
  icn_config config;
  memset(&config, 0, sizeof config);
  config.value[ICN_SUBGROUP_PIXELS] = PIXELS[i % PIXEL_COUNT];
  config.value[ICN_SUBGROUP_COLUMNS] = COLUMNS[i / PIXEL_COUNT % COLUMN_COUNT];
  config.value[ICN_SUBGROUP_LANES] = LANES[i / PIXEL_COUNT / COLUMN_COUNT % LANE_COUNT];
  config.value[ICN_SUBGROUP_DEPTH] = DEPTH[i / PIXEL_COUNT / COLUMN_COUNT / LANE_COUNT];
  return config;
}

/* Not worth trying: twice the rows or columns that there are; elements loaded in pairs where a run does not end with a pair. */
static bool is_worth_it(const icn_subgroup_product *p, const icn_config *config) {
  const int64_t panel = icn_subgroup_panel(config), pixels = config->value[ICN_SUBGROUP_PIXELS];
  const int64_t depth = config->value[ICN_SUBGROUP_DEPTH], lanes = config->value[ICN_SUBGROUP_LANES];
  if (panel > lanes && panel >= 2 * p->x.columns) return false;
  if (pixels >= 2 * p->x.rows) return false;
  return depth == 1 || p->run % (depth * lanes) == 0;
}

static size_t space(const icn_subgroup_product *p, const icn_device_desc *device, size_t index, icn_config *config) {
  size_t count = 0;
  for (int i = 0; i < ALL; i++) {
    const icn_config candidate = number(i);
    if (!icn_subgroup_tile_ok(device, &candidate, NULL) || !is_worth_it(p, &candidate)) continue;
    if (count++ == index && config != NULL) *config = candidate;
  }
  return count;
}

/* The widest panels fit 31 bits: the row applies. */
static bool valid(const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  return icn_config_ends(config, ICN_SUBGROUP_PARAMETERS, why_not) && icn_subgroup_tile_ok(device, config, why_not);
}

size_t icn_conv_subgroup_space(const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_subgroup_product p = {{s.pixels, s.oc, s.kh * s.kw * s.ic, s.groups}, s.ic};
  return space(&p, device, index, config);
}

bool icn_conv_subgroup_valid(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  (void)problem;
  return valid(device, config, why_not);
}

size_t icn_matmul_subgroup_space(const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config) {
  icn_matmul_sizes s = icn_matmul_inner(problem);
  icn_matmul_collapse(problem, &s, NULL);
  const icn_subgroup_product p = {{s.m, s.n, s.k, s.batch}, s.k};
  return space(&p, device, index, config);
}

bool icn_matmul_subgroup_valid(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  (void)problem;
  return valid(device, config, why_not);
}
