#include "row_item_tile.h"

#include <string.h>

#include "cost.h"
#include "row_conv.h"
#include "row_gpu_split.h"
#include "row_support.h"

enum { GROUP = 64 };

/* Register tiles from the best use of what is loaded to the most items; what each reaches of the peak is a guess from others' reports. */
static const struct {
  int32_t pixels, columns;
  double efficiency;
} TILES[] = {{4, 2, 0.3}, {4, 1, 0.25}, {2, 1, 0.15}, {1, 1, 0.08}};
enum { TILE_COUNT = sizeof TILES / sizeof TILES[0], LARGEST_PIXELS = 4, UNIT_ITEMS = 256 };

static int64_t items(const icn_gpu_matrix *x, int64_t pixels, int64_t columns) {
  return x->groups * icn_div_up(x->rows, pixels) * icn_div_up(x->columns, 4 * columns);
}

/* Panels as wide as what fits, so that little is padded. */
static int64_t panel_of(const icn_gpu_matrix *x) {
  int64_t width = ICN_CONV_WIDEST_ITEM_PANEL;
  while (width > 8 && x->columns <= width / 2) width /= 2;
  return width;
}

bool icn_item_sizes_ok(const icn_gpu_matrix *x, icn_reason *why_not) {
  int64_t packed;
  if (!icn_mul_ok(x->depth + 1, x->groups * icn_round_up(x->columns, panel_of(x)), &packed) || packed > INT32_MAX)
    return icn_decline(why_not, "the packed weights do not fit 31 bits");
  if (x->rows > INT32_MAX - LARGEST_PIXELS * GROUP) return icn_decline(why_not, "%lld rows do not fit 31 bits", (long long)x->rows);
  return true;
}

void icn_item_choose_tile(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  int tile = device->local_is_real ? 0 : 1; /* a Mali, with 64 registers an item: 4 x 8 sums and what they are made of spill */
  while (tile + 1 < TILE_COUNT && items(x, TILES[tile].pixels, TILES[tile].columns) < (int64_t)device->compute_units * UNIT_ITEMS) tile++;
  memset(config, 0, sizeof *config);
  config->value[ICN_ITEM_PIXELS] = TILES[tile].pixels;
  config->value[ICN_ITEM_COLUMNS] = TILES[tile].columns;
  config->value[ICN_ITEM_PANEL] = (int32_t)panel_of(x); /* does not depend on the batch: executors of several share the weights */
  icn_split_choose(x, problem, device, (double)items(x, TILES[tile].pixels, TILES[tile].columns),
                   (double)device->compute_units * UNIT_ITEMS, icn_item_cost, config);
}

static double efficiency(const icn_config *config) {
  for (int t = 0; t < TILE_COUNT; t++) {
    if (TILES[t].pixels == config->value[ICN_ITEM_PIXELS] && TILES[t].columns == config->value[ICN_ITEM_COLUMNS])
      return TILES[t].efficiency;
  }
  return TILES[TILE_COUNT - 1].efficiency;
}

double icn_item_cost(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const int64_t pixels = config->value[ICN_ITEM_PIXELS], columns = config->value[ICN_ITEM_COLUMNS];
  const double count = (double)items(x, pixels, columns), flop = count * 2 * (double)(pixels * 4 * columns * x->depth);
  const double busy = icn_cost_utilisation(count * (double)icn_split_parts(config), (double)device->compute_units * GROUP);
  return icn_cost_on_target(device, ICN_TARGET_GPU, icn_split_seconds(x, problem, device, config, flop / busy, efficiency(config)));
}

int64_t icn_item_packed_elems(const icn_gpu_matrix *x, const icn_config *config) {
  return x->groups * icn_round_up(x->columns, config->value[ICN_ITEM_PANEL]) * (x->depth + 1);
}

void icn_item_range(icn_launch *launch, const icn_device_desc *device, const icn_gpu_matrix *x, const icn_config *config) {
  const int64_t pixels = config->value[ICN_ITEM_PIXELS], columns = config->value[ICN_ITEM_COLUMNS];
  icn_launch_options(launch, "-D PIXELS=%d -D COLUMNS=%d", (int)pixels, (int)columns);
  icn_launch_grid(launch, device, GROUP, true, icn_div_up(x->columns, 4 * columns), icn_div_up(x->rows, pixels), x->groups);
}
