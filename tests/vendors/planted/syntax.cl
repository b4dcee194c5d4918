/* Planted faults for the check of the kernels' language, one for each -D PLANT=N. 0 has none. */
__kernel void planted(__global float *x, ulong n) {
  const uint i = (uint)get_global_id(0);
#if PLANT == 0
  x[i] = x[i] * 2.0f + (float)n;
#elif PLANT == 1 /* a constant in double: bare OpenCL C 1.2 has none */
  x[i] = x[i] * 2.0 + (float)n;
#elif PLANT == 2 /* arithmetic in half, which is an extension */
  half h = (half)x[i];
  x[i] = (float)(h + h);
#elif PLANT == 3 /* 64 bits silently cut to 32 */
  const uint wrong = n;
  x[i + wrong] = 1.0f;
#elif PLANT == 4 /* a sub-group function that nobody has declared */
  x[i] = sub_group_reduce_add(x[i]) + (float)n;
#elif PLANT == 5 /* an array whose length is not constant */
  float held[n];
  x[i] = held[0];
#endif
}
