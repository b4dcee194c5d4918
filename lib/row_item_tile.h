/* What the rows that multiply in registers alone share (conv_item.cl): an item computes PIXELS rows x 4 * COLUMNS columns. */
#ifndef ICN_LIB_ROW_ITEM_TILE_H
#define ICN_LIB_ROW_ITEM_TILE_H

#include "row_gpu_tile.h"

/* config->value[ICN_ITEM_PIXELS]: rows of an item; [ICN_ITEM_COLUMNS]: its vectors of 4 columns; [ICN_ITEM_PANEL]: columns of a panel of
 * packed weights; [ICN_SPLIT]: row_gpu_split.h. */
enum { ICN_ITEM_PIXELS = 0, ICN_ITEM_COLUMNS = 1, ICN_ITEM_PANEL = 2 };

/* Rows, and weights packed in panels, fit 31 bits. */
bool icn_item_sizes_ok(const icn_gpu_matrix *x, icn_reason *why_not);
/* The largest tile whose items fill the device, else the smallest and, where that is cheaper, a depth in parts. */
void icn_item_choose_tile(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device, icn_config *config);
double icn_item_cost(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device, const icn_config *config);
/* Elements of weights and biases packed in panels. */
int64_t icn_item_packed_elems(const icn_gpu_matrix *x, const icn_config *config);
/* Sets the options and the range: columns, rows, groups. */
void icn_item_range(icn_launch *launch, const icn_device_desc *device, const icn_gpu_matrix *x, const icn_config *config);

#endif
