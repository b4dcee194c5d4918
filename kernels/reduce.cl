/* REDUCE: y[i] = combine over r of x[i, r], i over the kept dims, r over the reduced ones. Made by lib/row_reduce.c.
 *
 * Sums are made in blocks (64 elements, 64 blocks, then the rest), so that the error does not grow with the count. The kept dims come as a
 * loop over y and x, the reduced ones as a loop over x; n is the number of reduced elements. */
#include "functions.clh"
#include "loop.clh"

#define ICN_FN_MEAN 96
#define ICN_FN_L1 97
#define ICN_FN_L2 98
#define ICN_FN_SUM_SQUARE 99

#define NO_STRIDE (int8)(0)
#define BLOCK 64

static inline MATHV reduce_identity(int function) {
  switch (function) {
    case ICN_FN_MAX: return V(-INFINITY);
    case ICN_FN_MIN: return V(INFINITY);
    case ICN_FN_MUL: return V(1.0f);
    default: return V(0.0f);
  }
}

static inline MATHV reduce_combine(MATHV a, MATHV b, int function) {
  switch (function) {
    case ICN_FN_MAX: return icn_max(a, b);
    case ICN_FN_MIN: return icn_min(a, b);
    case ICN_FN_MUL: return a * b;
    default: return a + b;
  }
}

static inline MATHV reduce_term(MATHV x, int function) {
  if (function == ICN_FN_L1) return fabs(x);
  if (function == ICN_FN_L2 || function == ICN_FN_SUM_SQUARE) return x * x;
  return x;
}

static inline MATHV reduce_result(MATHV value, int function, int n) {
  if (function == ICN_FN_MEAN) return value / V((float)n);
  if (function == ICN_FN_L2) return sqrt(value);
  return value;
}

/* A running combination in three levels. */
typedef struct reduce_state {
  MATHV block, blocks, total;
  int block_count, blocks_count;
} reduce_state;

static inline void reduce_begin(reduce_state *state, int function) {
  state->block = state->blocks = state->total = reduce_identity(function);
  state->block_count = state->blocks_count = 0;
}

static inline void reduce_add(reduce_state *state, MATHV term, int function) {
  state->block = reduce_combine(state->block, term, function);
  if (++state->block_count < BLOCK) return;
  state->blocks = reduce_combine(state->blocks, state->block, function);
  state->block = reduce_identity(function);
  state->block_count = 0;
  if (++state->blocks_count < BLOCK) return;
  state->total = reduce_combine(state->total, state->blocks, function);
  state->blocks = reduce_identity(function);
  state->blocks_count = 0;
}

static inline MATHV reduce_end(const reduce_state *state, int function) {
  return reduce_combine(reduce_combine(state->total, state->blocks, function), state->block, function);
}

#if VW == 1

/* Any strides. Global: at least `count` items, one output each; local: any. Checked by icn_reduce_any_applies. */
__kernel void reduce_any(__global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int count, int rank,
                         int8 dim, int8 y_stride, int8 x_stride, int n, int r_rank, int8 r_dim, int8 r_stride, int function) {
  int index = (int)get_global_id(0);
  if (index >= count) return;
  int4 at = icn_loop_offsets(index, rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
  const int inner = r_dim.s7;
  reduce_state state;
  reduce_begin(&state, function);
  for (int r = 0; r < n; r += inner) {
    int from = x_offset + at.y + icn_loop_offsets(r, r_rank, r_dim, r_stride, NO_STRIDE, NO_STRIDE, NO_STRIDE).x;
    for (int i = 0; i < inner; i++) reduce_add(&state, reduce_term(x[from + i * r_stride.s7], function), function);
  }
  y[y_offset + at.x] = reduce_result(reduce_end(&state, function), function, n);
}

/* A work-group of GROUP items an output: each takes every GROUP-th element, then a tree in local memory. Global: (GROUP * count);
 * local: (GROUP). Checked by icn_reduce_group_applies. */
#ifdef GROUP
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void reduce_group(__global const STORE *restrict x, int x_offset,
                                                                              __global STORE *restrict y, int y_offset, int rank,
                                                                              int8 dim, int8 y_stride, int8 x_stride, int n, int r_rank,
                                                                              int8 r_dim, int8 r_stride, int function) {
  __local MATH part[GROUP];
  const int lane = (int)get_local_id(0);
  int4 at = icn_loop_offsets((int)get_group_id(0), rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
  reduce_state state;
  reduce_begin(&state, function);
  for (int r = lane; r < n; r += GROUP) {
    int from = x_offset + at.y + icn_loop_offsets(r, r_rank, r_dim, r_stride, NO_STRIDE, NO_STRIDE, NO_STRIDE).x;
    reduce_add(&state, reduce_term(x[from], function), function);
  }
  part[lane] = reduce_end(&state, function);
  for (int half_size = GROUP / 2; half_size > 0; half_size /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane < half_size) part[lane] = reduce_combine(part[lane], part[lane + half_size], function);
  }
  if (lane == 0) y[y_offset + at.x] = reduce_result(part[0], function, n);
}
#endif

#else

/* The reduced dims end in a run of adjacent elements of x. Item: one output, VW partial results along the run. Global: (count); local: any.
 * Checked by icn_reduce_inner_applies. */
__kernel void reduce_inner(__global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int count, int rank,
                           int8 dim, int8 y_stride, int8 x_stride, int n, int r_rank, int8 r_dim, int8 r_stride, int function) {
  int index = (int)get_global_id(0);
  if (index >= count) return;
  int4 at = icn_loop_offsets(index, rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
  const int inner = r_dim.s7;
  const MATHV identity = reduce_identity(function);
  MATH rest[VW];
  VSTORE(identity, rest);
  reduce_state state;
  reduce_begin(&state, function);
  for (int r = 0; r < n; r += inner) {
    int from = x_offset + at.y + icn_loop_offsets(r, r_rank, r_dim, r_stride, NO_STRIDE, NO_STRIDE, NO_STRIDE).x;
    for (int i = 0; i < inner; i += VW) {
      MATHV term = icn_load_most(x + from + i, inner - i, rest[0]); /* the identity stays itself as a term: 0, 1, +-infinity */
      reduce_add(&state, reduce_term(term, function), function);
    }
  }
  MATH lane[VW];
  VSTORE(reduce_end(&state, function), lane);
  for (int width = VW / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) {
      MATHV both = reduce_combine(V(lane[i]), V(lane[i + width]), function);
      lane[i] = both.s0;
    }
  MATHV result = reduce_result(V(lane[0]), function, n);
  y[y_offset + at.x] = result.s0;
}

/* The kept dims end in a run of adjacent elements of x and y (spatial reductions of NHWC tensors). Item (i, j): VW outputs from i * VW of
 * run j. Global: (run / VW rounded up, runs); local: any. Checked by icn_reduce_outer_applies. */
__kernel void reduce_outer(__global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int run, int rank,
                           int8 dim, int8 y_stride, int8 x_stride, int n, int r_rank, int8 r_dim, int8 r_stride, int function) {
  const int i = (int)get_global_id(0) * VW;
  if (i >= run) return;
  int4 at = icn_loop_offsets((int)get_global_id(1), rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
  const int inner = r_dim.s7;
  reduce_state state;
  reduce_begin(&state, function);
  for (int r = 0; r < n; r += inner) {
    int from = x_offset + at.y + i + icn_loop_offsets(r, r_rank, r_dim, r_stride, NO_STRIDE, NO_STRIDE, NO_STRIDE).x;
    for (int k = 0; k < inner; k++)
      reduce_add(&state, reduce_term(icn_load_most(x + from + k * r_stride.s7, run - i, 0.0f), function), function);
  }
  icn_store_most(reduce_result(reduce_end(&state, function), function, n), y + y_offset + at.x + i, run - i);
}

#endif
