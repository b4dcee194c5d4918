/* What the rows that multiply by sub-groups share (conv_subgroup.cl): LANES items compute PIXELS rows x LANES * COLUMNS columns. */
#ifndef ICN_LIB_ROW_SUBGROUP_TILE_H
#define ICN_LIB_ROW_SUBGROUP_TILE_H

#include "row_gpu_tile.h"

/* config->value[ICN_SUBGROUP_PIXELS]: rows of a sub-group, no more than its lanes; [ICN_SUBGROUP_COLUMNS]: columns of a lane;
 * [ICN_SUBGROUP_LANES]: items of a sub-group; [ICN_SUBGROUP_DEPTH]: elements of a row that a lane loads at once. */
enum { ICN_SUBGROUP_PIXELS = 0, ICN_SUBGROUP_COLUMNS = 1, ICN_SUBGROUP_LANES = 2, ICN_SUBGROUP_DEPTH = 3, ICN_SUBGROUP_PARAMETERS = 4 };

/* The product that a problem is, its depth in runs of `run` adjacent elements: a convolution's input channels, a matrix's columns. */
typedef struct icn_subgroup_product {
  icn_gpu_matrix x;
  int64_t run;
} icn_subgroup_product;

/* Kernels can require sub-groups of a size that the rows know, and work-groups may have so many items. */
bool icn_subgroup_device_ok(const icn_device_desc *device, icn_reason *why_not);
/* Rows, and weights packed in the widest panels, fit 31 bits. */
bool icn_subgroup_sizes_ok(const icn_subgroup_product *p, icn_reason *why_not);
/* The tile exists, the device has its sub-groups, and what a lane holds stays in registers. */
bool icn_subgroup_tile_ok(const icn_device_desc *device, const icn_config *config, icn_reason *why_not);
/* The tile of the least cost. */
void icn_subgroup_choose_tile(const icn_subgroup_product *p, const icn_problem *problem, const icn_device_desc *device, icn_config *config);
double icn_subgroup_cost(const icn_subgroup_product *p, const icn_problem *problem, const icn_device_desc *device,
                         const icn_config *config);
/* Columns of a panel of packed weights; elements of weights and biases packed in panels. */
int64_t icn_subgroup_panel(const icn_config *config);
int64_t icn_subgroup_packed_elems(const icn_subgroup_product *p, const icn_config *config);
/* Sets the options and the range: columns, rows, groups. */
void icn_subgroup_range(icn_launch *launch, const icn_subgroup_product *p, const icn_config *config);

#endif
