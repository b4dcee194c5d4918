/* What a device can do at best: arithmetic in registers, and a plain copy. Launched by host/measure.c, VW is the native vector width. */
#include "common.clh"

#ifndef VW
#define VW 4
#endif
#define VECTOR_OF(width) float##width
#define VECTOR(width)    VECTOR_OF(width)
#if VW == 1
typedef float vector;
#define LOAD(p) (*(p))
#else
typedef VECTOR(VW) vector;
#define LOAD_OF(width)   vload##width
#define LOAD_NAME(width) LOAD_OF(width)
#define LOAD(p)          LOAD_NAME(VW)(0, p)
#endif

/* Twelve independent chains hide the latency of the multiply-add of every CPU and GPU we know of. One work-item does
 *   for (i = 0; i < iterations; i++) for (chain = 0; chain < 12; chain++) x[chain] = x[chain] * a + b
 * which is 24 * VW * iterations operations. Global: any. The chains begin with a vload: clang lets x86 kernels use 512-bit registers only
 * where a call has an argument or result of that width. */
__kernel void measure_arithmetic(__global const float *x, int x_offset, __global float *y, int y_offset, int iterations, float a, float b) {
  const vector factor = a, term = b;
  vector x0 = LOAD(x + x_offset), x1 = x0 + 1, x2 = x0 + 2, x3 = x0 + 3, x4 = x0 + 4, x5 = x0 + 5;
  vector x6 = x0 + 6, x7 = x0 + 7, x8 = x0 + 8, x9 = x0 + 9, x10 = x0 + 10, x11 = x0 + 11;
  for (int i = 0; i < iterations; i++) {
    x0 = x0 * factor + term;
    x1 = x1 * factor + term;
    x2 = x2 * factor + term;
    x3 = x3 * factor + term;
    x4 = x4 * factor + term;
    x5 = x5 * factor + term;
    x6 = x6 * factor + term;
    x7 = x7 * factor + term;
    x8 = x8 * factor + term;
    x9 = x9 * factor + term;
    x10 = x10 * factor + term;
    x11 = x11 * factor + term;
  }
  vector sum = ((x0 + x1) + (x2 + x3)) + ((x4 + x5) + (x6 + x7)) + ((x8 + x9) + (x10 + x11));
#if VW == 1
  y[y_offset + get_global_id(0)] = sum;
#else
  __global vector *out = (__global vector *)(y + y_offset);
  out[get_global_id(0)] = sum;
#endif
}

/* y[i] = x[i], one vector a work-item. Global: the number of vectors. */
__kernel void measure_copy(__global const float *restrict x, int x_offset, __global float *restrict y, int y_offset) {
  __global const vector *in = (__global const vector *)(x + x_offset);
  __global vector *out = (__global vector *)(y + y_offset);
  out[get_global_id(0)] = in[get_global_id(0)];
}
