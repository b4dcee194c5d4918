/* Rows for COPY: element by element between two views of one shape (kernels/copy.cl). */
#include "row_support.h"
#include "rows.h"

static icn_loop copy_loop(const icn_problem *problem) {
  const icn_view *views[] = {&problem->out, &problem->in[0]};
  return icn_loop_make(&problem->out.shape, views, 2);
}

static void push_tensors(icn_launch *launch, int64_t count) {
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, count);
}

/* ------------------------------------------------------------ copy: any strides */

bool icn_copy_any_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  if (!icn_shape_equal(&problem->in[0].shape, &problem->out.shape)) return icn_decline(why_not, "input and output differ in shape");
  return true;
}

double icn_copy_any_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return icn_row_cost(problem, device, 0, 12, 3);
}

icn_status icn_copy_any_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                             icn_error *error) {
  (void)config, (void)error;
  icn_loop loop = copy_loop(problem);
  int64_t count = icn_loop_elems(&loop);
  if (count == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "copy.cl", "copy_any");
  icn_launch_items(launch, device, count);
  push_tensors(launch, count);
  icn_launch_loop(launch, &loop, 2);
  return ICN_OK;
}
