/* conv_direct: any window, any views, any epilogue, on any device (kernels/conv_direct.cl). The row that always applies. */
#include "cost.h"
#include "row_conv.h"
#include "row_support.h"
#include "rows.h"

bool icn_conv_direct_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  if (!icn_conv_fits(problem, why_not)) return false;
  if (icn_problem_has(problem, ICN_CONV_RESIDUAL) && !icn_shape_equal(&problem->in[ICN_CONV_RESIDUAL].shape, &problem->out.shape))
    return icn_decline(why_not, "the residual has not the output's shape");
  return true;
}

double icn_conv_direct_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  /* One launch more than there is: among equals, rows win that a network builds a program for anyway. */
  return icn_cost_roofline(problem, device, 0.02, 2);
}

icn_status icn_conv_direct_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                icn_error *error) {
  (void)config, (void)error;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_params *p = &problem->params;
  const icn_view *in = problem->in;
  const bool bias = icn_problem_has(problem, ICN_CONV_BIAS), scale = icn_problem_has(problem, ICN_CONV_SCALE);
  const bool residual = icn_problem_has(problem, ICN_CONV_RESIDUAL);
  icn_launch *launch = icn_emit_launch(emit, "conv_direct.cl", "conv_direct");
  icn_launch_items(launch, device, s.pixels * s.k);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_X);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_WEIGHT);
  icn_launch_optional(launch, problem, ICN_CONV_BIAS);
  icn_launch_optional(launch, problem, ICN_CONV_SCALE);
  icn_launch_optional(launch, problem, ICN_CONV_RESIDUAL);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, s.pixels * s.k);
  icn_launch_view4(launch, &in[ICN_CONV_X]);
  icn_launch_view4(launch, &in[ICN_CONV_WEIGHT]);
  icn_launch_view4(launch, &problem->out);
  icn_launch_view4(launch, residual ? &in[ICN_CONV_RESIDUAL] : NULL);
  icn_launch_int8(
      launch, (const int64_t[8]){p->stride[0], p->stride[1], p->dilation[0], p->dilation[1], p->pad_begin[0], p->pad_begin[1], s.ic, s.oc});
  icn_launch_int8(launch, (const int64_t[8]){bias, in[ICN_CONV_BIAS].stride[0], scale, in[ICN_CONV_SCALE].stride[0], residual,
                                             problem->epilogue.from, problem->turned});
  icn_launch_epilogue(launch, problem);
  return ICN_OK;
}
