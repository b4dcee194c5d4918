/* Matrix product for GPUs: a work-group computes BM x BN elements through local memory, an item 4 x 4 of them.
 *
 *   y[batch][m][n] = act(alpha * sum over k of a[batch][m][k] * b[batch][k][n] + beta * c[batch][m][n])
 *
 * Any strides (transposition and broadcasting are in them); neighbouring items load neighbouring k of a and neighbouring n of b, or
 * neighbouring m and k where the flags say that these are adjacent. global: BN/4 * column tiles, BM/4 * row tiles, batch; local: BN/4, BM/4,
 * 1. Checked by icn_matmul_gpu_applies() in lib/row_matmul_gpu.c. */
#include "common.clh"

#ifndef BM
#define BM 64
#endif
#ifndef BN
#define BN 64
#endif
#define BK    16
#define ITEMS ((BM / 4) * (BN / 4))
#define A_ROW (BM + 4) /* rows of the tiles, padded against bank conflicts */
#define B_ROW (BN + 4)

/* size: m, n, k, then 1 where a's rows (m) are adjacent, 1 where b's rows (k) are; a: stride of m, of k, of batch; b: of k, n, batch;
 * y: of m, n, batch; c: of m, n, batch, present. */
__kernel __attribute__((reqd_work_group_size(BN / 4, BM / 4, 1))) void matmul_gpu(
    __global const STORE *a, int a_offset, __global const STORE *b, int b_offset, __global const STORE *c, int c_offset, __global STORE *y,
    int y_offset, int8 size, int8 a_stride, int8 b_stride, int8 y_stride, int8 c_stride, float alpha, float beta, int function,
    float function_alpha, float function_beta) {
  __local MATH a_tile[BK * A_ROW];
  __local MATH b_tile[BK * B_ROW];
  const int column = (int)get_local_id(0) * 4, row = (int)get_local_id(1) * 4;
  const int item = (int)get_local_id(1) * (BN / 4) + (int)get_local_id(0);
  const int first_n = (int)get_group_id(0) * BN, first_m = (int)get_group_id(1) * BM, batch = (int)get_group_id(2);
  const int rows = size.s0, columns = size.s1, depth = size.s2;
  a += a_offset + batch * a_stride.s2;
  b += b_offset + batch * b_stride.s2;

  float4 acc[4];
#pragma unroll
  for (int i = 0; i < 4; i++) acc[i] = 0;

  for (int k = 0; k < depth; k += BK) {
    for (int i = item; i < BM * BK; i += ITEMS) {
      const int m = size.s3 ? i % BM : i / BK, j = size.s3 ? i / BM : i % BK;
      const bool inside = first_m + m < rows && k + j < depth;
      a_tile[j * A_ROW + m] = inside ? a[(first_m + m) * a_stride.s0 + (k + j) * a_stride.s1] : 0;
    }
    for (int i = item; i < BN * BK; i += ITEMS) {
      const int n = size.s4 ? i / BK : i % BN, j = size.s4 ? i % BK : i / BN;
      const bool inside = first_n + n < columns && k + j < depth;
      b_tile[j * B_ROW + n] = inside ? b[(k + j) * b_stride.s0 + (first_n + n) * b_stride.s1] : 0;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll 4 /* as in conv_gpu.cl */
    for (int j = 0; j < BK; j++) {
      const float4 va = vload4(0, a_tile + j * A_ROW + row), vb = vload4(0, b_tile + j * B_ROW + column);
      acc[0] += va.s0 * vb;
      acc[1] += va.s1 * vb;
      acc[2] += va.s2 * vb;
      acc[3] += va.s3 * vb;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }

  y += y_offset + batch * y_stride.s2;
  c += c_offset + batch * c_stride.s2;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int m = first_m + row + i;
    MATH value[4];
    vstore4(alpha * acc[i], 0, value);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int n = first_n + column + j;
      if (m < rows && n < columns) {
        MATH v = value[j];
        if (c_stride.s3) v += beta * c[m * c_stride.s0 + n * c_stride.s1];
        y[m * y_stride.s0 + n * y_stride.s1] = icn_activate(v, function, function_alpha, function_beta);
      }
    }
  }
}
