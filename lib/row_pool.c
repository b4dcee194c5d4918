/* Rows for POOL (kernels/pool.cl): universal; NHWC in vectors (CPU devices: long pieces, GPUs: a pixel x 4 channels an item); work-groups
 * for large windows on GPUs. */
#include <string.h>

#include "row_support.h"
#include "rows.h"

enum { GPU_VECTOR = 4, GROUP_LANES = 16, GROUP_ROWS = 4, CPU_ITEM_TAPS = 4096 };
enum { GROUP_BYTES = GROUP_LANES * GROUP_ROWS * GPU_VECTOR * sizeof(float) }; /* local memory of pool_group */

static bool function_ok(icn_function function) {
  return function == ICN_FN_MAX || function == ICN_FN_MEAN || function == ICN_FN_L1 || function == ICN_FN_L2 || function == ICN_FN_LP;
}

static bool pool_ok(const icn_problem *problem, icn_reason *why_not) {
  const icn_params *params = &problem->params;
  if (problem->in[0].shape.rank != 4) return icn_decline(why_not, "pooling needs 4 dims, there are %d", (int)problem->in[0].shape.rank);
  if (!function_ok(params->function)) return icn_decline(why_not, "function number %d is no pooling", (int)params->function);
  const icn_view *bias = &problem->in[ICN_POOL_BIAS];
  if (icn_problem_has(problem, ICN_POOL_BIAS) && (bias->shape.rank != 1 || bias->stride[0] != 1))
    return icn_decline(why_not, "the bias is not a dense vector");
  if (params->function == ICN_FN_LP && !(params->alpha > 0)) return icn_decline(why_not, "Lp pooling with p = %g", (double)params->alpha);
  for (int axis = 0; axis < 2; axis++) {
    const int64_t values[] = {params->kernel[axis], params->stride[axis], params->dilation[axis], params->pad_begin[axis],
                              params->pad_end[axis]};
    for (int i = 0; i < 5; i++)
      if (values[i] > 1 << 20 || values[i] < (i < 3 ? 1 : 0))
        return icn_decline(why_not, "window sizes, strides, dilations or padding out of range");
    /* The last window's last tap must be addressable. */
    if (problem->out.shape.dim[2 + axis] * params->stride[axis] + params->kernel[axis] * params->dilation[axis] > INT32_MAX / 2)
      return icn_decline(why_not, "windows reach beyond 2^30 pixels");
  }
  if (params->kernel[0] * params->kernel[1] > 1 << 24) return icn_decline(why_not, "windows of more than 2^24 taps");
  return true;
}

static void push_sizes(icn_launch *launch, const icn_problem *problem) {
  const icn_params *params = &problem->params;
  const icn_view *x = &problem->in[0], *y = &problem->out;
  const int64_t *in = x->shape.dim, *out = y->shape.dim;
  icn_launch_int8(launch, (const int64_t[]){in[1], in[2], in[3], x->stride[0], x->stride[1], x->stride[2], x->stride[3], 0});
  icn_launch_int8(launch, (const int64_t[]){out[3], out[2], out[0], y->stride[0], y->stride[1], y->stride[2], y->stride[3], 0});
  icn_launch_int8(launch, (const int64_t[]){params->kernel[0], params->kernel[1], params->stride[0], params->stride[1], params->dilation[0],
                                            params->dilation[1], params->pad_begin[0], params->pad_begin[1]});
  icn_launch_int8(launch,
                  (const int64_t[]){(int64_t)params->function, params->count_include_pad != 0, params->pad_end[0], params->pad_end[1],
                                    icn_problem_has(problem, ICN_POOL_BIAS), (int64_t)problem->epilogue.function, 0, 0});
  icn_launch_float(launch, params->alpha);
  icn_launch_float(launch, problem->epilogue.alpha);
  icn_launch_float(launch, problem->epilogue.beta);
}

static int64_t taps(const icn_problem *problem) { return problem->params.kernel[0] * problem->params.kernel[1]; }

static double pool_cost(const icn_problem *problem, const icn_device_desc *device, double on_cpu, double on_gpu) {
  double flop = (double)icn_shape_elems(&problem->out.shape) * (double)taps(problem) * 2;
  if (problem->params.function == ICN_FN_LP) flop *= 30;
  return icn_row_cost(problem, device, flop, on_cpu, on_gpu);
}

/* Only programs for LP pools hold its powers. */
static const char *lp(const icn_problem *problem) { return problem->params.function == ICN_FN_LP ? " -D LP=1" : ""; }

/* ------------------------------------------------------------ pool: any strides */

bool icn_pool_any_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return pool_ok(problem, why_not);
}

double icn_pool_any_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return pool_cost(problem, device, 16, 4);
}

icn_status icn_pool_any_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                             icn_error *error) {
  (void)config, (void)error;
  const int64_t count = icn_shape_elems(&problem->out.shape);
  if (count == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "pool.cl", "pool_any");
  icn_launch_options(launch, "-D VW=1%s", lp(problem));
  icn_launch_items(launch, device, count);
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_IN + (icn_problem_has(problem, ICN_POOL_BIAS) ? ICN_POOL_BIAS : 0));
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, count);
  push_sizes(launch, problem);
  return ICN_OK;
}

/* ------------------------------------------------------------ pool_nhwc, pool_nhwc4: vectors over channels */

static bool nhwc_ok(const icn_problem *problem, icn_reason *why_not) {
  if (!pool_ok(problem, why_not)) return false;
  const int64_t channels = problem->in[0].shape.dim[1];
  if (channels < GPU_VECTOR) return icn_decline(why_not, "%d channels fill no vector", (int)channels);
  if (problem->in[0].stride[1] != 1 || problem->out.stride[1] != 1) return icn_decline(why_not, "channels are not adjacent");
  return true;
}

bool icn_pool_nhwc_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return nhwc_ok(problem, why_not);
}

/* config: vector width, channels an item, pixels an item */
void icn_pool_nhwc_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  const int64_t channels = problem->in[0].shape.dim[1], width = problem->out.shape.dim[3];
  int vector = icn_cpu_vector(device);
  while (vector > GPU_VECTOR && vector > channels) vector /= 2;
  const int64_t piece = icn_min64(channels, icn_max64(4 * vector, CPU_ITEM_TAPS / taps(problem)));
  config->value[0] = vector;
  config->value[1] = (int32_t)icn_round_up(piece, vector);
  config->value[2] = (int32_t)icn_max64(1, icn_min64(width, CPU_ITEM_TAPS * 4 / (taps(problem) * piece)));
}

void icn_pool_nhwc4_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  config->value[0] = config->value[1] = GPU_VECTOR;
  config->value[2] = 1;
}

double icn_pool_nhwc_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return pool_cost(problem, device, 2, 10);
}

double icn_pool_nhwc4_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return pool_cost(problem, device, 8, 1.5);
}

icn_status icn_pool_nhwc_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                              icn_error *error) {
  (void)error;
  const int64_t *out = problem->out.shape.dim;
  if (icn_shape_elems(&problem->out.shape) == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "pool.cl", "pool_nhwc");
  icn_launch_options(launch, "-D VW=%d%s", (int)config->value[0], lp(problem));
  icn_launch_grid(launch, device, config->value[1] > GPU_VECTOR ? 1 : 64, true, icn_div_up(out[1], config->value[1]),
                  icn_div_up(out[3], config->value[2]), out[0] * out[2]);
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_IN + (icn_problem_has(problem, ICN_POOL_BIAS) ? ICN_POOL_BIAS : 0));
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, config->value[1]);
  icn_launch_int(launch, config->value[2]);
  push_sizes(launch, problem);
  return ICN_OK;
}

/* ------------------------------------------------------------ pool_group: large windows, a work-group a pixel x 64 channels */

bool icn_pool_group_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!nhwc_ok(problem, why_not)) return false;
  if (problem->params.kernel[0] < 2 * GROUP_ROWS)
    return icn_decline(why_not, "windows of %d rows are too small for a work-group", (int)problem->params.kernel[0]);
  return icn_group_ok(device, GROUP_LANES, GROUP_ROWS, GROUP_BYTES, why_not);
}

double icn_pool_group_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return pool_cost(problem, device, 16, 1.2);
}

icn_status icn_pool_group_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                               icn_error *error) {
  (void)device, (void)config, (void)error;
  const int64_t *out = problem->out.shape.dim;
  if (icn_shape_elems(&problem->out.shape) == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "pool.cl", "pool_group");
  icn_launch_options(launch, "-D VW=%d -D LANES=%d -D TAP_ROWS=%d%s", GPU_VECTOR, GROUP_LANES, GROUP_ROWS, lp(problem));
  icn_launch_range(launch, 3, (size_t)icn_round_up(icn_div_up(out[1], GPU_VECTOR), GROUP_LANES), GROUP_ROWS,
                   (size_t)(out[0] * out[2] * out[3]), GROUP_LANES, GROUP_ROWS, 1);
  launch->local_bytes = GROUP_BYTES;
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_IN + (icn_problem_has(problem, ICN_POOL_BIAS) ? ICN_POOL_BIAS : 0));
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  push_sizes(launch, problem);
  return ICN_OK;
}
