/* The functions of every kernel row, declared from kernels/kernels.def, so that a row's definition is checked against its type. */
#ifndef ICN_LIB_ROWS_H
#define ICN_LIB_ROWS_H

#include "kernel.h"

typedef bool icn_applies_fn(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not);
typedef void icn_configure_fn(const icn_problem *problem, const icn_device_desc *device, icn_config *config);
typedef double icn_cost_fn(const icn_problem *problem, const icn_device_desc *device, const icn_config *config);
typedef uint64_t icn_pack_bytes_fn(const icn_problem *problem, const icn_config *config);
typedef void icn_pack_fn(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed);
typedef icn_status icn_emit_fn(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                               icn_error *error);

/* Rows name these where they have nothing to configure or to pack. icn_none_pack* exist by name only: the table holds NULL there. */
icn_configure_fn icn_none_configure;

#define ICN_ROW(name, op, target, file, applies, configure, cost, pack_bytes, pack, emit, tolerance) \
  icn_applies_fn applies;                                                                            \
  icn_configure_fn configure;                                                                        \
  icn_cost_fn cost;                                                                                  \
  icn_pack_bytes_fn pack_bytes;                                                                      \
  icn_pack_fn pack;                                                                                  \
  icn_emit_fn emit;
#include "kernels/kernels.def"
#undef ICN_ROW

#endif
