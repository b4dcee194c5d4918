/* Rows for PAD (kernels/pad.cl). */
#include <string.h>

#include "row_support.h"
#include "rows.h"

enum { GPU_VECTOR = 4, CPU_ITEM_ELEMS = 1024 };

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

/* The dims without dim `skip` (-1: all), right-aligned to eight; `fill` in front. */
static void push_dims(icn_launch *launch, const int64_t *value, int rank, int skip, int64_t fill) {
  int64_t aligned[8];
  int at = 8;
  for (int k = rank - 1; k >= 0; k--)
    if (k != skip) aligned[--at] = value[k];
  while (at > 0) aligned[--at] = fill;
  icn_launch_int8(launch, aligned);
}

static void push_sizes(icn_launch *launch, const icn_problem *problem, int skip) {
  const int rank = problem->out.shape.rank;
  push_dims(launch, problem->out.shape.dim, rank, skip, 1);
  push_dims(launch, problem->in[0].shape.dim, rank, skip, 1);
  push_dims(launch, problem->params.begin, rank, skip, 0);
  push_dims(launch, problem->out.stride, rank, skip, 0);
  push_dims(launch, problem->in[0].stride, rank, skip, 0);
  icn_launch_int(launch, (int64_t)problem->params.pad_mode);
  icn_launch_float(launch, problem->params.alpha);
}

icn_status icn_pad_any_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                            icn_error *error) {
  (void)config, (void)error;
  const int64_t count = icn_shape_elems(&problem->out.shape);
  if (count == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "pad.cl", "pad_any");
  icn_launch_options(launch, "-D VW=1");
  icn_launch_items(launch, device, count);
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, count);
  push_sizes(launch, problem, -1);
  return ICN_OK;
}

/* ------------------------------------------------------------ pad_run, pad_run4: a dim that is contiguous and not padded */

/* That dim, -1 when there is none. */
static int run_dim(const icn_problem *problem) {
  for (int k = 0; k < problem->out.shape.rank; k++)
    if (problem->in[0].stride[k] == 1 && problem->out.stride[k] == 1 && problem->params.begin[k] == 0 && problem->params.end[k] == 0 &&
        problem->out.shape.dim[k] > 1)
      return k;
  return -1;
}

static bool run_ok(const icn_problem *problem, int vector, icn_reason *why_not) {
  if (!icn_pad_any_applies(problem, NULL, why_not)) return false;
  const int dim = run_dim(problem);
  if (dim < 0) return icn_decline(why_not, "no dim is contiguous and not padded");
  if (problem->out.shape.dim[dim] < vector) return icn_decline(why_not, "%d elements fill no vector", (int)problem->out.shape.dim[dim]);
  return true;
}

bool icn_pad_run_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  return run_ok(problem, icn_cpu_vector(device), why_not);
}

bool icn_pad_run4_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return run_ok(problem, GPU_VECTOR, why_not);
}

/* config: vector width, elements an item */
void icn_pad_run_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  config->value[0] = icn_cpu_vector(device);
  config->value[1] = CPU_ITEM_ELEMS;
}

void icn_pad_run4_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  config->value[0] = config->value[1] = GPU_VECTOR;
}

double icn_pad_run_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return icn_row_cost(problem, device, 0, 2, 8);
}

double icn_pad_run4_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return icn_row_cost(problem, device, 0, 6, 1.5);
}

icn_status icn_pad_run_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                            icn_error *error) {
  (void)error;
  const int dim = run_dim(problem);
  const int64_t count = icn_shape_elems(&problem->out.shape);
  if (count == 0 || dim < 0) return ICN_OK;
  const int64_t run = problem->out.shape.dim[dim];
  icn_launch *launch = icn_emit_launch(emit, "pad.cl", "pad_run");
  icn_launch_options(launch, "-D VW=%d", (int)config->value[0]);
  icn_launch_grid(launch, device, config->value[1] > GPU_VECTOR ? 1 : 64, false, icn_div_up(run, config->value[1]), count / run, 1);
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, run);
  icn_launch_int(launch, config->value[1]);
  push_sizes(launch, problem, dim);
  return ICN_OK;
}
