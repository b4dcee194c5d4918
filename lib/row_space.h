/* What can be tuned of a kernel row (kernels/spaces.def): the configurations to try, and which ones from elsewhere are to be trusted. */
#ifndef ICN_LIB_ROW_SPACE_H
#define ICN_LIB_ROW_SPACE_H

#include "kernel.h"

/* How many configurations the row has for a problem that it applies to; fills *config with number `index` where that is below it (config
 * may be NULL). Rows that are not tuned have one, the one that they choose; in all others that one is the first. Some may be alike. */
size_t icn_row_space(const icn_row *row, const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config);
/* True when the row, which applies, computes the problem rightly and within the device's limits with `config`, whatever that holds. */
bool icn_row_takes(const icn_row *row, const icn_problem *problem, const icn_device_desc *device, const icn_config *config,
                   icn_reason *why_not);

#endif
