/* Rows for COPY: element by element between two views of one shape (kernels/copy.cl). Layout changes at a network's ends, transposes,
 * slices and joins that could not become views. */
#include <string.h>

#include "row_support.h"
#include "rows.h"

enum { CPU_ITEM_ELEMS = 8192, GPU_VECTOR = 4, INNER = ICN_LOOP_RANK - 1 };
enum { CPU_TILE_ELEMS = 4096, CPU_LEAST_A = 64, CPU_B_TILE = 16, GPU_TILE = 16, GPU_TILE_ROWS = 4 }; /* tiles as in copy.cl */
enum { GPU_TILE_BYTES = GPU_TILE * (GPU_TILE + 1) * sizeof(float) };                                 /* local memory of copy_tile_group */

static icn_loop copy_loop(const icn_problem *problem) {
  const icn_view *views[] = {&problem->out, &problem->in[0]};
  return icn_loop_make(&problem->out.shape, views, 2);
}

static void push_tensors(icn_launch *launch) {
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
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
  const icn_loop loop = copy_loop(problem);
  const int64_t count = icn_loop_elems(&loop);
  if (count == 0) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "copy.cl", "copy_any");
  icn_launch_options(launch, "-D VW=1");
  icn_launch_items(launch, device, count);
  push_tensors(launch);
  icn_launch_int(launch, count);
  icn_launch_loop(launch, &loop, 2);
  return ICN_OK;
}

/* ------------------------------------------------------------ copy_run, copy_run4: adjacent elements on both sides */

static bool run_ok(const icn_problem *problem, int vector, icn_reason *why_not) {
  if (!icn_copy_any_applies(problem, NULL, why_not)) return false;
  const icn_loop loop = copy_loop(problem);
  if (loop.stride[1][INNER] == 0) return icn_decline(why_not, "the input has no runs of adjacent elements");
  return icn_loop_has_runs(&loop, 2, vector, why_not);
}

bool icn_copy_run_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  return run_ok(problem, icn_cpu_vector(device), why_not);
}

bool icn_copy_run4_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return run_ok(problem, GPU_VECTOR, why_not);
}

/* config: vector width, elements an item */
void icn_copy_run_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  config->value[0] = icn_cpu_vector(device);
  config->value[1] = CPU_ITEM_ELEMS;
}

void icn_copy_run4_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_none_configure(problem, device, config);
  config->value[0] = config->value[1] = GPU_VECTOR;
}

double icn_copy_run_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return icn_row_cost(problem, device, 0, 1.2, 8);
}

double icn_copy_run4_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return icn_row_cost(problem, device, 0, 6, 1.2);
}

icn_status icn_copy_run_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                             icn_error *error) {
  (void)error;
  const icn_loop loop = copy_loop(problem), outer = icn_loop_outer(&loop);
  const int64_t run = loop.dim[INNER], rows = icn_loop_elems(&outer);
  if (run == 0 || rows == 0) return ICN_OK;
  const icn_run_cut cut = icn_run_cut_make(run, rows, config->value[0], config->value[1]);
  icn_launch *launch = icn_emit_launch(emit, "copy.cl", "copy_run");
  icn_launch_runs(launch, device, &cut, run, rows);
  push_tensors(launch);
  icn_launch_int(launch, run);
  icn_launch_int(launch, cut.chunk);
  icn_launch_int(launch, rows);
  icn_launch_int(launch, cut.rows);
  icn_launch_loop(launch, &outer, 2);
  return ICN_OK;
}

/* ------------------------------------------------------------ copy_tile, copy_tile_group: transposes */

/* a: the dim along which the input is contiguous; b: the output's innermost. */
typedef struct transpose {
  int64_t a_size, b_size, y_step, x_step;
  icn_loop outer;
} transpose;

static bool transpose_of(const icn_problem *problem, transpose *t, icn_reason *why_not) {
  if (!icn_copy_any_applies(problem, NULL, why_not)) return false;
  const icn_loop loop = copy_loop(problem);
  int a = -1;
  for (int k = 0; k < INNER; k++)
    if (loop.dim[k] > 1 && loop.stride[1][k] == 1) a = k;
  if (a < 0 || loop.stride[0][INNER] != 1) return icn_decline(why_not, "no transpose: one side has no adjacent elements along another dim");
  memset(t, 0, sizeof *t);
  t->a_size = loop.dim[a];
  t->b_size = loop.dim[INNER];
  t->y_step = loop.stride[0][a];
  t->x_step = loop.stride[1][INNER];
  icn_loop rest = loop; /* the other dims: close the gap of a, then drop the innermost */
  for (int k = a; k > 0; k--) {
    rest.dim[k] = rest.dim[k - 1];
    for (int v = 0; v < ICN_LOOP_VIEWS; v++) rest.stride[v][k] = rest.stride[v][k - 1];
  }
  rest.dim[0] = 1;
  for (int v = 0; v < ICN_LOOP_VIEWS; v++) rest.stride[v][0] = 0;
  rest.rank = loop.rank - 1;
  t->outer = icn_loop_outer(&rest);
  return true;
}

bool icn_copy_tile_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  transpose t;
  return transpose_of(problem, &t, why_not);
}

bool icn_copy_tile_group_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  transpose t;
  if (!transpose_of(problem, &t, why_not)) return false;
  return icn_group_ok(device, GPU_TILE, GPU_TILE_ROWS, GPU_TILE_BYTES, why_not);
}

double icn_copy_tile_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return icn_row_cost(problem, device, 0, 3, 16);
}

double icn_copy_tile_group_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return icn_row_cost(problem, device, 0, 20, 1.5);
}

static void push_transpose(icn_launch *launch, const transpose *t) {
  icn_launch_options(launch, "-D VW=1");
  push_tensors(launch);
  icn_launch_int(launch, t->a_size);
  icn_launch_int(launch, t->b_size);
  icn_launch_int(launch, t->y_step);
  icn_launch_int(launch, t->x_step);
  icn_launch_loop(launch, &t->outer, 2);
}

icn_status icn_copy_tile_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                              icn_error *error) {
  (void)device, (void)config, (void)error;
  transpose t;
  if (icn_shape_elems(&problem->out.shape) == 0 || !transpose_of(problem, &t, NULL)) return ICN_OK;
  const int64_t a_tile = icn_max64(CPU_LEAST_A, CPU_TILE_ELEMS / icn_min64(t.b_size, CPU_B_TILE));
  icn_launch *launch = icn_emit_launch(emit, "copy.cl", "copy_tile");
  icn_launch_single_items(launch, icn_div_up(t.a_size, a_tile), icn_div_up(t.b_size, CPU_B_TILE), icn_loop_elems(&t.outer));
  push_transpose(launch, &t);
  icn_launch_int(launch, a_tile);
  return ICN_OK;
}

icn_status icn_copy_tile_group_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                    icn_error *error) {
  (void)device, (void)config, (void)error;
  transpose t;
  if (icn_shape_elems(&problem->out.shape) == 0 || !transpose_of(problem, &t, NULL)) return ICN_OK;
  icn_launch *launch = icn_emit_launch(emit, "copy.cl", "copy_tile_group");
  icn_launch_range(launch, 3, (size_t)icn_round_up(t.a_size, GPU_TILE), (size_t)icn_div_up(t.b_size, GPU_TILE) * GPU_TILE_ROWS,
                   (size_t)icn_loop_elems(&t.outer), GPU_TILE, GPU_TILE_ROWS, 1);
  launch->local_bytes = GPU_TILE_BYTES;
  push_transpose(launch, &t);
  return ICN_OK;
}
