/* Rows for UNARY, BINARY and AFFINE (kernels/elementwise.cl): a universal row each, and runs of adjacent elements in vectors for CPU
 * devices (long pieces) and GPUs (four elements an item); a picture's planes to pixels, scaled, for CPU devices. */
#include <string.h>

#include "row_support.h"
#include "rows.h"

enum { CPU_ITEM_ELEMS = 4096, GPU_VECTOR = 4, INNER = ICN_LOOP_RANK - 1 };

/* scale[c] or shift[c] as a view that broadcasts along dim 1 of x. */
static icn_view along_channels(const icn_view *vector, const icn_shape *shape) {
  icn_view view = *vector;
  view.shape.rank = shape->rank;
  for (int k = 0; k < shape->rank; k++) {
    view.shape.dim[k] = k == 1 ? vector->shape.dim[0] : 1;
    view.stride[k] = k == 1 ? vector->stride[0] : 0;
  }
  return view;
}

static int input_count(icn_op op) { return op == ICN_OP_UNARY ? 1 : (op == ICN_OP_BINARY ? 2 : 3); }

/* View 0 is the output, views 1.. the inputs. */
static icn_loop element_loop(const icn_problem *problem) {
  icn_view views[4];
  const icn_view *pointers[4];
  const int count = 1 + input_count(problem->op);
  views[0] = problem->out;
  for (int i = 1; i < count; i++) {
    views[i] = problem->in[i - 1];
    if (problem->op == ICN_OP_AFFINE && i > 1) views[i] = along_channels(&problem->in[i - 1], &problem->out.shape);
  }
  for (int i = 0; i < count; i++) pointers[i] = &views[i];
  return icn_loop_make(&problem->out.shape, pointers, count);
}

static bool broadcastable(const icn_shape *from, const icn_shape *to) {
  if (from->rank > to->rank) return false;
  for (int k = 0; k < from->rank; k++) {
    int64_t dim = to->dim[k + to->rank - from->rank];
    if (from->dim[k] != dim && from->dim[k] != 1) return false;
  }
  return true;
}

static bool shapes_ok(const icn_problem *problem, icn_reason *why_not) {
  if (problem->op == ICN_OP_AFFINE) {
    if (problem->out.shape.rank < 2)
      return icn_decline(why_not, "an affine map needs a channel dim, the rank is %d", problem->out.shape.rank);
    for (int i = 1; i <= 2; i++)
      if (problem->in[i].shape.rank != 1 || problem->in[i].shape.dim[0] != problem->out.shape.dim[1])
        return icn_decline(why_not, "input %d does not have one value a channel", i);
  }
  for (int i = 0; i < (problem->op == ICN_OP_AFFINE ? 1 : input_count(problem->op)); i++)
    if (!broadcastable(&problem->in[i].shape, &problem->out.shape))
      return icn_decline(why_not, "input %d cannot be broadcast to the output's shape", i);
  return true;
}

/* Operations an element: a few functions are one instruction, others a handful, exponentials some tens. */
static double flop_per_element(const icn_problem *problem) {
  if (problem->op != ICN_OP_UNARY) return problem->params.function == ICN_FN_POW && problem->op == ICN_OP_BINARY ? 60 : 2;
  switch (problem->params.function) {
    case ICN_FN_ABS:
    case ICN_FN_NEG:
    case ICN_FN_FLOOR:
    case ICN_FN_CEIL:
    case ICN_FN_SQUARE:
    case ICN_FN_SIGN:
    case ICN_FN_ROUND:
      return 1;
    default:
      return problem->params.function >= ICN_FN_SIGMOID ? 30 : 2;
  }
}

static double element_cost(const icn_problem *problem, const icn_device_desc *device, double on_cpu, double on_gpu) {
  return icn_row_cost(problem, device, flop_per_element(problem) * (double)icn_shape_elems(&problem->out.shape), on_cpu, on_gpu);
}

static void push_tensors(icn_launch *launch, const icn_problem *problem) {
  for (int i = 0; i < input_count(problem->op); i++) icn_launch_tensor(launch, ICN_OPERAND_IN + i);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
}

static void push_function(icn_launch *launch, const icn_problem *problem) {
  if (problem->op == ICN_OP_AFFINE) return;
  icn_launch_int(launch, (int64_t)problem->params.function);
  if (problem->op == ICN_OP_BINARY) return;
  icn_launch_float(launch, problem->params.alpha);
  icn_launch_float(launch, problem->params.beta);
  icn_launch_float(launch, problem->params.gamma);
}

/* ------------------------------------------------------------ any strides */

bool icn_element_any_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return shapes_ok(problem, why_not);
}

double icn_element_any_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return element_cost(problem, device, 12, 3);
}

/* What kernels/functions.clh wants for a long function. AFFINE has none. */
static const char *maths(const icn_problem *problem) {
  return problem->op == ICN_OP_AFFINE || icn_function_is_short(problem->params.function) ? "" : " -D MATHS=1";
}

icn_status icn_element_any_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                icn_error *error) {
  (void)config, (void)error;
  static const char *const kernels[] = {"unary_any", "binary_any", "affine_any"};
  icn_loop loop = element_loop(problem);
  const int64_t count = icn_loop_elems(&loop);
  if (count == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "elementwise.cl", kernels[input_count(problem->op) - 1]);
  icn_launch_options(launch, "-D VW=1%s", maths(problem));
  icn_launch_items(launch, device, count);
  push_tensors(launch, problem);
  icn_launch_int(launch, count);
  icn_launch_loop(launch, &loop, 1 + input_count(problem->op));
  push_function(launch, problem);
  return ICN_OK;
}

/* ------------------------------------------------------------ runs of adjacent elements */

static bool runs_apply(const icn_problem *problem, int vector, icn_reason *why_not) {
  if (!shapes_ok(problem, why_not)) return false;
  icn_loop loop = element_loop(problem);
  return icn_loop_has_runs(&loop, 1 + input_count(problem->op), vector, why_not);
}

bool icn_element_run_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  return runs_apply(problem, icn_cpu_vector(device), why_not);
}

bool icn_element_run4_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return runs_apply(problem, GPU_VECTOR, why_not);
}

/* config: vector width, elements an item */
void icn_element_run_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  config->value[0] = icn_cpu_vector(device);
  config->value[1] = CPU_ITEM_ELEMS;
}

void icn_element_run4_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  config->value[0] = GPU_VECTOR;
  config->value[1] = GPU_VECTOR;
}

double icn_element_run_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return element_cost(problem, device, 1.2, 8);
}

double icn_element_run4_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return element_cost(problem, device, 6, 1.2);
}

icn_status icn_element_run_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                icn_error *error) {
  (void)error;
  static const char *const kernels[] = {"unary_run", "binary_run", "affine_run"};
  const icn_loop loop = element_loop(problem);
  const icn_loop outer = icn_loop_outer(&loop);
  const int views = 1 + input_count(problem->op);
  const int64_t run = loop.dim[INNER], rows = icn_loop_elems(&outer);
  if (run == 0 || rows == 0) return ICN_OK;
  const icn_run_cut cut = icn_run_cut_make(run, rows, config->value[0], config->value[1]);
  icn_launch *launch = icn_emit_launch(emit, "elementwise.cl", kernels[views - 2]);
  icn_launch_runs(launch, device, &cut, run, rows);
  icn_launch_options(launch, "-D VW=%d%s", (int)cut.vector, maths(problem));
  push_tensors(launch, problem);
  icn_launch_int(launch, run);
  icn_launch_int(launch, cut.chunk);
  icn_launch_int(launch, rows);
  icn_launch_int(launch, cut.rows);
  icn_launch_loop(launch, &outer, views);
  for (int v = 1; v < views; v++) icn_launch_int(launch, loop.stride[v][INNER]);
  push_function(launch, problem);
  return ICN_OK;
}

/* ------------------------------------------------------------ affine_planes: a picture in the model's order to NHWC */

enum { PLANES_ITEM_ELEMS = 4096 };

bool icn_affine_planes_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  const icn_view *x = &problem->in[0], *y = &problem->out;
  if (!shapes_ok(problem, why_not)) return false;
  if (y->shape.rank != 4 || !icn_shape_equal(&x->shape, &y->shape))
    return icn_decline(why_not, "input and output are no images of one shape");
  const int64_t h = y->shape.dim[2], w = y->shape.dim[3];
  if ((w > 1 && x->stride[3] != 1) || (h > 1 && x->stride[2] != w))
    return icn_decline(why_not, "the pixels of the input's channels are not adjacent");
  if (!icn_view_is_nhwc(y)) return icn_decline(why_not, "the output is not NHWC");
  return true;
}

double icn_affine_planes_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return element_cost(problem, device, 3, 16);
}

icn_status icn_affine_planes_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                  icn_error *error) {
  (void)device, (void)config, (void)error;
  const icn_view *x = &problem->in[0], *y = &problem->out;
  const int64_t *dim = y->shape.dim, pixels = dim[2] * dim[3], chunk = icn_max64(4, PLANES_ITEM_ELEMS / icn_max64(1, dim[1]) / 4 * 4);
  if (icn_shape_elems(&y->shape) == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "elementwise.cl", "affine_planes");
  icn_launch_options(launch, "-D VW=1");
  icn_launch_single_items(launch, icn_div_up(pixels, chunk), dim[0], 1);
  push_tensors(launch, problem);
  icn_launch_int(launch, pixels);
  icn_launch_int(launch, chunk);
  icn_launch_int(launch, dim[1]);
  icn_launch_int8(launch, (const int64_t[8]){x->stride[1], x->stride[0], icn_view_pixel_stride(y), y->stride[0], problem->in[1].stride[0],
                                             problem->in[2].stride[0]});
  return ICN_OK;
}
