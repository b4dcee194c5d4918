/* Matrix product for CPU devices with b read in place: one work-item computes a register tile of MR rows x NR = NV * VW columns.
 *
 *   y[batch][m][n] = act(alpha * sum over k of a[batch][m][k] * b[batch][k][n] + beta * c[batch][m][n])
 *
 * b, y have adjacent columns; a and c may have any strides (0 where c is broadcast). Surplus rows of the last tile repeat the last row and
 * are not stored; the last panel's surplus columns are not read. global: row tiles, panels, batch; local: 1, 1, 1.
 * Checked by icn_matmul_tile_applies() in lib/row_matmul_tile.c. */
#include "tile.clh"

static inline VEC load_strided(__global const STORE *x, int stride, int count) {
  MATH lane[VW];
  for (int k = 0; k < VW; k++) lane[k] = k < count ? x[k * stride] : 0;
  return VLOAD(0, lane);
}

/* size: m, n, k; a: stride of m, of k, of batch; b: stride of k, of batch; y: stride of m, of batch; c: stride of m, n, batch, present. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void matmul_tile(
    __global const STORE *a, int a_offset, __global const STORE *b, int b_offset, __global const STORE *c, int c_offset, __global STORE *y,
    int y_offset, int8 size, int8 a_stride, int8 b_stride, int8 y_stride, int8 c_stride, float alpha, float beta, int function,
    float function_alpha, float function_beta) {
  const int tile = (int)get_global_id(0) * MR, column = (int)get_global_id(1) * NR, batch = (int)get_global_id(2);
  const int rows = size.s0, count = min(size.s1 - column, NR), depth = size.s2, a_step = a_stride.s1, b_step = b_stride.s0;
  b += b_offset + (size_t)batch * b_stride.s1 + column;
  __global const STORE *row[MR];
#pragma unroll
  for (int i = 0; i < MR; i++) row[i] = a + a_offset + (size_t)batch * a_stride.s2 + (size_t)min(tile + i, rows - 1) * a_stride.s0;

  VEC acc[MR][NV];
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int j = 0; j < NV; j++) acc[i][j] = 0;

  for (int k = 0; k < depth; k++) {
    VEC v[NV];
    if (count == NR) {
#pragma unroll
      for (int j = 0; j < NV; j++) v[j] = VLOAD(j, b);
    } else {
#pragma unroll
      for (int j = 0; j < NV; j++) v[j] = icn_load_some(b + j * VW, count - j * VW);
    }
#pragma unroll
    for (int i = 0; i < MR; i++) {
      const VEC x = row[i][(size_t)k * a_step];
#pragma unroll
      for (int j = 0; j < NV; j++) acc[i][j] += x * v[j];
    }
    b += b_step;
  }

  /* Out of the registers first, so that what follows is one loop and not MR * NV copies of it. */
  MATH sums[MR * NR];
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int j = 0; j < NV; j++) VSTORE(acc[i][j], i * NV + j, sums);

  const int live = min(rows - tile, MR);
  y += y_offset + (size_t)batch * y_stride.s1 + (size_t)tile * y_stride.s0 + column;
  c += c_offset + (size_t)batch * c_stride.s2 + (size_t)column * c_stride.s1;
  for (int i = 0; i < live; i++) {
    for (int j = 0; j * VW < count; j++) {
      const int lanes = count - j * VW;
      VEC v = alpha * VLOAD(i * NV + j, sums);
      if (c_stride.s3) v += beta * load_strided(c + (size_t)(tile + i) * c_stride.s0 + j * VW * c_stride.s1, c_stride.s1, lanes);
      icn_store_some(icn_activate_vec(v, function, function_alpha, function_beta), y + j * VW, lanes);
    }
    y += y_stride.s0;
  }
}
