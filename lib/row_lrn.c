/* Rows for LRN across channels (kernels/lrn.cl). */
#include <string.h>

#include "row_support.h"
#include "rows.h"

enum { GPU_VECTOR = 4, CPU_ITEM_CHANNELS = 256 };

/* The loop over everything but the channels. */
static icn_loop pixel_loop(const icn_problem *problem) {
  const icn_view *views[] = {&problem->out, &problem->in[0]};
  return icn_loop_make_masked(&problem->out.shape, ~2U, views, 2);
}

static int64_t channel_count(const icn_problem *problem) { return problem->out.shape.dim[1]; }

static bool lrn_ok(const icn_problem *problem, icn_reason *why_not) {
  if (!icn_shape_equal(&problem->in[0].shape, &problem->out.shape)) return icn_decline(why_not, "input and output differ in shape");
  if (problem->out.shape.rank < 2) return icn_decline(why_not, "there is no channel dim in %d dims", (int)problem->out.shape.rank);
  if (problem->params.kernel[0] < 1 || problem->params.kernel[0] > 1 << 20)
    return icn_decline(why_not, "a window of %lld channels", (long long)problem->params.kernel[0]);
  return true;
}

static double lrn_cost(const icn_problem *problem, const icn_device_desc *device, double on_cpu, double on_gpu) {
  double flop = (double)icn_shape_elems(&problem->out.shape) * (60 + 2 * (double)problem->params.kernel[0]);
  return icn_row_cost(problem, device, flop, on_cpu, on_gpu);
}

static void push_window(icn_launch *launch, const icn_problem *problem) {
  const int64_t size = problem->params.kernel[0];
  icn_launch_int(launch, (size - 1) / 2);
  icn_launch_int(launch, size / 2);
  icn_launch_float(launch, problem->params.alpha / (float)size);
  icn_launch_float(launch, problem->params.beta);
  icn_launch_float(launch, problem->params.gamma);
}

/* ------------------------------------------------------------ lrn: any strides */

bool icn_lrn_any_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return lrn_ok(problem, why_not);
}

double icn_lrn_any_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return lrn_cost(problem, device, 8, 3);
}

icn_status icn_lrn_any_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                            icn_error *error) {
  (void)config, (void)error;
  const icn_loop loop = pixel_loop(problem);
  const int64_t count = icn_loop_elems(&loop) * channel_count(problem);
  if (count == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "lrn.cl", "lrn_any");
  icn_launch_options(launch, "-D VW=1");
  icn_launch_items(launch, device, count);
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, count);
  icn_launch_int(launch, channel_count(problem));
  icn_launch_loop(launch, &loop, 2);
  icn_launch_int(launch, problem->out.stride[1]);
  icn_launch_int(launch, problem->in[0].stride[1]);
  push_window(launch, problem);
  return ICN_OK;
}

/* ------------------------------------------------------------ lrn_run, lrn_run4: adjacent channels in vectors */

static bool run_ok(const icn_problem *problem, int vector, icn_reason *why_not) {
  if (!lrn_ok(problem, why_not)) return false;
  if (problem->in[0].stride[1] != 1 || problem->out.stride[1] != 1) return icn_decline(why_not, "channels are not adjacent");
  if (channel_count(problem) < vector) return icn_decline(why_not, "%d channels fill no vector", (int)channel_count(problem));
  return true;
}

bool icn_lrn_run_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  return run_ok(problem, icn_cpu_vector(device), why_not);
}

bool icn_lrn_run4_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return run_ok(problem, GPU_VECTOR, why_not);
}

/* config: vector width, channels an item */
void icn_lrn_run_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  config->value[0] = icn_cpu_vector(device);
  config->value[1] = CPU_ITEM_CHANNELS;
}

void icn_lrn_run4_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  config->value[0] = config->value[1] = GPU_VECTOR;
}

double icn_lrn_run_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return lrn_cost(problem, device, 2, 8);
}

double icn_lrn_run4_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return lrn_cost(problem, device, 4, 1.5);
}

icn_status icn_lrn_run_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                            icn_error *error) {
  (void)error;
  const icn_loop loop = pixel_loop(problem);
  const int64_t pixels = icn_loop_elems(&loop), channels = channel_count(problem);
  if (pixels == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "lrn.cl", "lrn_run");
  icn_launch_options(launch, "-D VW=%d", (int)config->value[0]);
  icn_launch_grid(launch, device, config->value[1] > GPU_VECTOR ? 1 : 64, false, icn_div_up(channels, config->value[1]), pixels, 1);
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, config->value[1]);
  icn_launch_int(launch, channels);
  icn_launch_loop(launch, &loop, 2);
  push_window(launch, problem);
  return ICN_OK;
}
