/* COPY: y[i0]..[i7] = x[i0]..[i7] between two views of one shape. Made by lib/row_copy.c. */
#include "interleave.clh"
#include "loop.clh"

#define NO_STRIDE (int8)(0)

#if VW == 1

/* Any strides. Global: at least `count` items, one element each; local: any.
 *   for (index = 0; index < count; index++) y[offset of index] = x[offset of index]
 * Checked by icn_copy_any_applies. */
__kernel void copy_any(__global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int count, int rank,
                       int8 dim, int8 y_stride, int8 x_stride) {
  int index = (int)get_global_id(0);
  if (index >= count) return;
  int4 at = icn_loop_offsets(index, rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
  y[y_offset + at.x] = x[x_offset + at.y];
}

/* Transposes: x is contiguous along a, y along b, the other dims are the loop over `outer`.
 *   for each outer, a, b: y[a * y_step + b] = x[a + b * x_step]
 * Both kernels: global (tiles of a, tiles of b, outer). Checked by icn_copy_tile_applies. */

/* An item a tile of a_tile x B_TILE; local (1, 1, 1). */
#define B_TILE 16

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void copy_tile(__global const STORE *restrict x, int x_offset,
                                                                       __global STORE *restrict y, int y_offset, int a_size, int b_size,
                                                                       int y_step, int x_step, int rank, int8 dim, int8 y_stride,
                                                                       int8 x_stride, int a_tile) {
  int4 at = icn_loop_offsets((int)get_global_id(2), rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
  x += x_offset + at.y;
  y += y_offset + at.x;
  const int a_first = (int)get_global_id(0) * a_tile, a_end = min(a_first + a_tile, a_size);
  const int b_first = (int)get_global_id(1) * B_TILE, b_end = min(b_first + B_TILE, b_size);
  int a = a_first;
  if (b_size == 3 && y_step == 3) /* a picture */
    for (; a + 4 <= a_end; a += 4)
      icn_interleave3(vload4(0, x + a), vload4(0, x + a + x_step), vload4(0, x + a + 2 * x_step), y + a * 3);
  for (; a < a_end; a++)
    for (int b = b_first; b < b_end; b++) y[a * y_step + b] = x[a + b * x_step];
}

/* A work-group of TILE x TILE_ROWS items a tile of TILE x TILE, through local memory, so that reads and writes are both coalesced.
 * Global (TILE * tiles of a, TILE_ROWS * tiles of b, outer); local (TILE, TILE_ROWS, 1). */
#define TILE 16
#define TILE_ROWS 4

__kernel __attribute__((reqd_work_group_size(TILE, TILE_ROWS, 1))) void copy_tile_group(
    __global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int a_size, int b_size, int y_step, int x_step,
    int rank, int8 dim, int8 y_stride, int8 x_stride) {
  __local STORE tile[TILE][TILE + 1];
  int4 at = icn_loop_offsets((int)get_global_id(2), rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
  x += x_offset + at.y;
  y += y_offset + at.x;
  const int lane = (int)get_local_id(0), slice = (int)get_local_id(1);
  const int a_first = (int)get_group_id(0) * TILE, b_first = (int)get_group_id(1) * TILE;
  for (int b = slice; b < TILE; b += TILE_ROWS)
    if (a_first + lane < a_size && b_first + b < b_size) tile[b][lane] = x[a_first + lane + (b_first + b) * x_step];
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int a = slice; a < TILE; a += TILE_ROWS)
    if (a_first + a < a_size && b_first + lane < b_size) y[(a_first + a) * y_step + b_first + lane] = tile[lane][a];
}

#else

/* Runs: the innermost dim (`run` elements) is contiguous in y and x; `outer` rows by the loop. Item (i, j) copies elements [i * chunk, (i +
 * 1) * chunk) of rows [j * rows, (j + 1) * rows). Global: (run / chunk, outer / rows) rounded up; local: any. Checked by
 * icn_copy_run_applies. */
__kernel void copy_run(__global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int run, int chunk,
                       int outer, int rows, int rank, int8 dim, int8 y_stride, int8 x_stride) {
  const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, run);
  const int row_end = min(((int)get_global_id(1) + 1) * rows, outer);
  for (int row = (int)get_global_id(1) * rows; row < row_end; row++) {
    int4 at = icn_loop_offsets(row, rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
    __global const STORE *from = x + x_offset + at.y;
    __global STORE *to = y + y_offset + at.x;
    for (int i = first; i < last; i += VW) icn_store_most(icn_load_most(from + i, last - i, 0.0f), to + i, last - i);
  }
}

#endif
