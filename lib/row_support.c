#include "row_support.h"

#include <string.h>

#include "cost.h"

enum { GROUP_ITEMS = 64 };

/* ------------------------------------------------------------ loops */

static int64_t magnitude(int64_t value) { return value < 0 ? -value : value; }

/* Dim `from` moves before dim `to`, in every view. */
static void move_dim(icn_loop *loop, int from, int to) {
  for (int k = from; k > to; k--) {
    int64_t dim = loop->dim[k];
    loop->dim[k] = loop->dim[k - 1];
    loop->dim[k - 1] = dim;
    for (int v = 0; v < ICN_LOOP_VIEWS; v++) {
      int64_t stride = loop->stride[v][k];
      loop->stride[v][k] = loop->stride[v][k - 1];
      loop->stride[v][k - 1] = stride;
    }
  }
}

static void sort_dims(icn_loop *loop, int count) {
  for (int i = 1; i < count; i++) {
    int to = i;
    while (to > 0 && magnitude(loop->stride[0][to - 1]) < magnitude(loop->stride[0][i])) to--;
    move_dim(loop, i, to);
  }
}

static bool mergeable(const icn_loop *loop, int outer, int inner) {
  for (int v = 0; v < ICN_LOOP_VIEWS; v++)
    if (loop->stride[v][outer] != loop->stride[v][inner] * loop->dim[inner]) return false;
  return true;
}

/* Merges neighbours of the first `count` dims in place; returns how many remain. */
static int merge_dims(icn_loop *loop, int count) {
  int last = 0;
  for (int k = 1; k < count; k++) {
    bool merge = mergeable(loop, last, k);
    int64_t dim = merge ? loop->dim[last] * loop->dim[k] : loop->dim[k];
    if (!merge) last++;
    loop->dim[last] = dim;
    for (int v = 0; v < ICN_LOOP_VIEWS; v++) loop->stride[v][last] = loop->stride[v][k];
  }
  return last + 1;
}

static void align_right(icn_loop *loop, int count) {
  int shift = ICN_LOOP_RANK - count;
  memmove(&loop->dim[shift], &loop->dim[0], sizeof loop->dim[0] * (size_t)count);
  for (int k = 0; k < shift; k++) loop->dim[k] = 1;
  for (int v = 0; v < ICN_LOOP_VIEWS; v++) {
    memmove(&loop->stride[v][shift], &loop->stride[v][0], sizeof loop->stride[v][0] * (size_t)count);
    memset(&loop->stride[v][0], 0, sizeof loop->stride[v][0] * (size_t)shift);
  }
}

/* The stride of dim k of a shape of `rank` dims in a view that may have fewer dims or dims of 1. */
static int64_t broadcast_stride(const icn_view *view, int rank, int k) {
  int own = k - (rank - view->shape.rank);
  return own < 0 || view->shape.dim[own] == 1 ? 0 : view->stride[own];
}

icn_loop icn_loop_make_masked(const icn_shape *shape, uint32_t keep, const icn_view *const *views, int view_count) {
  icn_loop loop;
  memset(&loop, 0, sizeof loop);
  int count = 0;
  for (int k = 0; k < shape->rank; k++) {
    if (shape->dim[k] == 1 || (keep >> k & 1U) == 0) continue;
    loop.dim[count] = shape->dim[k];
    for (int v = 0; v < view_count; v++) loop.stride[v][count] = broadcast_stride(views[v], shape->rank, k);
    count++;
  }
  if (count == 0) loop.dim[count++] = 1;
  sort_dims(&loop, count);
  count = merge_dims(&loop, count);
  align_right(&loop, count);
  loop.rank = count;
  return loop;
}

icn_loop icn_loop_make(const icn_shape *shape, const icn_view *const *views, int view_count) {
  return icn_loop_make_masked(shape, UINT32_MAX, views, view_count);
}

int64_t icn_loop_elems(const icn_loop *loop) {
  int64_t elems = 1;
  for (int k = 0; k < ICN_LOOP_RANK; k++) elems *= loop->dim[k];
  return elems;
}

icn_loop icn_loop_outer(const icn_loop *loop) {
  icn_loop outer;
  memset(&outer, 0, sizeof outer);
  outer.rank = loop->rank > 1 ? loop->rank - 1 : 1;
  outer.dim[0] = 1;
  for (int k = 1; k < ICN_LOOP_RANK; k++) {
    outer.dim[k] = loop->dim[k - 1];
    for (int v = 0; v < ICN_LOOP_VIEWS; v++) outer.stride[v][k] = loop->stride[v][k - 1];
  }
  return outer;
}

bool icn_loop_has_runs(const icn_loop *loop, int view_count, int64_t least, icn_reason *why_not) {
  const int inner = ICN_LOOP_RANK - 1;
  if (loop->dim[inner] < least)
    return icn_decline(why_not, "runs of %d adjacent elements are too short, at least %d", (int)loop->dim[inner], (int)least);
  if (loop->stride[0][inner] != 1) return icn_decline(why_not, "the output has no runs of adjacent elements");
  for (int v = 1; v < view_count; v++)
    if (loop->stride[v][inner] != 1 && loop->stride[v][inner] != 0)
      return icn_decline(why_not, "input %d has stride %d along the output's runs", v - 1, (int)loop->stride[v][inner]);
  return true;
}

icn_run_cut icn_run_cut_make(int64_t run, int64_t outer, int vector, int64_t item_elems) {
  icn_run_cut cut = {vector, icn_round_up(icn_min64(run, item_elems), vector), 1};
  cut.rows = icn_max64(1, icn_min64(outer, item_elems / cut.chunk));
  return cut;
}

/* ------------------------------------------------------------ launches */

void icn_launch_runs(icn_launch *launch, const icn_device_desc *device, const icn_run_cut *cut, int64_t run, int64_t outer) {
  const bool short_pieces = cut->chunk * cut->rows <= cut->vector;
  icn_launch_options(launch, "-D VW=%d", cut->vector);
  icn_launch_grid(launch, device, short_pieces ? GROUP_ITEMS : 1, true, icn_div_up(run, cut->chunk), icn_div_up(outer, cut->rows), 1);
}

void icn_launch_loop(icn_launch *launch, const icn_loop *loop, int view_count) {
  icn_launch_int(launch, loop->rank);
  icn_launch_int8(launch, loop->dim);
  for (int v = 0; v < view_count; v++) icn_launch_int8(launch, loop->stride[v]);
}

static int64_t group_limit(const icn_device_desc *device, int64_t wanted) {
  int64_t limit = (int64_t)device->max_work_group;
  for (int k = 0; k < 2; k++) limit = icn_min64(limit, (int64_t)device->max_work_item[k]);
  int64_t items = 1;
  while (items * 2 <= icn_min64(limit, wanted)) items *= 2;
  return items;
}

void icn_launch_items(icn_launch *launch, const icn_device_desc *device, int64_t items) {
  const int64_t group = group_limit(device, GROUP_ITEMS);
  icn_launch_range(launch, 1, (size_t)icn_round_up(items, group), 1, 1, (size_t)group, 1, 1);
}

void icn_launch_single_items(icn_launch *launch, int64_t g0, int64_t g1, int64_t g2) {
  icn_launch_range(launch, 3, (size_t)g0, (size_t)g1, (size_t)g2, 1, 1, 1);
}

void icn_launch_grid(icn_launch *launch, const icn_device_desc *device, int64_t group, bool along_1, int64_t g0, int64_t g1, int64_t g2) {
  const int64_t items = group_limit(device, group);
  int64_t l0 = 1, l1 = 1;
  while (l0 < items && l0 < g0) l0 *= 2;
  while (along_1 && l0 * l1 < items && l1 < g1) l1 *= 2;
  icn_launch_range(launch, 3, (size_t)icn_round_up(g0, l0), (size_t)icn_round_up(g1, l1), (size_t)g2, (size_t)l0, (size_t)l1, 1);
}

/* ------------------------------------------------------------ devices */

int64_t icn_cpu_tile_block(const icn_device_desc *device, int64_t tiles, double tile_bytes, int64_t panels, double panel_bytes) {
  const double cache = icn_cost_core_cache(device), input = (double)tiles * tile_bytes, weights = (double)panels * panel_bytes;
  if (tiles <= 1 || input <= 1.5 * cache) return icn_max64(tiles, 1);
  const int64_t fitting = icn_max64(1, (int64_t)(cache / 2 / tile_bytes)), blocks = icn_div_up(tiles, fitting);
  const bool fewer = input + (double)blocks * weights < (double)panels * input + weights;
  return fewer ? icn_div_up(tiles, blocks) : tiles;
}

int icn_cpu_vector(const icn_device_desc *device) {
  if (device->vector_width >= 16) return 16;
  return device->vector_width >= 8 ? 8 : 4;
}

bool icn_group_ok(const icn_device_desc *device, uint64_t across, uint64_t down, uint64_t local_bytes, icn_reason *why_not) {
  if (device->max_work_group < across * down)
    return icn_decline(why_not, "work-groups of %d items are needed, the device has at most %d", (int)(across * down),
                       (int)device->max_work_group);
  if (device->max_work_item[0] < across || device->max_work_item[1] < down)
    return icn_decline(why_not, "work-groups of %d x %d items are needed, the device has at most %d x %d", (int)across, (int)down,
                       (int)device->max_work_item[0], (int)device->max_work_item[1]);
  if (local_bytes > 0 && device->kind == ICN_DEVICE_GPU && !device->local_is_real)
    return icn_decline(why_not, "local memory is ordinary memory on this device");
  if (device->local_bytes < local_bytes)
    return icn_decline(why_not, "%d bytes of local memory are needed, the device has %d", (int)local_bytes, (int)device->local_bytes);
  return true;
}

static double moved_bytes(const icn_problem *problem) {
  double elems = (double)icn_shape_elems(&problem->out.shape);
  for (int i = 0; i < ICN_MAX_INPUTS; i++)
    if (icn_problem_has(problem, i)) elems += (double)icn_shape_elems(&problem->in[i].shape);
  return elems * 4;
}

double icn_row_cost(const icn_problem *problem, const icn_device_desc *device, double flop, double on_cpu, double on_gpu) {
  double slowdown = device->kind == ICN_DEVICE_GPU ? on_gpu : on_cpu;
  double seconds = moved_bytes(problem) / icn_cost_bytes_per_second(device) + flop / icn_cost_flop_per_second(device);
  return slowdown * seconds + icn_cost_launch_seconds(device);
}
