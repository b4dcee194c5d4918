/* The configurations of the rows for GPUs: tiles in local memory (conv_gpu, matmul_gpu, matmul_packed_gpu) and in registers alone
 * (conv_item, matmul_item). */
#include <string.h>

#include "row_conv.h"
#include "row_gpu_split.h"
#include "row_item_tile.h"
#include "row_matmul.h"
#include "row_spaces.h"
#include "row_support.h"

static const int32_t SPLITS[] = {0, 2, 4, 8};
enum { SPLIT_COUNT = sizeof SPLITS / sizeof SPLITS[0], WORTH_A_PART = 64 };

/* Deep enough that another launch may pay: what is less is right, but not worth a try. */
static bool worth_splitting(const icn_gpu_matrix *x, int32_t parts) { return parts == 0 || x->depth / parts >= WORTH_A_PART; }

static icn_gpu_matrix conv_matrix(const icn_problem *problem) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  return (icn_gpu_matrix){s.pixels, s.oc, s.kh * s.kw * s.ic, s.groups};
}

static icn_gpu_matrix product_matrix(const icn_problem *problem) {
  icn_matmul_sizes s = icn_matmul_inner(problem);
  icn_matmul_collapse(problem, &s, NULL);
  return (icn_gpu_matrix){s.m, s.n, s.k, s.batch};
}

/* ------------------------------------------------------------ local memory */

/* Rows and columns of a group, rows of an item. */
static const int32_t TILES[][3] = {{64, 64, 0},  {32, 32, 0},  {64, 32, 0},  {32, 64, 0}, {16, 64, 0}, {16, 32, 0}, {16, 128, 0},
                                   {32, 128, 0}, {64, 128, 0}, {64, 128, 8}, {64, 64, 8}, {32, 64, 8}, {32, 128, 8}};
enum { TILE_COUNT = sizeof TILES / sizeof TILES[0], TILE_PARAMETERS = 2, GPU_PARAMETERS = ICN_SPLIT + 1 };

static bool tile_valid(const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  for (int i = 0; i < TILE_COUNT; i++)
    if (memcmp(TILES[i], config->value, sizeof TILES[i]) == 0) return icn_gpu_tile_fits(device, config, why_not);
  const int32_t rows = config->value[ICN_GPU_ROWS];
  return icn_decline(why_not, "there are no tiles of %d x %d%s", (int)config->value[ICN_GPU_BM], (int)config->value[ICN_GPU_BN],
                     rows == 0   ? ""
                     : rows == 8 ? " with items of 8 rows"
                                 : " with such items");
}

static bool gpu_valid(const icn_gpu_matrix *x, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  return icn_config_ends(config, GPU_PARAMETERS, why_not) && tile_valid(device, config, why_not) &&
         icn_split_valid(x, icn_div_up(x->depth, ICN_GPU_DEPTH), config, why_not);
}

/* Not twice as many rows or columns as there are, and a depth that is worth its parts: all else is right, but no use. */
static bool worth_trying(const icn_gpu_matrix *x, const icn_config *config) {
  const int32_t bm = config->value[ICN_GPU_BM], bn = config->value[ICN_GPU_BN];
  return (bm == 16 || x->rows > bm / 2) && (bn == 32 || x->columns > bn / 2) && worth_splitting(x, config->value[ICN_SPLIT]);
}

static size_t gpu_space(const icn_gpu_matrix *x, const icn_device_desc *device, bool splits, size_t index, icn_config *config) {
  size_t count = 0;
  for (int i = 0; i < TILE_COUNT * (splits ? SPLIT_COUNT : 1); i++) {
    icn_config candidate;
    memset(&candidate, 0, sizeof candidate);
    memcpy(candidate.value, TILES[i % TILE_COUNT], sizeof TILES[0]);
    candidate.value[ICN_SPLIT] = SPLITS[i / TILE_COUNT];
    if (!worth_trying(x, &candidate) || !gpu_valid(x, device, &candidate, NULL)) continue;
    if (!splits && candidate.value[ICN_GPU_ROWS] != 0) continue;
    if (count++ == index && config != NULL) *config = candidate;
  }
  return count;
}

size_t icn_conv_gpu_space(const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config) {
  const icn_gpu_matrix x = conv_matrix(problem);
  return gpu_space(&x, device, true, index, config);
}

bool icn_conv_gpu_valid(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  const icn_gpu_matrix x = conv_matrix(problem);
  return gpu_valid(&x, device, config, why_not);
}

size_t icn_matmul_packed_gpu_space(const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config) {
  const icn_gpu_matrix x = product_matrix(problem);
  return gpu_space(&x, device, true, index, config);
}

bool icn_matmul_packed_gpu_valid(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  const icn_gpu_matrix x = product_matrix(problem);
  return gpu_valid(&x, device, config, why_not);
}

size_t icn_matmul_gpu_space(const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config) {
  const icn_gpu_matrix x = product_matrix(problem);
  return gpu_space(&x, device, false, index, config);
}

bool icn_matmul_gpu_valid(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  (void)problem;
  return icn_config_ends(config, TILE_PARAMETERS, why_not) && tile_valid(device, config, why_not);
}

/* --------------------------------------------------------- registers alone */

static const int32_t PIXELS[] = {4, 2, 1}, COLUMNS[] = {2, 1}, PANELS[] = {64, 32, 16, 8};
enum {
  PIXEL_COUNT = sizeof PIXELS / sizeof PIXELS[0],
  COLUMN_COUNT = sizeof COLUMNS / sizeof COLUMNS[0],
  PANEL_COUNT = sizeof PANELS / sizeof PANELS[0],
  ITEM_PARAMETERS = ICN_SPLIT + 1,
  ITEM_STEP = 4 /* channels that an item loads at once */
};
_Static_assert((int)ICN_CONV_WIDEST_ITEM_PANEL == 64, "PANELS begins with the widest");

static bool one_of(int32_t value, const int32_t *list, int count) {
  for (int i = 0; i < count; i++)
    if (list[i] == value) return true;
  return false;
}

static bool item_valid(const icn_gpu_matrix *x, const icn_config *config, icn_reason *why_not) {
  const int32_t pixels = config->value[ICN_ITEM_PIXELS], columns = config->value[ICN_ITEM_COLUMNS], panel = config->value[ICN_ITEM_PANEL];
  int64_t packed;
  if (!icn_config_ends(config, ITEM_PARAMETERS, why_not)) return false;
  if (!one_of(pixels, PIXELS, PIXEL_COUNT) || !one_of(columns, COLUMNS, COLUMN_COUNT) || !one_of(panel, PANELS, PANEL_COUNT))
    return icn_decline(why_not, "there are no tiles of %d pixels and %d vectors with panels of %d", (int)pixels, (int)columns, (int)panel);
  if (!icn_mul_ok(x->depth + 1, x->groups * icn_round_up(x->columns, panel), &packed) || packed > INT32_MAX)
    return icn_decline(why_not, "the weights in panels of %d do not fit 31 bits", (int)panel);
  return icn_split_valid(x, icn_div_up(x->depth, ITEM_STEP), config, why_not);
}

/* The parts of one tile. A depth in parts is for problems that do not fill a device: only panels of the usual width. */
static size_t add_splits(const icn_gpu_matrix *x, icn_config *candidate, bool splits, size_t count, size_t index, icn_config *config) {
  for (int s = 0; s < (splits ? SPLIT_COUNT : 1); s++) {
    candidate->value[ICN_SPLIT] = SPLITS[s];
    if (!worth_splitting(x, SPLITS[s]) || !item_valid(x, candidate, NULL)) continue;
    if (count++ == index && config != NULL) *config = *candidate;
  }
  return count;
}

/* Panels change what is read together, not what is padded: the narrowest that holds all columns, and the widest. */
static size_t item_space(const icn_gpu_matrix *x, size_t index, icn_config *config) {
  int32_t narrow = PANELS[0];
  for (int i = 1; i < PANEL_COUNT && x->columns <= PANELS[i]; i++) narrow = PANELS[i];
  size_t count = 0;
  for (int i = 0; i < PIXEL_COUNT * COLUMN_COUNT * 2; i++) {
    icn_config candidate;
    memset(&candidate, 0, sizeof candidate);
    candidate.value[ICN_ITEM_PIXELS] = PIXELS[i / 2 / COLUMN_COUNT];
    candidate.value[ICN_ITEM_COLUMNS] = COLUMNS[i / 2 % COLUMN_COUNT];
    candidate.value[ICN_ITEM_PANEL] = i % 2 == 0 ? narrow : 16;
    if (i % 2 == 1 && narrow == 16) continue;
    count = add_splits(x, &candidate, i % 2 == 0, count, index, config);
  }
  return count;
}

size_t icn_conv_item_space(const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config) {
  (void)device;
  const icn_gpu_matrix x = conv_matrix(problem);
  return item_space(&x, index, config);
}

bool icn_conv_item_valid(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  (void)device;
  const icn_gpu_matrix x = conv_matrix(problem);
  return item_valid(&x, config, why_not);
}

size_t icn_matmul_item_space(const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config) {
  (void)device;
  const icn_gpu_matrix x = product_matrix(problem);
  return item_space(&x, index, config);
}

bool icn_matmul_item_valid(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  (void)device;
  const icn_gpu_matrix x = product_matrix(problem);
  return item_valid(&x, config, why_not);
}
