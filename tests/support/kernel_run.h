/* One case in one layout with one set of data, run by any row on any device. Inside the harness; test files use kernel_case.h. */
#ifndef ICN_TEST_KERNEL_RUN_H
#define ICN_TEST_KERNEL_RUN_H

#include "kernel_case.h"
#include "runtime.h"

typedef enum kernel_mode { KERNEL_EXACT, KERNEL_RANDOM } kernel_mode;

/* The logical tensors of a case, dense in the model's order, and what the reference makes of them. */
typedef struct kernel_data {
  const kernel_case *source;
  icn_problem dense; /* the same problem with every view dense */
  kernel_mode mode;
  uint64_t seed;
  void *input[ICN_MAX_INPUTS]; /* float, or int32_t for RESAMPLE's index */
  bool once;                   /* do not run a second time */
  bool flipped;                /* one bit of the output's first element is flipped before it is compared */
  float *want, *magnitude;     /* magnitude: RANDOM mode only */
} kernel_data;

/* True when the reference's result is exact in fp32 for small integers, so that rows must give the same bits. */
bool kernel_case_is_exact(const icn_problem *problem);
/* Fills the inputs and computes the reference. `laid_out` are the views that will be used: dims with stride 0 repeat one value. */
bool kernel_data_make(kernel_data *data, const kernel_case *c, kernel_mode mode, uint64_t seed, icn_error *error);
void kernel_data_free(kernel_data *data);

/* The problem with the views of layout 0 (DENSE) or 1 (STRIDED); false when the case has no such layout. */
bool kernel_case_layout(const kernel_case *c, int layout, icn_problem *problem);

typedef struct kernel_failure {
  char text[512];
} kernel_failure;

/* The runtime's description as ICN_TEST_PRETEND changes it. */
icn_device_desc kernel_device(const icn_runtime *runtime);
/* Runs one row (which applies) and compares. `failure` says what was wrong. */
bool kernel_run_row(icn_runtime *runtime, const icn_row *row, const icn_problem *problem, const kernel_data *data, kernel_failure *failure);

#endif
