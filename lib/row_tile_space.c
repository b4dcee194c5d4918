/* The configurations of the rows with register tiles on CPU devices: conv_tile, and the matrix products with the same parameters. */
#include <string.h>

#include "row_conv.h"
#include "row_spaces.h"
#include "row_support.h"

enum { MR = 0, NV = 1, VW = 2, PARAMETERS = 3 };

/* Rows and vectors whose accumulators, weights and one broadcast fit 32 registers, or 16. None is taller or wider than the rows' own checks
 * of their sizes reckon with (14 rows, 80 columns). */
static const int32_t OF_32[][2] = {{14, 2}, {12, 2}, {10, 2}, {8, 2}, {9, 3}, {8, 3}, {6, 3}, {4, 3}, {14, 1}, {7, 2}, {5, 5}};
static const int32_t OF_16[][2] = {{6, 2}, {5, 2}, {4, 2}, {4, 3}, {3, 3}, {2, 3}, {12, 1}, {8, 1}};
enum { COUNT_32 = sizeof OF_32 / sizeof OF_32[0], COUNT_16 = sizeof OF_16 / sizeof OF_16[0] };

static size_t tiles(const icn_device_desc *device, const int32_t (**tile)[2]) {
  const bool wide = icn_cpu_vector(device) == 16; /* machines with vectors of 16 lanes have 32 registers */
  *tile = wide ? OF_32 : OF_16;
  return wide ? COUNT_32 : COUNT_16;
}

static size_t tile_space(const icn_device_desc *device, size_t index, icn_config *config) {
  const int32_t(*tile)[2];
  const size_t count = tiles(device, &tile);
  if (index >= count || config == NULL) return count;
  memset(config, 0, sizeof *config);
  config->value[MR] = tile[index][0];
  config->value[NV] = tile[index][1];
  config->value[VW] = icn_cpu_vector(device);
  return count;
}

static bool tile_valid(const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  const int32_t(*tile)[2];
  const size_t count = tiles(device, &tile);
  if (!icn_config_ends(config, PARAMETERS, why_not)) return false;
  if (config->value[VW] != icn_cpu_vector(device))
    return icn_decline(why_not, "vectors of %d lanes, the device's have %d", (int)config->value[VW], icn_cpu_vector(device));
  for (size_t i = 0; i < count; i++)
    if (tile[i][0] == config->value[MR] && tile[i][1] == config->value[NV]) return true;
  return icn_decline(why_not, "there is no tile of %d rows and %d vectors", (int)config->value[MR], (int)config->value[NV]);
}

bool icn_conv_tile_valid(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  return tile_valid(device, config, why_not) && icn_conv_turned_ok(problem, (int64_t)config->value[NV] * config->value[VW], why_not);
}

size_t icn_conv_tile_space(const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config) {
  const size_t all = tile_space(device, 0, NULL);
  size_t count = 0;
  for (size_t i = 0; i < all; i++) {
    icn_config candidate;
    (void)tile_space(device, i, &candidate);
    if (!icn_conv_tile_valid(problem, device, &candidate, NULL)) continue;
    if (count++ == index && config != NULL) *config = candidate;
  }
  return count;
}

size_t icn_matmul_tile_space(const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config) {
  (void)problem;
  return tile_space(device, index, config);
}

bool icn_matmul_tile_valid(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  (void)problem;
  return tile_valid(device, config, why_not);
}
