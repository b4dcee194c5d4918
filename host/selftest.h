/* The self-test of one layer of an executor: its launches as they are bound, with its own programs, weights and buffers, on values drawn at
 * random; then the result's samples against the reference (lib/part_check.h). */
#ifndef ICN_HOST_SELFTEST_H
#define ICN_HOST_SELFTEST_H

#include "executor.h"
#include "part_check.h"

/* Memory that tests of one executor use one after another: asking the system for it anew takes as long as the tests do. Begins as zeros. */
typedef struct icn_selftest_room {
  float *memory;
  size_t elems;
} icn_selftest_room;
void icn_selftest_room_free(icn_selftest_room *room, const icn_executor *executor);

/* No run is in flight; what the layer's buffers held is lost. What the kernels do to memory around their output, and to their inputs, is
 * found as well. Fails: ICN_NO_MEMORY, ICN_DEVICE. */
icn_status icn_selftest_layer(icn_executor *executor, size_t layer, icn_selftest_room *room, icn_part_check *check, icn_error *error);

#endif
