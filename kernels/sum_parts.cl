/* The second launch of a product whose depth was split (conv_gpu.cl and conv_item.cl with -D SPLIT): an item sums what the parts have for
 * four neighbouring channels of a pixel.
 *
 *   y[pixel][channel] = act(bias[channel] + residual + sum over part of parts[part][pixel][channel])
 *
 * The parts are added in their order, so that the same bits come out every time. They lie dense, a group's channels padded to a multiple of
 * 4; y and residual are NHWC with a pixel stride of their own. Global: at least (channels / 4, pixels, groups); local: any, 1 along groups.
 * Checked by icn_split_valid() in lib/row_gpu_split.c. */
#include "quad.clh"

/* size: pixels, channels of a group, elements of a pixel in parts, pixel stride of y, first channel that the activation is for (a multiple
 * of 8), parts, where the biases begin in packed, biases of a group there. residual_stride: pixels of the residual, 0 when there is none. */
__kernel void sum_parts(__global const STORE *parts, int parts_offset, __global const WEIGHT *packed, int packed_offset,
                        __global const STORE *residual, int residual_offset, __global STORE *y, int y_offset, int8 size,
                        int residual_stride, int function, float alpha, float beta) {
  const int column = (int)get_global_id(0) * 4, row = (int)get_global_id(1), group = (int)get_global_id(2);
  const int rows = size.s0, columns = size.s1, line = size.s2, first = group * columns + column;
  if (column >= columns || row >= rows) return;
  parts += parts_offset + (size_t)row * line + group * ((columns + 3) / 4 * 4) + column;
  packed += packed_offset + size.s6 + group * size.s7 + column;

  float4 sum = vload4(0, parts);
  for (int part = 1; part < size.s5; part++) sum += vload4(0, parts + (size_t)part * rows * line);
  icn_store_quad(sum + WLOAD4(0, packed), y + y_offset + (size_t)row * size.s3 + first, columns - column,
                 residual + residual_offset + (size_t)row * residual_stride + first, residual_stride,
                 icn_activation(column < size.s4 ? 0 : function, alpha, beta));
}
