/* COPY: y[i0]..[i7] = x[i0]..[i7] between two views of one shape. Made by lib/row_copy.c. */
#include "loop.clh"

/* Any strides. Global: at least `count` items, one element each; local: any.
 *   for (index = 0; index < count; index++) y[offset of index] = x[offset of index]
 * Checked by icn_copy_any_applies. */
__kernel void copy_any(__global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int count, int rank,
                       int8 dim, int8 y_stride, int8 x_stride) {
  int index = (int)get_global_id(0);
  if (index >= count) return;
  int4 offset = icn_loop_offsets(index, rank, dim, y_stride, x_stride, (int8)(0), (int8)(0));
  y[y_offset + offset.x] = x[x_offset + offset.y];
}
