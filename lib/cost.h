/* What a row's cost() is made of: the rates of a device, the roofline of a problem. Seconds; only their order matters. */
#ifndef ICN_LIB_COST_H
#define ICN_LIB_COST_H

#include "kernel.h"

/* Peak fp32 FLOP/s (a multiply-add is 2) and bytes/s of main memory: as measured, else guessed from kind, compute units, vector width. */
double icn_cost_flop_per_second(const icn_device_desc *device);
double icn_cost_bytes_per_second(const icn_device_desc *device);
/* Fixed seconds of one launch. */
double icn_cost_launch_seconds(const icn_device_desc *device);
/* Bytes of a CPU core's second-level cache. PoCL reports it as local memory. */
double icn_cost_core_cache(const icn_device_desc *device);

/* max(flop / (peak * efficiency), bytes / bandwidth) + launches. `efficiency` (0..1] is what the row reaches of the peak where arithmetic
 * limits it. */
double icn_cost_of(const icn_device_desc *device, double flop, double bytes, double efficiency, int launches);
/* The same for a row whose arithmetic and traffic are the direct ones (no padded tiles, no scratch). */
static inline double icn_cost_roofline(const icn_problem *problem, const icn_device_desc *device, double efficiency, int launches) {
  return icn_cost_of(device, icn_problem_flop(problem), icn_problem_bytes(problem), efficiency, launches);
}

/* `seconds` times 32 when a row written for `target` runs on the other kind of device: it stays a candidate, and loses to any row of the
 * right kind that applies. */
double icn_cost_on_target(const icn_device_desc *device, icn_target target, double seconds);

/* The part of a device's lanes that `items` equal work-items keep busy: 1 for many, less when the last wave is not full. `unit_items` is
 * how many the device runs at once (compute units times work-items of one in flight). */
double icn_cost_utilisation(double items, double unit_items);

#endif
