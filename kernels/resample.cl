/* RESAMPLE: y[.., o, ..] = sum over t of weight[o][t] * x[.., index[o][t], ..] along one axis; taps of weight 0 are not read.
 * Made by lib/row_resample.c. */
#include "functions.clh"
#include "loop.clh"

#define NO_STRIDE (int8)(0)

#if VW == 1

/* Any strides. The loop runs over y and x without the axis; `size` outputs along it. Global: at least `count` items (all outputs), the axis
 * fastest; local: any. Checked by icn_resample_any_applies. */
__kernel void resample_any(__global const STORE *restrict x, int x_offset, __global const int *restrict index, int index_offset,
                           __global const float *restrict weight, int weight_offset, __global STORE *restrict y, int y_offset, int count,
                           int size, int taps, int rank, int8 dim, int8 y_stride, int8 x_stride, int y_step, int x_step) {
  int item = (int)get_global_id(0);
  if (item >= count) return;
  const int o = item % size;
  int4 at = icn_loop_offsets(item / size, rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
  MATH sum = 0;
  for (int t = 0; t < taps; t++) {
    const float w = weight[weight_offset + o * taps + t];
    if (w != 0) sum += w * x[x_offset + at.y + index[index_offset + o * taps + t] * x_step];
  }
  y[y_offset + at.x + o * y_step] = sum;
}

#else

/* The innermost dim of the other dims is a run of adjacent elements of x and y. Item (i, j): elements [i * chunk, (i + 1) * chunk) of output
 * j % size along the axis in outer row j / size. Global: (run / chunk rounded up, outer * size); local: any. Checked by
 * icn_resample_run_applies. */
__kernel void resample_run(__global const STORE *restrict x, int x_offset, __global const int *restrict index, int index_offset,
                           __global const float *restrict weight, int weight_offset, __global STORE *restrict y, int y_offset, int run,
                           int chunk, int size, int taps, int rank, int8 dim, int8 y_stride, int8 x_stride, int y_step, int x_step) {
  const int o = (int)get_global_id(1) % size;
  int4 at = icn_loop_offsets((int)get_global_id(1) / size, rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
  index += index_offset + o * taps;
  weight += weight_offset + o * taps;
  x += x_offset + at.y;
  y += y_offset + at.x + o * y_step;
  const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, run);
  for (int i = first; i < last; i += VW) {
    MATHV sum = V(0.0f);
    for (int t = 0; t < taps; t++)
      if (weight[t] != 0) sum += V(weight[t]) * icn_load_most(x + index[t] * x_step + i, last - i, 0.0f);
    icn_store_most(sum, y + i, last - i);
  }
}

#endif
