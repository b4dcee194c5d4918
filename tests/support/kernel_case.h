/* The kernel tests: rows x cases x layouts x devices, each against the reference.
 *
 * A suite is a list of problems of one family of operations. kernel_suite_main() runs, on each OpenCL device, every row of those operations
 * on every case that the row applies to:
 *   - layouts: DENSE (device layout, no gaps) and STRIDED (rank 4: pixel stride > channels and channel offset > 0; others: an offset);
 *   - modes: EXACT (small integers: every sum is exact in fp32, results are compared bit for bit where the operation allows it) and
 *     RANDOM (fixed seed, printed): |got - want| <= tolerance * 2^-24 * magnitude, where magnitude is sum|a * b| (the reference on absolute
 *     values, without epilogue) for operations that sum, and |want| for the others;
 *   - every buffer has guard zones of a NaN pattern before and after; outputs start as NaN, scratch as 0xA5; after the run guards, inputs
 *     and everything outside the output's view must be unchanged.
 * A failure names device, row, case, layout, mode, element, got and want. Every row must have run on at least one case on each device.
 *
 * Environment: ICN_TEST_DEVICES = "all" (default) or comma-separated parts of device names; ICN_TEST_CASES = "small" leaves out the cases
 * marked KERNEL_LARGE, "once" these, all above 30 kFLOP, and all but one mode, layout and run of each case (for oclgrind, a thousand times
 * slower than a device); ICN_TEST_ROWS = comma-separated row names (default: all); ICN_TEST_PRETEND = "vector4", "vector8", "vector16",
 * "gpu", comma-separated: rows see such a device, so that what they emit for it is tested on the device that is here.
 *
 * A test file:
 *   static void add_cases(kernel_suite *suite) {
 *     kernel_case *c = kernel_suite_add(suite, ICN_OP_POOL, 0);
 *     kernel_case_input(c, 0, 4, (const int64_t[]){1, 64, 35, 35});
 *     kernel_case_output(c, 4, (const int64_t[]){1, 64, 17, 17});
 *     c->problem.params.function = ICN_FN_MAX; ...
 *   }
 *   int main(void) { return kernel_suite_main("pool", add_cases); } */
#ifndef ICN_TEST_KERNEL_CASE_H
#define ICN_TEST_KERNEL_CASE_H

#include "problem.h"

enum {
  KERNEL_LARGE = 1,       /* left out of the small runs (oclgrind) */
  KERNEL_VIEWS_GIVEN = 2, /* the problem's views are used as they are (one layout) instead of DENSE and STRIDED */
  KERNEL_POSITIVE = 4,    /* inputs are positive (log, sqrt, pow) */
  KERNEL_SPECIAL = 8,   /* inputs (not weights) hold NaN, infinities, -0, halves, huge and tiny values here and there (RANDOM mode only) */
  KERNEL_NO_EXACT = 16, /* only the RANDOM mode */
  KERNEL_WIDE = 32      /* random inputs in [-20, 20] instead of [-1, 1] */
};

typedef struct kernel_case {
  icn_problem problem; /* set op, params, epilogue by hand; shapes by the helpers below; the problem's key is its name */
  unsigned flags;
} kernel_case;

typedef struct kernel_suite kernel_suite;

/* A new case (cleared; groups, kernel, stride and dilation are 1). The pointer is good until the next call. */
kernel_case *kernel_suite_add(kernel_suite *suite, icn_op op, unsigned flags);
/* Makes input `input` present with this shape. */
void kernel_case_input(kernel_case *c, int input, int rank, const int64_t *dim);
/* The same for a constant (weights): always dense in the model's order, given to the row's pack(). */
void kernel_case_constant(kernel_case *c, int input, int rank, const int64_t *dim);
void kernel_case_output(kernel_case *c, int rank, const int64_t *dim);

/* A convolution: x [n][c][h][w], constant weights [oc][c/groups][kh][kw], constant bias, output size by the formula. params.stride,
 * dilation, pads and groups come from `params`; add residual, weight scale or epilogue afterwards. */
kernel_case *kernel_suite_add_conv(kernel_suite *suite, int64_t n, int64_t c, int64_t h, int64_t w, int64_t oc, const icn_params *params,
                                   unsigned flags);
/* Output size of a window: floor((in + pads - dilation * (kernel - 1) - 1) / stride) + 1, on axis 0 (h) or 1 (w). */
int64_t kernel_window_output(const icn_params *params, int axis, int64_t in);

/* Calls `visit` on each case of a family, without running anything. */
void kernel_suite_each(void (*add_cases)(kernel_suite *suite), void (*visit)(const kernel_case *c, void *user), void *user);
/* Runs the family; returns what main() returns. */
int kernel_suite_main(const char *family, void (*add_cases)(kernel_suite *suite));

#endif
