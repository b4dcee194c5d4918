/* Products for GPUs whose depth is split among work-groups: where the rows and columns alone do not fill a device, each of 2, 4 or 8 parts
 * sums its share of the depth into scratch, and a second launch (kernels/sum_parts.cl) adds the parts in their order. */
#ifndef ICN_LIB_ROW_GPU_SPLIT_H
#define ICN_LIB_ROW_GPU_SPLIT_H

#include "row_gpu_tile.h"

/* config->value[ICN_SPLIT]: parts of the depth; 0 and 1: it is whole (0 is how rows write it). The rows of row_gpu_tile.h and of
 * row_item_tile.h have it at the same place, behind what the Winograd rows take over from them: their many points fill a device. */
enum { ICN_SPLIT = 3 };

int64_t icn_split_parts(const icn_config *config);
/* 1, 2, 4 or 8 parts, none of them empty (the depth has `steps` steps), whose sums fit 31 bits. */
bool icn_split_valid(const icn_gpu_matrix *x, int64_t steps, const icn_config *config, icn_reason *why_not);
/* Splits where that is expected to be cheaper, once `units` work-groups (or items) are fewer than `enough`: until they are enough, and as
 * long as each part keeps a depth that is worth a launch. */
typedef double icn_split_cost_fn(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device,
                                 const icn_config *config);
void icn_split_choose(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device, double units, double enough,
                      icn_split_cost_fn *cost, icn_config *config);
/* Expected seconds of the product and, if it is split, of adding the parts. */
double icn_split_seconds(const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device, const icn_config *config,
                         double flop, double efficiency);
/* Makes of the last launch, which multiplies the whole depth with the arguments of conv_gpu.cl or conv_item.cl, what `config` says: nothing
 * if it is whole, else a launch that writes parts and one that adds them. Panels of packed weights are `width` wide, `depth` deep. */
void icn_split_emit(icn_emit *emit, const icn_gpu_matrix *x, const icn_problem *problem, const icn_device_desc *device,
                    const icn_config *config, int64_t width, int64_t depth);

#endif
