/* SOFTMAX: along one axis of n elements, for each row i of the other dims. Made by lib/row_softmax.c.
 *   most = max over k of x[i, k]
 *   softmax     y[i, k] = exp(x[i, k] - most) / sum over k of exp(x[i, k] - most)
 *   log softmax y[i, k] = x[i, k] - most - log(the same sum)
 * A NaN in a row makes the whole row NaN. Sums in blocks of 64. */
#include "functions.clh"
#include "loop.clh"

#define NO_STRIDE (int8)(0)
#define BLOCK 64

#if VW == 1

/* Any strides. Global: at least `count` items, one row each; local: any. Checked by icn_softmax_any_applies. */
__kernel void softmax_any(__global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int count, int rank,
                          int8 dim, int8 y_stride, int8 x_stride, int n, int y_step, int x_step, int logarithm) {
  int index = (int)get_global_id(0);
  if (index >= count) return;
  int4 at = icn_loop_offsets(index, rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
  x += x_offset + at.y;
  y += y_offset + at.x;
  MATH most = -INFINITY;
  for (int k = 0; k < n; k++) most = icn_max(most, x[k * x_step]);
  MATH sum = 0;
  for (int first = 0; first < n; first += BLOCK) {
    MATH block = 0;
    for (int k = first; k < min(first + BLOCK, n); k++) block += exp(x[k * x_step] - most);
    sum += block;
  }
  MATH shift = logarithm ? log(sum) : 0;
  for (int k = 0; k < n; k++) {
    MATH value = x[k * x_step] - most;
    y[k * y_step] = logarithm ? value - shift : exp(value) / sum;
  }
}

#ifdef GROUP
/* The tree over `part`; every item gets the result. */
static inline MATH group_combine(__local MATH *part, MATH value, int take_max) {
  const int lane = (int)get_local_id(0);
  part[lane] = value;
  for (int width = GROUP / 2; width > 0; width /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane < width) part[lane] = take_max ? icn_max(part[lane], part[lane + width]) : part[lane] + part[lane + width];
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  MATH result = part[0];
  barrier(CLK_LOCAL_MEM_FENCE);
  return result;
}

/* A work-group of GROUP items a row. Global: (GROUP * count); local: (GROUP). Checked by icn_softmax_group_applies. */
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void softmax_group(__global const STORE *restrict x, int x_offset,
                                                                               __global STORE *restrict y, int y_offset, int rank,
                                                                               int8 dim, int8 y_stride, int8 x_stride, int n, int y_step,
                                                                               int x_step, int logarithm) {
  __local MATH part[GROUP];
  const int lane = (int)get_local_id(0);
  int4 at = icn_loop_offsets((int)get_group_id(0), rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
  x += x_offset + at.y;
  y += y_offset + at.x;
  MATH most = -INFINITY;
  for (int k = lane; k < n; k += GROUP) most = icn_max(most, x[k * x_step]);
  most = group_combine(part, most, 1);
  MATH sum = 0;
  for (int k = lane; k < n; k += GROUP) sum += exp(x[k * x_step] - most);
  sum = group_combine(part, sum, 0);
  MATH shift = logarithm ? log(sum) : 0;
  for (int k = lane; k < n; k += GROUP) {
    MATH value = x[k * x_step] - most;
    y[k * y_step] = logarithm ? value - shift : exp(value) / sum;
  }
}
#endif

#else

/* The axis is contiguous in x and y: one item a row, VW partial results. Global: (count); local: any. Checked by
 * icn_softmax_run_applies. */
__kernel void softmax_run(__global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int count, int rank,
                          int8 dim, int8 y_stride, int8 x_stride, int n, int logarithm) {
  int index = (int)get_global_id(0);
  if (index >= count) return;
  int4 at = icn_loop_offsets(index, rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
  x += x_offset + at.y;
  y += y_offset + at.x;
  MATHV mosts = V(-INFINITY);
  for (int k = 0; k < n; k += VW) mosts = icn_max(mosts, icn_load_most(x + k, n - k, -INFINITY));
  MATH lane[VW];
  VSTORE(mosts, lane);
  MATHV most = V(lane[0]);
  for (int i = 1; i < VW; i++) most = icn_max(most, V(lane[i]));

  MATHV sums = V(0.0f);
  for (int first = 0; first < n; first += BLOCK * VW) {
    MATHV block = V(0.0f);
    for (int k = first; k < min(first + BLOCK * VW, n); k += VW) {
      MATHV value = icn_load_most(x + k, n - k, 0.0f);
      MATHV term = exp(value - most);
      if (n - k >= VW)
        block += term;
      else { /* lanes beyond the end count nothing */
        VSTORE(term, lane);
        for (int i = n - k; i < VW; i++) lane[i] = 0.0f;
        block += VLOAD(lane);
      }
    }
    sums += block;
  }
  VSTORE(sums, lane);
  for (int width = VW / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) lane[i] += lane[i + width];
  MATHV sum = V(lane[0]);
  MATHV shift = log(sum);
  for (int k = 0; k < n; k += VW) {
    MATHV value = icn_load_most(x + k, n - k, 0.0f) - most;
    icn_store_most(logarithm ? value - shift : exp(value) / sum, y + k, n - k);
  }
}

#endif
