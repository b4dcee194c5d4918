/* Runs a plan on the host: every layer's problem by the reference, on the plan's own buffers and offsets. What a device would see of
 * lowering and memory planning, without a device. */
#ifndef ICN_TEST_PLAN_RUN_H
#define ICN_TEST_PLAN_RUN_H

#include "plan.h"

typedef struct icn_test_run {
  float **buffers; /* by plan buffer */
  size_t count;
} icn_test_run;

/* inputs[i]: dense floats of graph input i. The arena and the outputs begin as NaN; scratch is filled by a layer's first launch and must be
 * untouched at its last. seed 0: the plan's order; else a random order that the dependencies allow. ICN_MISMATCH when scratch was
 * overwritten. */
icn_status icn_test_run_plan(const icn_plan *plan, const icn_graph *graph, const float *const *inputs, uint32_t seed, icn_test_run *run,
                             icn_error *error);
void icn_test_run_fini(icn_test_run *run);
/* The buffer of graph output `index`. */
const float *icn_test_run_output(const icn_test_run *run, const icn_plan *plan, int index);

/* 24 random bits. */
uint32_t icn_test_random(uint32_t *seed);

#endif
