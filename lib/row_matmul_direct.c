/* matmul_direct: any ranks and strides, on any device (kernels/matmul_direct.cl). The row that always applies. */
#include "cost.h"
#include "row_conv.h"
#include "row_matmul.h"
#include "row_support.h"
#include "rows.h"

bool icn_matmul_direct_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return icn_matmul_fits(problem, why_not);
}

double icn_matmul_direct_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  /* One launch more than there is: among equals, rows win that a network builds a program for anyway. */
  return icn_cost_roofline(problem, device, 0.02, 2);
}

/* Dims or strides of the output's rank, right-aligned to eight; `filler` in front. */
static void push_dims(icn_launch *launch, const icn_shape *shape) {
  int64_t value[8];
  for (int k = 0; k < 8; k++) value[k] = k < 8 - shape->rank ? 1 : shape->dim[k - (8 - shape->rank)];
  icn_launch_int8(launch, value);
}

/* Leading strides by broadcasting, then the two inner ones as given. */
static void push_strides(icn_launch *launch, const icn_view *view, int64_t inner0, int64_t inner1) {
  int64_t value[8] = {0};
  for (int k = 0; view != NULL && k < 6; k++) {
    const int own = k - (8 - view->shape.rank);
    if (own >= 0 && view->shape.dim[own] != 1) value[k] = view->stride[own];
  }
  value[6] = inner0;
  value[7] = inner1;
  icn_launch_int8(launch, value);
}

icn_status icn_matmul_direct_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                  icn_error *error) {
  (void)config, (void)error;
  const icn_matmul_sizes s = icn_matmul_inner(problem);
  const int64_t count = icn_shape_elems(&problem->out.shape);
  icn_launch *launch = icn_emit_launch(emit, "matmul_direct.cl", "matmul_direct");
  icn_launch_items(launch, device, count);
  icn_launch_tensor(launch, ICN_OPERAND_IN + 0);
  icn_launch_tensor(launch, ICN_OPERAND_IN + 1);
  icn_launch_optional(launch, problem, 2);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, count);
  icn_launch_int(launch, s.k);
  push_dims(launch, &problem->out.shape);
  push_strides(launch, &problem->out, s.y_m, s.y_n);
  push_strides(launch, &problem->in[0], s.a_m, s.a_k);
  push_strides(launch, &problem->in[1], s.b_k, s.b_n);
  push_strides(launch, icn_problem_has(problem, 2) ? &problem->in[2] : NULL, s.c_m, s.c_n);
  icn_launch_float(launch, problem->params.alpha);
  icn_launch_float(launch, problem->params.beta);
  icn_launch_int(launch, icn_problem_has(problem, 2));
  icn_launch_epilogue(launch, problem);
  return ICN_OK;
}
