/* The configurations of the Winograd rows (row_winograd.c and row_winograd_split.c say what each value is). */
#include <string.h>

#include "row_gpu_split.h"
#include "row_spaces.h"
#include "row_support.h"
#include "row_winograd.h"

static bool is_m(int32_t m) {
  for (const int32_t *known = icn_winograd_ms; *known != 0; known++)
    if (*known == m) return true;
  return false;
}

/* The problem has tiles of m outputs, with `most_side` points along a side in two dimensions. */
static bool m_valid(const icn_problem *problem, bool folded, int32_t m, int most_side, icn_reason *why_not) {
  if (!is_m(m)) return icn_decline(why_not, "there is no F(%d, r)", (int)m);
  const icn_winograd_sizes w = icn_winograd_fused_sizes(problem, folded, m);
  if (icn_winograd_tile_ok(&w, m) && (w.dims == 1 || w.n <= most_side)) return true;
  return icn_decline(why_not, "F(%d, %d) is too inaccurate, or too large for an item's registers", (int)m, w.r);
}

/* ------------------------------------------------------------- one launch */

enum { MR = 1, NV = 2, VW = 3, BLOCK = 4, SPLITS = 5, FUSED_PARAMETERS = 6, MOST_BLOCK = 64 };

/* Register tiles for 32 registers, and for 16. */
static const int32_t OF_32[][2] = {{14, 2}, {13, 2}, {9, 3}, {8, 3}, {6, 4}}, OF_16[][2] = {{6, 2}, {4, 3}};
static const int32_t BLOCKS[] = {8, 24, 56};
enum {
  COUNT_32 = sizeof OF_32 / sizeof OF_32[0],
  COUNT_16 = sizeof OF_16 / sizeof OF_16[0],
  BLOCK_COUNT = sizeof BLOCKS / sizeof BLOCKS[0],
  SPLIT_COUNT = 2
};

static size_t register_tiles(const icn_device_desc *device, const int32_t (**tile)[2]) {
  const bool wide = icn_cpu_vector(device) == 16;
  *tile = wide ? OF_32 : OF_16;
  return wide ? COUNT_32 : COUNT_16;
}

static bool registers_valid(const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  const int32_t(*tile)[2];
  const size_t tiles = register_tiles(device, &tile);
  if (config->value[VW] != icn_cpu_vector(device))
    return icn_decline(why_not, "vectors of %d lanes, the device's have %d", (int)config->value[VW], icn_cpu_vector(device));
  for (size_t i = 0; i < tiles; i++)
    if (tile[i][0] == config->value[MR] && tile[i][1] == config->value[NV]) return true;
  return icn_decline(why_not, "there is no tile of %d rows and %d vectors", (int)config->value[MR], (int)config->value[NV]);
}

/* What remains once m is known to be good, which takes longer to see. */
static bool cut_valid(const icn_problem *problem, const icn_config *config, icn_reason *why_not) {
  const int32_t block = config->value[BLOCK], splits = config->value[SPLITS];
  const icn_winograd_sizes w = icn_winograd_sizes_of(problem, config->value[ICN_WINOGRAD_M]);
  const int64_t panels = icn_div_up(w.s.k, (int64_t)config->value[NV] * config->value[VW]);
  int64_t work;
  if (block < config->value[MR] || block > MOST_BLOCK) /* a register tile has no room in less */
    return icn_decline(why_not, "blocks of %d tiles, from %d to %d are possible", (int)block, (int)config->value[MR], MOST_BLOCK);
  if (splits < 1 || splits > panels) return icn_decline(why_not, "%d splits of %lld panels", (int)splits, (long long)panels);
  if (!icn_mul_ok(icn_div_up(w.tiles, block), splits, &work) || work > INT32_MAX)
    return icn_decline(why_not, "blocks times splits do not fit 31 bits");
  return true;
}

static bool fused_valid(const icn_problem *problem, bool folded, const icn_device_desc *device, const icn_config *config,
                        icn_reason *why_not) {
  return icn_config_ends(config, FUSED_PARAMETERS, why_not) &&
         m_valid(problem, folded, config->value[ICN_WINOGRAD_M], ICN_WINOGRAD_MAX_N, why_not) && registers_valid(device, config, why_not) &&
         cut_valid(problem, config, why_not);
}

/* The cuts of one m and register tile: small, middling and large blocks, the output channels whole and split among the cores. */
static size_t add_cuts(const icn_problem *problem, const icn_device_desc *device, icn_config *candidate, size_t count, size_t index,
                       icn_config *config) {
  const icn_winograd_sizes w = icn_winograd_sizes_of(problem, candidate->value[ICN_WINOGRAD_M]);
  const int32_t rows = candidate->value[MR];
  const int64_t panels = icn_div_up(w.s.k, (int64_t)candidate->value[NV] * candidate->value[VW]);
  const int64_t cores = icn_min64(panels, icn_max64(device->compute_units, 1));
  for (int b = 0; b < BLOCK_COUNT && (b == 0 || BLOCKS[b - 1] < w.tiles); b++)
    for (int split = 0; split < SPLIT_COUNT && (split == 0 || cores > 1); split++) {
      candidate->value[BLOCK] = (int32_t)icn_min64(icn_round_up(BLOCKS[b], rows), MOST_BLOCK / rows * rows);
      candidate->value[SPLITS] = split == 0 ? 1 : (int32_t)cores;
      if (!cut_valid(problem, candidate, NULL)) continue;
      if (count++ == index && config != NULL) *config = *candidate;
    }
  return count;
}

static size_t fused_space(const icn_problem *problem, bool folded, const icn_device_desc *device, size_t index, icn_config *config) {
  const int32_t(*tile)[2];
  const size_t tiles = register_tiles(device, &tile);
  size_t count = 0;
  for (const int32_t *m = icn_winograd_ms; *m != 0; m++) {
    if (!m_valid(problem, folded, *m, ICN_WINOGRAD_MAX_N, NULL)) continue;
    for (size_t t = 0; t < tiles; t++) {
      icn_config candidate = {{*m, tile[t][0], tile[t][1], icn_cpu_vector(device)}};
      count = add_cuts(problem, device, &candidate, count, index, config);
    }
  }
  return count;
}

#define FUSED_SPACE(name, folded)                                                                                               \
  size_t name##_space(const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config) {            \
    return fused_space(problem, folded, device, index, config);                                                                 \
  }                                                                                                                             \
  bool name##_valid(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) { \
    return fused_valid(problem, folded, device, config, why_not);                                                               \
  }

FUSED_SPACE(icn_winograd, false)
FUSED_SPACE(icn_winograd_s2d, true)

/* ----------------------------------------------------------- three launches */

enum { PRODUCT = 1, PRODUCT_VALUES = 3, TRANSFORM_VW = 4, SPLIT_PARAMETERS = 5 };
_Static_assert((int)PRODUCT_VALUES == (int)ICN_SPLIT, "the products of Winograd rows are whole: what splits them is not taken over");

/* The space of the row that multiplies, and what an item of a transform can hold, as row_winograd_split.c has it. */
typedef struct product_space {
  icn_space_fn *space;
  icn_valid_fn *valid;
  int most_side;
  bool cpu;
} product_space;

static const product_space TILE = {icn_conv_tile_space, icn_conv_tile_valid, 11, true};
static const product_space GPU = {icn_conv_gpu_space, icn_conv_gpu_valid, 7, false};
static const product_space ITEM = {icn_conv_item_space, icn_conv_item_valid, 7, false};

static bool split_valid(const product_space *row, const icn_problem *problem, const icn_device_desc *device, const icn_config *config,
                        icn_reason *why_not) {
  const int32_t lanes = config->value[TRANSFORM_VW];
  icn_config inner = {{0}};
  if (!icn_config_ends(config, SPLIT_PARAMETERS, why_not) ||
      !m_valid(problem, false, config->value[ICN_WINOGRAD_M], row->most_side, why_not))
    return false;
  if (row->cpu ? lanes != icn_cpu_vector(device) : lanes != 1 && lanes != 4)
    return icn_decline(why_not, "transforms with vectors of %d lanes", (int)lanes);
  const icn_winograd_sizes w = icn_winograd_sizes_of(problem, config->value[ICN_WINOGRAD_M]);
  const icn_problem product = icn_winograd_product(&w);
  memcpy(inner.value, config->value + PRODUCT, PRODUCT_VALUES * sizeof inner.value[0]);
  return row->valid(&product, device, &inner, why_not);
}

static size_t split_space(const product_space *row, const icn_problem *problem, const icn_device_desc *device, size_t index,
                          icn_config *config) {
  size_t count = 0;
  for (const int32_t *m = icn_winograd_ms; *m != 0; m++) {
    if (!m_valid(problem, false, *m, row->most_side, NULL)) continue;
    const icn_winograd_sizes w = icn_winograd_sizes_of(problem, *m);
    const icn_problem product = icn_winograd_product(&w);
    const size_t products = row->space(&product, device, 0, NULL);
    for (size_t i = 0; i < products; i++) {
      icn_config inner = {{0}}, candidate = {{*m}};
      (void)row->space(&product, device, i, &inner);
      if (!icn_config_ends(&inner, PRODUCT_VALUES, NULL)) continue; /* a depth in parts: the points fill a device as they are */
      memcpy(candidate.value + PRODUCT, inner.value, PRODUCT_VALUES * sizeof inner.value[0]);
      candidate.value[TRANSFORM_VW] = row->cpu ? icn_cpu_vector(device) : w.dims == 2 ? 1 : 4;
      if (row->valid(&product, device, &inner, NULL) && count++ == index && config != NULL) *config = candidate;
    }
  }
  return count;
}

#define SPLIT_SPACE(name, row)                                                                                                      \
  size_t icn_winograd_##name##_space(const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config) { \
    return split_space(&(row), problem, device, index, config);                                                                     \
  }                                                                                                                                 \
  bool icn_winograd_##name##_valid(const icn_problem *problem, const icn_device_desc *device, const icn_config *config,             \
                                   icn_reason *why_not) {                                                                           \
    return split_valid(&(row), problem, device, config, why_not);                                                                   \
  }

SPLIT_SPACE(split, TILE)
SPLIT_SPACE(gpu, GPU)
SPLIT_SPACE(item, ITEM)
