/* What follows a library's matrix product: in place, y[m][n] = act(y[m][n] * scale[n] + bias[n] + residual[m][n]).
 *
 * y and residual have adjacent columns. global: at least `count` = m*n, columns innermost; local: any. Checked by icn_clblast_*_applies() in
 * lib/row_clblast.c. */
#include "common.clh"

/* size: columns, stride of y's rows, stride of the residual's rows, then 1 where there is a scale, a bias, a residual; stride of scale, of
 * bias. */
__kernel void gemm_epilogue(__global STORE *y, int y_offset, __global const STORE *scale, int scale_offset, __global const STORE *bias,
                            int bias_offset, __global const STORE *residual, int residual_offset, int count, int8 size, int function,
                            float alpha, float beta) {
  const int index = (int)get_global_id(0);
  if (index >= count) return;
  const int m = index / size.s0, n = index % size.s0;
  y += y_offset + m * size.s1 + n;
  MATH v = *y;
  if (size.s3) v *= scale[scale_offset + n * size.s6];
  if (size.s4) v += bias[bias_offset + n * size.s7];
  if (size.s5) v += residual[residual_offset + m * size.s2 + n];
  *y = icn_activate(v, function, alpha, beta);
}
