/* The configurations of the Winograd rows (row_winograd.c says what each value is). */
#include <string.h>

#include "row_conv.h"
#include "row_spaces.h"
#include "row_support.h"
#include "winograd.h"

enum { TILE_M = 0, MR = 1, NV = 2, VW = 3, BLOCK = 4, SPLITS = 5, PARAMETERS = 6 };

static const int32_t OUTPUTS[] = {4, 6, 2, 3};
/* Register tiles for 32 registers, and for 16. */
static const int32_t OF_32[][2] = {{14, 2}, {9, 3}, {6, 4}, {4, 6}}, OF_16[][2] = {{6, 2}, {4, 3}};
static const int32_t BLOCKS[] = {8, 24, 56};
enum {
  OUTPUT_COUNT = sizeof OUTPUTS / sizeof OUTPUTS[0],
  COUNT_32 = sizeof OF_32 / sizeof OF_32[0],
  COUNT_16 = sizeof OF_16 / sizeof OF_16[0],
  BLOCK_COUNT = sizeof BLOCKS / sizeof BLOCKS[0],
  SPLIT_COUNT = 2,
  MOST_BLOCK = 64,
  MOST_POINTS_A_SIDE = 8 /* in two dimensions, for the error's sake */
};

static size_t register_tiles(const icn_device_desc *device, const int32_t (**tile)[2]) {
  const bool wide = icn_cpu_vector(device) == 16;
  *tile = wide ? OF_32 : OF_16;
  return wide ? COUNT_32 : COUNT_16;
}

typedef struct extent {
  int64_t points, tiles, panels;
} extent;

static extent extent_of(const icn_conv_sizes *s, const icn_config *config) {
  const int64_t m = config->value[TILE_M], n = m + icn_max64(s->kh, s->kw) - 1;
  const bool both = s->kh > 1 && s->kw > 1;
  const int64_t down = s->kh > 1 ? icn_div_up(s->oh, m) : s->oh, across = s->kw > 1 ? icn_div_up(s->ow, m) : s->ow;
  return (extent){both ? n * n : n, s->n * down * across, icn_div_up(s->k, (int64_t)config->value[NV] * config->value[VW])};
}

static bool tile_valid(const icn_conv_sizes *s, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  const int32_t(*tile)[2];
  const size_t tiles = register_tiles(device, &tile);
  const int32_t m = config->value[TILE_M];
  bool known = false;
  for (int i = 0; i < OUTPUT_COUNT; i++) known = known || OUTPUTS[i] == m;
  if (!known) return icn_decline(why_not, "there is no F(%d, r)", (int)m);
  if (s->kh > 1 && s->kw > 1 && m + s->kh - 1 > MOST_POINTS_A_SIDE)
    return icn_decline(why_not, "F(%dx%d, %dx%d) is too inaccurate", (int)m, (int)m, (int)s->kh, (int)s->kh);
  if (config->value[VW] != icn_cpu_vector(device))
    return icn_decline(why_not, "vectors of %d lanes, the device's have %d", (int)config->value[VW], icn_cpu_vector(device));
  for (size_t i = 0; i < tiles; i++)
    if (tile[i][0] == config->value[MR] && tile[i][1] == config->value[NV]) return true;
  return icn_decline(why_not, "there is no tile of %d rows and %d vectors", (int)config->value[MR], (int)config->value[NV]);
}

bool icn_winograd_valid(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  if (!icn_config_ends(config, PARAMETERS, why_not) || !tile_valid(&s, device, config, why_not)) return false;
  const int32_t block = config->value[BLOCK], splits = config->value[SPLITS];
  const extent e = extent_of(&s, config);
  if (block < config->value[MR] || block > MOST_BLOCK) /* a register tile has no room in less */
    return icn_decline(why_not, "blocks of %d tiles, from %d to %d are possible", (int)block, (int)config->value[MR], MOST_BLOCK);
  if (splits < 1 || splits > e.panels) return icn_decline(why_not, "%d splits of %lld panels", (int)splits, (long long)e.panels);
  int64_t work;
  if (!icn_mul_ok(icn_div_up(e.tiles, block), splits, &work) || work > INT32_MAX)
    return icn_decline(why_not, "blocks times splits do not fit 31 bits");
  return true;
}

/* All tiles, each with small, middling and large blocks, and with the output channels whole and split among the cores. */
size_t icn_winograd_space(const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const int32_t(*tile)[2];
  const size_t tiles = register_tiles(device, &tile);
  size_t count = 0;
  for (size_t i = 0; i < OUTPUT_COUNT * tiles * BLOCK_COUNT * SPLIT_COUNT; i++) {
    icn_config candidate;
    memset(&candidate, 0, sizeof candidate);
    const int32_t *registers = tile[i / SPLIT_COUNT / BLOCK_COUNT % tiles];
    candidate.value[TILE_M] = OUTPUTS[i / SPLIT_COUNT / BLOCK_COUNT / tiles];
    candidate.value[MR] = registers[0];
    candidate.value[NV] = registers[1];
    candidate.value[VW] = icn_cpu_vector(device);
    const int32_t wanted = BLOCKS[i / SPLIT_COUNT % BLOCK_COUNT];
    const extent e = extent_of(&s, &candidate);
    candidate.value[BLOCK] = (int32_t)icn_min64(icn_round_up(wanted, registers[0]), MOST_BLOCK / registers[0] * registers[0]);
    candidate.value[SPLITS] = i % SPLIT_COUNT == 0 ? 1 : (int32_t)icn_min64(e.panels, icn_max64(device->compute_units, 1));
    const bool again = (i % SPLIT_COUNT > 0 && candidate.value[SPLITS] == 1) ||
                       (i / SPLIT_COUNT % BLOCK_COUNT > 0 && BLOCKS[i / SPLIT_COUNT % BLOCK_COUNT - 1] >= e.tiles);
    if (again || !icn_winograd_valid(problem, device, &candidate, NULL)) continue;
    if (count++ == index && config != NULL) *config = candidate;
  }
  return count;
}
