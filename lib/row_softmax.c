/* Rows for SOFTMAX (kernels/softmax.cl): a row of the softmax is the elements along the axis. */
#include <string.h>

#include "row_support.h"
#include "rows.h"

enum { GPU_GROUP = 128 };

static icn_loop row_loop(const icn_problem *problem) {
  const icn_view *views[] = {&problem->out, &problem->in[0]};
  return icn_loop_make_masked(&problem->out.shape, ~(1U << problem->params.axis), views, 2);
}

static int64_t axis_elems(const icn_problem *problem) { return problem->out.shape.dim[problem->params.axis]; }
static int64_t out_step(const icn_problem *problem) { return problem->out.stride[problem->params.axis]; }
static int64_t in_step(const icn_problem *problem) { return problem->in[0].stride[problem->params.axis]; }

static bool softmax_ok(const icn_problem *problem, icn_reason *why_not) {
  if (!icn_shape_equal(&problem->in[0].shape, &problem->out.shape)) return icn_decline(why_not, "input and output differ in shape");
  if (problem->params.axis < 0 || problem->params.axis >= problem->out.shape.rank)
    return icn_decline(why_not, "axis %d of %d dims", (int)problem->params.axis, (int)problem->out.shape.rank);
  if (problem->params.function != ICN_FN_EXP && problem->params.function != ICN_FN_LOG)
    return icn_decline(why_not, "function number %d is no softmax", (int)problem->params.function);
  return true;
}

static double softmax_cost(const icn_problem *problem, const icn_device_desc *device, double on_cpu, double on_gpu) {
  return icn_row_cost(problem, device, 60 * (double)icn_shape_elems(&problem->out.shape), on_cpu, on_gpu);
}

static void push_rows(icn_launch *launch, const icn_loop *loop, bool with_count) {
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  if (with_count) icn_launch_int(launch, icn_loop_elems(loop));
  icn_launch_loop(launch, loop, 2);
}

static void push_axis(icn_launch *launch, const icn_problem *problem) {
  icn_launch_int(launch, axis_elems(problem));
  icn_launch_int(launch, out_step(problem));
  icn_launch_int(launch, in_step(problem));
  icn_launch_int(launch, problem->params.function == ICN_FN_LOG);
}

/* ------------------------------------------------------------ softmax: any strides, an item a row */

bool icn_softmax_any_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return softmax_ok(problem, why_not);
}

double icn_softmax_any_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return softmax_cost(problem, device, 4, 8);
}

icn_status icn_softmax_any_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                icn_error *error) {
  (void)config, (void)error;
  const icn_loop loop = row_loop(problem);
  if (icn_loop_elems(&loop) == 0 || axis_elems(problem) == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "softmax.cl", "softmax_any");
  icn_launch_options(launch, "-D VW=1");
  icn_launch_items(launch, device, icn_loop_elems(&loop));
  push_rows(launch, &loop, true);
  push_axis(launch, problem);
  return ICN_OK;
}

/* ------------------------------------------------------------ softmax_group: a work-group a row, for GPUs */

static int group_items(const icn_device_desc *device) { return device->max_work_group >= GPU_GROUP ? GPU_GROUP : 32; }

bool icn_softmax_group_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!softmax_ok(problem, why_not)) return false;
  const int64_t items = group_items(device);
  if (axis_elems(problem) < items) return icn_decline(why_not, "%d elements are too few for a work-group", (int)axis_elems(problem));
  const icn_loop loop = row_loop(problem);
  if (icn_loop_elems(&loop) > INT32_MAX / items) return icn_decline(why_not, "too many rows for a work-group each");
  return icn_group_ok(device, (uint64_t)items, 1, (uint64_t)items * sizeof(float), why_not);
}

double icn_softmax_group_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return softmax_cost(problem, device, 16, 1.5);
}

icn_status icn_softmax_group_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                  icn_error *error) {
  (void)config, (void)error;
  const icn_loop loop = row_loop(problem);
  const int64_t rows = icn_loop_elems(&loop), items = group_items(device);
  if (rows == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "softmax.cl", "softmax_group");
  icn_launch_options(launch, "-D VW=1 -D GROUP=%d", (int)items);
  icn_launch_range(launch, 1, (size_t)(rows * items), 1, 1, (size_t)items, 1, 1);
  launch->local_bytes = (uint32_t)items * sizeof(float);
  push_rows(launch, &loop, false);
  push_axis(launch, problem);
  return ICN_OK;
}

/* ------------------------------------------------------------ softmax_run: the axis is contiguous, vectors, for CPU devices */

bool icn_softmax_run_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!softmax_ok(problem, why_not)) return false;
  if (out_step(problem) != 1 || in_step(problem) != 1) return icn_decline(why_not, "elements along the axis are not adjacent");
  if (axis_elems(problem) < icn_cpu_vector(device)) return icn_decline(why_not, "%d elements fill no vector", (int)axis_elems(problem));
  return true;
}

void icn_softmax_run_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  config->value[0] = icn_cpu_vector(device);
}

double icn_softmax_run_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return softmax_cost(problem, device, 1.5, 12);
}

icn_status icn_softmax_run_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                icn_error *error) {
  (void)device, (void)error;
  const icn_loop loop = row_loop(problem);
  const int64_t rows = icn_loop_elems(&loop);
  if (rows == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "softmax.cl", "softmax_run");
  icn_launch_options(launch, "-D VW=%d", (int)config->value[0]);
  icn_launch_range(launch, 1, (size_t)rows, 1, 1, 1, 1, 1);
  push_rows(launch, &loop, true);
  icn_launch_int(launch, axis_elems(problem));
  icn_launch_int(launch, problem->params.function == ICN_FN_LOG);
  return ICN_OK;
}
