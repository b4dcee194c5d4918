/* The functions that kernels/spaces.def names, declared so that a row's definition is checked against its type. */
#ifndef ICN_LIB_ROW_SPACES_H
#define ICN_LIB_ROW_SPACES_H

#include "row_space.h"

/* A space counts what it offers beside the row's own choice. */
typedef size_t icn_space_fn(const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config);
typedef bool icn_valid_fn(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_reason *why_not);
#define ICN_SPACE(name, space, valid) \
  icn_space_fn space;                 \
  icn_valid_fn valid;
#include "kernels/spaces.def"
#undef ICN_SPACE

/* Values from `used` on, which a row does not have, are 0. */
bool icn_config_ends(const icn_config *config, int used, icn_reason *why_not);

#endif
