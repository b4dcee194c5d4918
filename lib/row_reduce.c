/* Rows for REDUCE (kernels/reduce.cl). The kept dims are a loop over output and input, the reduced ones a loop over the input. */
#include <string.h>

#include "row_support.h"
#include "rows.h"

enum { GPU_GROUP = 128, GPU_VECTOR = 4, INNER = ICN_LOOP_RANK - 1 };

typedef struct reduce_loops {
  icn_loop kept;    /* view 0: output, view 1: input */
  icn_loop reduced; /* view 0: input */
} reduce_loops;

static reduce_loops loops_of(const icn_problem *problem) {
  const icn_shape *shape = &problem->in[0].shape;
  const icn_view *kept[] = {&problem->out, &problem->in[0]}, *reduced[] = {&problem->in[0]};
  reduce_loops loops;
  loops.kept = icn_loop_make_masked(shape, ~problem->params.axes, kept, 2);
  loops.reduced = icn_loop_make_masked(shape, problem->params.axes, reduced, 1);
  return loops;
}

static bool function_ok(icn_function function) {
  switch (function) {
    case ICN_FN_ADD:
    case ICN_FN_MAX:
    case ICN_FN_MIN:
    case ICN_FN_MUL:
    case ICN_FN_MEAN:
    case ICN_FN_L1:
    case ICN_FN_L2:
    case ICN_FN_SUM_SQUARE:
      return true;
    default:
      return false;
  }
}

static bool reduce_ok(const icn_problem *problem, icn_reason *why_not) {
  const icn_shape *in = &problem->in[0].shape, *out = &problem->out.shape;
  if (!function_ok(problem->params.function))
    return icn_decline(why_not, "function number %d is no reduction", (int)problem->params.function);
  if (in->rank != out->rank) return icn_decline(why_not, "input and output differ in rank: %d and %d", (int)in->rank, (int)out->rank);
  for (int k = 0; k < in->rank; k++) {
    bool reduced = (problem->params.axes >> k & 1U) != 0;
    if (out->dim[k] != (reduced ? 1 : in->dim[k])) return icn_decline(why_not, "dim %d of the output does not fit", k);
  }
  return true;
}

static double reduce_cost(const icn_problem *problem, const icn_device_desc *device, double on_cpu, double on_gpu) {
  return icn_row_cost(problem, device, (double)icn_shape_elems(&problem->in[0].shape), on_cpu, on_gpu);
}

static void push_tensors(icn_launch *launch) {
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
}

static void push_loops(icn_launch *launch, const icn_problem *problem, const icn_loop *kept, const icn_loop *reduced) {
  icn_launch_loop(launch, kept, 2);
  icn_launch_int(launch, icn_loop_elems(reduced));
  icn_launch_loop(launch, reduced, 1);
  icn_launch_int(launch, (int64_t)problem->params.function);
}

/* ------------------------------------------------------------ reduce: any strides, an item an output */

bool icn_reduce_any_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return reduce_ok(problem, why_not);
}

double icn_reduce_any_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return reduce_cost(problem, device, 8, 16);
}

icn_status icn_reduce_any_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                               icn_error *error) {
  (void)config, (void)error;
  const reduce_loops loops = loops_of(problem);
  const int64_t count = icn_loop_elems(&loops.kept);
  if (count == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "reduce.cl", "reduce_any");
  icn_launch_options(launch, "-D VW=1");
  icn_launch_items(launch, device, count);
  push_tensors(launch);
  icn_launch_int(launch, count);
  push_loops(launch, problem, &loops.kept, &loops.reduced);
  return ICN_OK;
}

/* ------------------------------------------------------------ reduce_group: a work-group an output, for GPUs */

static int group_items(const icn_device_desc *device) { return device->max_work_group >= GPU_GROUP ? GPU_GROUP : 32; }

bool icn_reduce_group_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!reduce_ok(problem, why_not)) return false;
  const reduce_loops loops = loops_of(problem);
  const int64_t items = group_items(device);
  if (icn_loop_elems(&loops.reduced) < items)
    return icn_decline(why_not, "%d elements are too few for a work-group", (int)icn_loop_elems(&loops.reduced));
  if (icn_loop_elems(&loops.kept) > INT32_MAX / items) return icn_decline(why_not, "too many outputs for a work-group each");
  return icn_group_ok(device, (uint64_t)items, 1, (uint64_t)items * sizeof(float), why_not);
}

double icn_reduce_group_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return reduce_cost(problem, device, 24, 2);
}

icn_status icn_reduce_group_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                 icn_error *error) {
  (void)config, (void)error;
  const reduce_loops loops = loops_of(problem);
  const int64_t count = icn_loop_elems(&loops.kept), items = group_items(device);
  if (count == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "reduce.cl", "reduce_group");
  icn_launch_options(launch, "-D VW=1 -D GROUP=%d", (int)items);
  icn_launch_range(launch, 1, (size_t)(items * count), 1, 1, (size_t)items, 1, 1);
  launch->local_bytes = (uint32_t)items * sizeof(float);
  push_tensors(launch);
  push_loops(launch, problem, &loops.kept, &loops.reduced);
  return ICN_OK;
}

/* ------------------------------------------------------------ reduce_inner: the reduced dims end in a run, for CPU devices */

bool icn_reduce_inner_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!reduce_ok(problem, why_not)) return false;
  const reduce_loops loops = loops_of(problem);
  return icn_loop_has_runs(&loops.reduced, 1, icn_cpu_vector(device), why_not);
}

void icn_reduce_vector_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  config->value[0] = icn_cpu_vector(device);
}

double icn_reduce_inner_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return reduce_cost(problem, device, 2, 16);
}

icn_status icn_reduce_inner_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                 icn_error *error) {
  (void)device, (void)error;
  const reduce_loops loops = loops_of(problem);
  const int64_t count = icn_loop_elems(&loops.kept);
  if (count == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "reduce.cl", "reduce_inner");
  icn_launch_options(launch, "-D VW=%d", (int)config->value[0]);
  icn_launch_range(launch, 1, (size_t)count, 1, 1, 1, 1, 1);
  push_tensors(launch);
  icn_launch_int(launch, count);
  push_loops(launch, problem, &loops.kept, &loops.reduced);
  return ICN_OK;
}

/* ------------------------------------------------------------ reduce_outer: the kept dims end in a run */

static bool outer_ok(const icn_problem *problem, int vector, icn_reason *why_not) {
  if (!reduce_ok(problem, why_not)) return false;
  const reduce_loops loops = loops_of(problem);
  if (loops.kept.stride[1][INNER] == 0) return icn_decline(why_not, "the input has no runs of adjacent elements");
  return icn_loop_has_runs(&loops.kept, 2, vector, why_not);
}

bool icn_reduce_outer_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  return outer_ok(problem, icn_cpu_vector(device), why_not);
}

bool icn_reduce_outer4_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return outer_ok(problem, GPU_VECTOR, why_not);
}

void icn_reduce_outer4_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  config->value[0] = GPU_VECTOR;
}

double icn_reduce_outer_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return reduce_cost(problem, device, 1.5, 16);
}

double icn_reduce_outer4_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return reduce_cost(problem, device, 5, 2.5);
}

icn_status icn_reduce_outer_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                 icn_error *error) {
  (void)error;
  const reduce_loops loops = loops_of(problem);
  const icn_loop kept = icn_loop_outer(&loops.kept);
  const int64_t run = loops.kept.dim[INNER], runs = icn_loop_elems(&kept);
  if (run == 0 || runs == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "reduce.cl", "reduce_outer");
  icn_launch_options(launch, "-D VW=%d", (int)config->value[0]);
  icn_launch_grid(launch, device, config->value[0] > GPU_VECTOR ? 1 : 64, false, icn_div_up(run, config->value[0]), runs, 1);
  push_tensors(launch);
  icn_launch_int(launch, run);
  push_loops(launch, problem, &kept, &loops.reduced);
  return ICN_OK;
}
