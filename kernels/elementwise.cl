/* UNARY, BINARY and AFFINE over views of any rank. Made by lib/row_elementwise.c.
 *   unary   y[i] = f(x[i]; a, b, g)        binary  y[i] = f(x[i], b[i])        affine  y[i] = x[i] * b[i] + c[i]
 * i runs over the output; operands that are broadcast have stride 0. */
#include "functions.clh"
#include "interleave.clh"
#include "loop.clh"

#if VW == 1

/* Any strides. Global: at least `count` items, one element each; local: any. Checked by icn_unary_any_applies. */
__kernel void unary_any(__global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int count, int rank,
                        int8 dim, int8 y_stride, int8 x_stride, int function, float a, float b, float g) {
  int index = (int)get_global_id(0);
  if (index >= count) return;
  int4 at = icn_loop_offsets(index, rank, dim, y_stride, x_stride, (int8)(0), (int8)(0));
  y[y_offset + at.x] = icn_unary(x[x_offset + at.y], function, a, b, g);
}

/* Any strides, broadcasting. Global: at least `count` items; local: any. Checked by icn_binary_any_applies. */
__kernel void binary_any(__global const STORE *restrict x, int x_offset, __global const STORE *restrict b, int b_offset,
                         __global STORE *restrict y, int y_offset, int count, int rank, int8 dim, int8 y_stride, int8 x_stride,
                         int8 b_stride, int function) {
  int index = (int)get_global_id(0);
  if (index >= count) return;
  int4 at = icn_loop_offsets(index, rank, dim, y_stride, x_stride, b_stride, (int8)(0));
  y[y_offset + at.x] = icn_binary(x[x_offset + at.y], b[b_offset + at.z], function);
}

/* Any strides. Global: at least `count` items; local: any. Checked by icn_affine_any_applies. */
__kernel void affine_any(__global const STORE *restrict x, int x_offset, __global const STORE *restrict b, int b_offset,
                         __global const STORE *restrict c, int c_offset, __global STORE *restrict y, int y_offset, int count, int rank,
                         int8 dim, int8 y_stride, int8 x_stride, int8 b_stride, int8 c_stride) {
  int index = (int)get_global_id(0);
  if (index >= count) return;
  const int8 none = (int8)(0); /* three offsets and one: LLVM would make a vector of four (see loop.clh) */
  const int4 at = icn_loop_offsets(index, rank, dim, y_stride, x_stride, b_stride, none);
  const int c_at = icn_loop_offsets(index, rank, dim, c_stride, none, none, none).x;
  y[y_offset + at.x] = x[x_offset + at.y] * b[b_offset + at.z] + c[c_offset + c_at];
}

/* A picture's planes to pixels: in x the pixels of a channel are adjacent, in y the channels of a pixel. Item (i, j): pixels [i * chunk,
 * (i + 1) * chunk) of image j. steps: from channel to channel in x, from image to image in x, from pixel to pixel in y, from image to image
 * in y, of b, of c. Global: (pixels / chunk rounded up, images); local: (1, 1, 1). Checked by icn_affine_planes_applies. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void affine_planes(__global const STORE *restrict x, int x_offset,
                                                                           __global const STORE *restrict b, int b_offset,
                                                                           __global const STORE *restrict c, int c_offset,
                                                                           __global STORE *restrict y, int y_offset, int pixels, int chunk,
                                                                           int channels, int8 steps) {
  const int image = (int)get_global_id(1), plane = steps.s0, pixel = steps.s2;
  const int end = min(((int)get_global_id(0) + 1) * chunk, pixels);
  int i = (int)get_global_id(0) * chunk;
  x += x_offset + image * steps.s1;
  y += y_offset + image * steps.s3;
  b += b_offset;
  c += c_offset;
  if (channels == 3 && pixel == 3)
    for (; i + 4 <= end; i += 4)
      icn_interleave3(vload4(0, x + i) * b[0] + c[0], vload4(0, x + i + plane) * b[steps.s4] + c[steps.s5],
                      vload4(0, x + i + 2 * plane) * b[2 * steps.s4] + c[2 * steps.s5], y + i * 3);
  for (; i < end; i++)
    for (int k = 0; k < channels; k++) y[i * pixel + k] = x[i + k * plane] * b[k * steps.s4] + c[k * steps.s5];
}

#else

/* The *_run kernels: the innermost dim (`run` elements) is contiguous in y, and contiguous or repeated (step 0) in each input. The outer dims
 * are `rank`, `dim` and strides over `outer` rows. Item (i, j) computes elements [i * chunk, (i + 1) * chunk) of rows [j * rows, (j + 1) *
 * rows) with vectors of VW. Global: (run / chunk, outer / rows) rounded up; local: any. Checked by icn_*_run_applies. */

static inline MATHV load_step(__global const STORE *p, int i, int step, int n) {
  return step == 0 ? (MATHV)(*p) : icn_load_most(p + i, n, 0.0f);
}

#define ICN_RUN_ROWS(offset_call)                            \
  int first = (int)get_global_id(0) * chunk;                 \
  int last = min(first + chunk, run);                        \
  int row_end = min(((int)get_global_id(1) + 1) * rows, outer); \
  for (int row = (int)get_global_id(1) * rows; row < row_end; row++) { \
    int4 at = offset_call;                                   \
    for (int i = first; i < last; i += VW) {

#define ICN_RUN_END \
  }                 \
  }

__kernel void unary_run(__global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int run, int chunk,
                        int outer, int rows, int rank, int8 dim, int8 y_stride, int8 x_stride, int x_step, int function, float a, float b,
                        float g) {
  ICN_RUN_ROWS(icn_loop_offsets(row, rank, dim, y_stride, x_stride, (int8)(0), (int8)(0)))
  MATHV value = load_step(x + x_offset + at.y, i, x_step, last - i);
  icn_store_most(icn_unary(value, function, a, b, g), y + y_offset + at.x + i, last - i);
  ICN_RUN_END
}

__kernel void binary_run(__global const STORE *restrict x, int x_offset, __global const STORE *restrict b, int b_offset,
                         __global STORE *restrict y, int y_offset, int run, int chunk, int outer, int rows, int rank, int8 dim,
                         int8 y_stride, int8 x_stride, int8 b_stride, int x_step, int b_step, int function) {
  ICN_RUN_ROWS(icn_loop_offsets(row, rank, dim, y_stride, x_stride, b_stride, (int8)(0)))
  MATHV left = load_step(x + x_offset + at.y, i, x_step, last - i);
  MATHV right = load_step(b + b_offset + at.z, i, b_step, last - i);
  icn_store_most(icn_binary(left, right, function), y + y_offset + at.x + i, last - i);
  ICN_RUN_END
}

__kernel void affine_run(__global const STORE *restrict x, int x_offset, __global const STORE *restrict b, int b_offset,
                         __global const STORE *restrict c, int c_offset, __global STORE *restrict y, int y_offset, int run, int chunk,
                         int outer, int rows, int rank, int8 dim, int8 y_stride, int8 x_stride, int8 b_stride, int8 c_stride, int x_step,
                         int b_step, int c_step) {
  ICN_RUN_ROWS(icn_loop_offsets(row, rank, dim, y_stride, x_stride, b_stride, c_stride))
  MATHV value = load_step(x + x_offset + at.y, i, x_step, last - i);
  MATHV scale = load_step(b + b_offset + at.z, i, b_step, last - i);
  MATHV shift = load_step(c + c_offset + at.w, i, c_step, last - i);
  icn_store_most(value * scale + shift, y + y_offset + at.x + i, last - i);
  ICN_RUN_END
}

#endif
