/* What the rows that multiply through local memory share (conv_gpu.cl, matmul_gpu.cl): a group computes BM x BN elements, an item 4 x 4 or
 * (conv_gpu.cl alone) 8 x 4 of them. */
#ifndef ICN_LIB_ROW_GPU_TILE_H
#define ICN_LIB_ROW_GPU_TILE_H

#include "kernel.h"

/* config->value[ICN_GPU_BM], [ICN_GPU_BN]: rows and columns of a group's tile; [ICN_GPU_ROWS]: rows of an item, 8 or, as 0, 4; both kernels
 * step through the depth by ICN_GPU_DEPTH. */
enum { ICN_GPU_BM = 0, ICN_GPU_BN = 1, ICN_GPU_ROWS = 2, ICN_GPU_DEPTH = 16, ICN_GPU_WIDEST = 128 };

/* The product that a problem is: rows x columns, `depth` deep, `groups` times. */
typedef struct icn_gpu_matrix {
  int64_t rows, columns, depth, groups;
} icn_gpu_matrix;

/* The device has work-groups and local memory for the tiles of a configuration; for those that every such row can fall back to. */
bool icn_gpu_tile_fits(const icn_device_desc *device, const icn_config *config, icn_reason *why_not);
bool icn_gpu_tile_ok(const icn_device_desc *device, icn_reason *why_not);
/* False (declines) where the device is better served by the rows in registers alone (row_item_tile.h), which take the same problems. */
bool icn_gpu_tile_pays(const icn_device_desc *device, icn_reason *why_not);
/* Rows, and weights packed in panels, fit 31 bits. */
bool icn_gpu_sizes_ok(const icn_gpu_matrix *x, icn_reason *why_not);
/* The largest tile whose groups fill the device, else a small one; items of 4 rows. */
void icn_gpu_choose_tile(const icn_gpu_matrix *x, const icn_device_desc *device, icn_config *config);
/* The same for conv_gpu.cl, whose items may have 8 rows, and which can split the depth (row_gpu_split.h). */
void icn_gpu_choose_split(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device, icn_config *config);
double icn_gpu_tile_cost(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device, const icn_config *config);
/* Elements of weights and biases packed in panels of BN columns, the depth padded to a multiple of ICN_GPU_DEPTH. */
int64_t icn_gpu_packed_elems(const icn_gpu_matrix *x, const icn_config *config);
/* Sets -D BM, -D BN and, where it is 8, -D ROWS, the range (columns, rows, groups) and the local memory: the tile of a has padded rows,
 * that of b where `pad_b` is. */
void icn_gpu_range(icn_launch *launch, const icn_gpu_matrix *x, const icn_config *config, bool pad_b);

#endif
