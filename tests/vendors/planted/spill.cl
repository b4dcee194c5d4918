/* Planted faults for the compilers that report registers: a target that does not report these two is itself broken.
 *
 * planted_spill holds 640 floats an item across a loop, more than any GPU has registers for; planted_array indexes a private array by
 * data, so that it must stand in memory. */
__kernel __attribute__((reqd_work_group_size(64, 1, 1))) void planted_spill(__global const float *x, __global float *y, int n) {
  const size_t item = get_global_id(0);
  float16 held[40];
#pragma unroll
  for (int i = 0; i < 40; i++) held[i] = vload16(item * 40 + (size_t)i, x);
  for (int k = 0; k < n; k++) {
    const float16 factor = vload16((size_t)k, x);
#pragma unroll
    for (int i = 0; i < 40; i++) held[i] += factor * held[(i + 7) % 40];
  }
#pragma unroll
  for (int i = 0; i < 40; i++) vstore16(held[i], item * 40 + (size_t)i, y);
}

__kernel __attribute__((reqd_work_group_size(64, 1, 1))) void planted_array(__global const float *x, __global const int *order,
                                                                            __global float *y, int n) {
  const size_t item = get_global_id(0);
  float held[256];
  for (int i = 0; i < 256; i++) held[i] = x[item * 256 + (size_t)i];
  for (int k = 0; k < n; k++) held[order[item + (size_t)k] & 255] += x[k];
  float sum = 0;
  for (int i = 0; i < 256; i++) sum += held[i] * x[i];
  y[item] = sum;
}
