/* Rows for PAD (kernels/pad.cl). */
#include <string.h>

#include "row_support.h"
#include "rows.h"

bool icn_pad_any_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  const icn_shape *in = &problem->in[0].shape, *out = &problem->out.shape;
  if (in->rank != out->rank) return icn_decline(why_not, "input and output differ in rank: %d and %d", (int)in->rank, (int)out->rank);
  for (int k = 0; k < in->rank; k++) {
    const int64_t begin = problem->params.begin[k], end = problem->params.end[k];
    if (begin < -INT32_MAX / 2 || begin > INT32_MAX / 2 || in->dim[k] > INT32_MAX / 2)
      return icn_decline(why_not, "padding of dim %d is out of range", k);
    if (out->dim[k] != in->dim[k] + begin + end) return icn_decline(why_not, "dim %d of the output does not fit", k);
    if (in->dim[k] == 0 && out->dim[k] != 0 && problem->params.pad_mode != ICN_PAD_CONSTANT)
      return icn_decline(why_not, "dim %d has nothing to repeat", k);
  }
  return true;
}

double icn_pad_any_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return icn_row_cost(problem, device, 0, 14, 3);
}

/* Right-aligned to eight dims; `fill` in front. */
static void push_dims(icn_launch *launch, const int64_t *value, int rank, int64_t fill) {
  int64_t aligned[8];
  for (int k = 0; k < 8; k++) aligned[k] = k < 8 - rank ? fill : value[k - (8 - rank)];
  icn_launch_int8(launch, aligned);
}

icn_status icn_pad_any_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                            icn_error *error) {
  (void)config, (void)error;
  const int64_t count = icn_shape_elems(&problem->out.shape);
  const int rank = problem->out.shape.rank;
  if (count == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "pad.cl", "pad_any");
  icn_launch_items(launch, device, count);
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, count);
  push_dims(launch, problem->out.shape.dim, rank, 1);
  push_dims(launch, problem->in[0].shape.dim, rank, 1);
  push_dims(launch, problem->params.begin, rank, 0);
  push_dims(launch, problem->out.stride, rank, 0);
  push_dims(launch, problem->in[0].stride, rank, 0);
  icn_launch_int(launch, (int64_t)problem->params.pad_mode);
  icn_launch_float(launch, problem->params.alpha);
  return ICN_OK;
}
