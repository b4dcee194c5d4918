/* What can be measured of a device beside its peaks (icn_device_measure, in the public header). */
#ifndef ICN_HOST_MEASURE_H
#define ICN_HOST_MEASURE_H

#include "runtime.h"

/* Seconds that one more launch of a kernel that does nothing costs on an in-order queue. Fails: as icn_device_measure. */
icn_status icn_device_measure_launch(const icn_context *context, const icn_device *device, double *launch_seconds, icn_error *error);

/* Seconds of one run of `row`, which must apply to `problem`: the best of many within `budget_seconds` (at least two), on made-up values.
 * Packed weights rotate through copies, so that they come from memory as in a network. Fails: ICN_BUILD, ICN_UNSUPPORTED (the compiled
 * kernel is above the device's limits), ICN_DEVICE, ICN_NO_MEMORY. */
icn_status icn_row_measure(icn_runtime *runtime, const icn_row *row, const icn_problem *problem, double budget_seconds, double *seconds,
                           icn_error *error);

#endif
