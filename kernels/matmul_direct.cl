/* The universal matrix product: one work-item computes one output element, every tensor is read by its own strides.
 *
 *   y[...][m][n] = act(alpha * sum over k of a[...][m][k] * b[...][k][n] + beta * c[...][m][n])
 *
 * Up to six leading dims; transposition and broadcasting are in the strides. global: at least `count`, n innermost; local: any.
 * Checked by icn_matmul_direct_applies() in lib/row_matmul_direct.c. */
#include "common.clh"

/* dim, y_stride, c_stride: the output's dims, right-aligned (s6 is m, s7 is n). a_stride: s6 is m, s7 is k; b_stride: s6 is k, s7 is n. */
__kernel void matmul_direct(__global const STORE *a, int a_offset, __global const STORE *b, int b_offset, __global const STORE *c,
                            int c_offset, __global STORE *y, int y_offset, int count, int depth, int8 dim, int8 y_stride, int8 a_stride,
                            int8 b_stride, int8 c_stride, float alpha, float beta, int has_c, int function, float function_alpha,
                            float function_beta) {
  const int index = (int)get_global_id(0);
  if (index >= count) return;
  int left = index;
  const int n = left % dim.s7;
  left /= dim.s7;
  const int m = left % dim.s6;
  left /= dim.s6;
  a += a_offset + m * a_stride.s6;
  b += b_offset + n * b_stride.s7;
  c += c_offset + m * c_stride.s6 + n * c_stride.s7;
  y += y_offset + m * y_stride.s6 + n * y_stride.s7;
#define LEADING(S)             \
  {                            \
    const int i = left % dim.S; \
    left /= dim.S;             \
    a += i * a_stride.S;       \
    b += i * b_stride.S;       \
    c += i * c_stride.S;       \
    y += i * y_stride.S;       \
  }
  LEADING(s5) LEADING(s4) LEADING(s3) LEADING(s2) LEADING(s1) LEADING(s0)
  MATH sum = 0;
  for (int k = 0; k < depth; k++) sum += a[k * a_stride.s7] * b[k * b_stride.s6];
  sum *= alpha;
  if (has_c) sum += beta * *c;
  *y = icn_activate(sum, function, function_alpha, function_beta);
}
