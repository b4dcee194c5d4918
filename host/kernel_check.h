/* One kernel row on one case: run on a device between guard zones, compared with the reference element by element. The kernel tests and
 * `clinception report` stand on it.
 *
 * Every buffer has guard zones of a NaN pattern before and after; outputs start as NaN, scratch as 0xA5. After the run guards, inputs and
 * everything outside the output's view must be unchanged. A second run finds what the first left, and must give the same bits. */
#ifndef ICN_HOST_KERNEL_CHECK_H
#define ICN_HOST_KERNEL_CHECK_H

#include "cases.h"
#include "runtime.h"
#include "winograd.h"

typedef enum icn_check_outcome {
  ICN_CHECK_RIGHT,
  ICN_CHECK_DECLINED, /* the row does not apply, or its compiled kernel is above the device's limits */
  ICN_CHECK_WRONG,
  ICN_CHECK_NOT_BUILT, /* its program does not build */
  ICN_CHECK_FAILED     /* an OpenCL call failed, or memory ran out */
} icn_check_outcome;

typedef struct icn_check_result {
  icn_check_outcome outcome;
  double error;                    /* the largest difference in units of what is allowed; 0 where bits are compared */
  uint64_t undeclared_local_bytes; /* local memory that compiled kernels take beyond what the row's launches say */
  char text[512];                  /* what was wrong, with element, got and want; or the reason */
} icn_check_result;

/* `device` is the description that the row sees: icn_runtime_desc(), or one that pretends something. `problem` is the case's in some
 * layout, `data` are the same case's. `twice`: run it a second time. */
icn_check_outcome icn_kernel_check(icn_runtime *runtime, const icn_device_desc *device, const icn_row *row, const icn_problem *problem,
                                   const icn_case_data *data, bool twice, icn_check_result *result);

/* What the errors of Winograd rows are relative to, [folded][m] of a form, kept between checks on the same data: it takes as long as the
 * reference. Begins as zeros. */
typedef struct icn_check_bounds {
  float *magnitude[2][ICN_WINOGRAD_MAX_M + 1];
} icn_check_bounds;
void icn_check_bounds_free(icn_check_bounds *bounds, const icn_case_data *data);
/* The same with a configuration that icn_row_takes() has found good. */
icn_check_outcome icn_kernel_check_config(icn_runtime *runtime, const icn_device_desc *device, const icn_row *row, const icn_config *config,
                                          const icn_problem *problem, const icn_case_data *data, icn_check_bounds *bounds, bool twice,
                                          icn_check_result *result);

#endif
