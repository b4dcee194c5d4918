/* Rows for RESAMPLE (kernels/resample.cl): index and weight tables along one axis. */
#include <string.h>

#include "row_support.h"
#include "rows.h"

enum { GPU_VECTOR = 4, CPU_ITEM_ELEMS = 1024, INNER = ICN_LOOP_RANK - 1 };

/* The loop over everything but the axis. */
static icn_loop other_loop(const icn_problem *problem) {
  const icn_view *views[] = {&problem->out, &problem->in[0]};
  return icn_loop_make_masked(&problem->out.shape, ~(1U << problem->params.axis), views, 2);
}

static int64_t size_of(const icn_problem *problem) { return problem->out.shape.dim[problem->params.axis]; }
static int64_t taps_of(const icn_problem *problem) { return problem->in[1].shape.dim[1]; }

static bool table_ok(const icn_problem *problem, int input) {
  const icn_view *view = &problem->in[input];
  return view->shape.rank == 2 && view->shape.dim[0] == size_of(problem) && view->shape.dim[1] == taps_of(problem) &&
         icn_view_is_dense(view);
}

static bool resample_ok(const icn_problem *problem, icn_reason *why_not) {
  const icn_shape *in = &problem->in[0].shape, *out = &problem->out.shape;
  const int axis = problem->params.axis;
  if (in->rank != out->rank || axis < 0 || axis >= out->rank)
    return icn_decline(why_not, "axis %d, input of %d dims, output of %d", axis, (int)in->rank, (int)out->rank);
  for (int k = 0; k < out->rank; k++)
    if (k != axis && in->dim[k] != out->dim[k]) return icn_decline(why_not, "dim %d differs and is not the axis", k);
  if (!table_ok(problem, 1) || !table_ok(problem, 2)) return icn_decline(why_not, "index and weight are not dense [out][taps]");
  return true;
}

static double resample_cost(const icn_problem *problem, const icn_device_desc *device, double on_cpu, double on_gpu) {
  double flop = (double)icn_shape_elems(&problem->out.shape) * (double)taps_of(problem) * 3;
  return icn_row_cost(problem, device, flop, on_cpu, on_gpu);
}

static void push_tensors(icn_launch *launch) {
  for (int i = 0; i < 3; i++) icn_launch_tensor(launch, ICN_OPERAND_IN + i);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
}

static void push_axis(icn_launch *launch, const icn_problem *problem, const icn_loop *loop) {
  icn_launch_int(launch, size_of(problem));
  icn_launch_int(launch, taps_of(problem));
  icn_launch_loop(launch, loop, 2);
  icn_launch_int(launch, problem->out.stride[problem->params.axis]);
  icn_launch_int(launch, problem->in[0].stride[problem->params.axis]);
}

/* ------------------------------------------------------------ resample: any strides */

bool icn_resample_any_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return resample_ok(problem, why_not);
}

double icn_resample_any_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return resample_cost(problem, device, 12, 3);
}

icn_status icn_resample_any_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                 icn_error *error) {
  (void)config, (void)error;
  const icn_loop loop = other_loop(problem);
  const int64_t count = icn_loop_elems(&loop) * size_of(problem);
  if (count == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "resample.cl", "resample_any");
  icn_launch_options(launch, "-D VW=1");
  icn_launch_items(launch, device, count);
  push_tensors(launch);
  icn_launch_int(launch, count);
  push_axis(launch, problem, &loop);
  return ICN_OK;
}

/* ------------------------------------------------------------ resample_run, resample_run4: adjacent elements beside the axis */

static bool run_ok(const icn_problem *problem, int vector, icn_reason *why_not) {
  if (!resample_ok(problem, why_not)) return false;
  const icn_loop loop = other_loop(problem);
  if (loop.stride[1][INNER] == 0) return icn_decline(why_not, "the input has no runs of adjacent elements");
  return icn_loop_has_runs(&loop, 2, vector, why_not);
}

bool icn_resample_run_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  return run_ok(problem, icn_cpu_vector(device), why_not);
}

bool icn_resample_run4_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return run_ok(problem, GPU_VECTOR, why_not);
}

/* config: vector width, elements an item */
void icn_resample_run_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  config->value[0] = icn_cpu_vector(device);
  config->value[1] = CPU_ITEM_ELEMS;
}

void icn_resample_run4_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  config->value[0] = config->value[1] = GPU_VECTOR;
}

double icn_resample_run_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return resample_cost(problem, device, 2, 10);
}

double icn_resample_run4_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return resample_cost(problem, device, 5, 1.5);
}

icn_status icn_resample_run_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                 icn_error *error) {
  (void)error;
  const icn_loop loop = other_loop(problem), outer = icn_loop_outer(&loop);
  const int64_t run = loop.dim[INNER], rows = icn_loop_elems(&outer) * size_of(problem);
  if (run == 0 || rows == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "resample.cl", "resample_run");
  icn_launch_options(launch, "-D VW=%d", (int)config->value[0]);
  icn_launch_grid(launch, device, config->value[1] > GPU_VECTOR ? 1 : 64, false, icn_div_up(run, config->value[1]), rows, 1);
  push_tensors(launch);
  icn_launch_int(launch, run);
  icn_launch_int(launch, config->value[1]);
  push_axis(launch, problem, &outer);
  return ICN_OK;
}
