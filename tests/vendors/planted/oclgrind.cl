/* Planted faults for oclgrind: a target that does not see each of them is itself broken. Run by kernel_once with 64 items in groups of 16;
 * both buffers hold 64 floats. `clean` is the counter-proof: nothing may be said of it. */
#define FAULT(name) __kernel __attribute__((reqd_work_group_size(16, 1, 1))) void name(__global const float *in, __global float *out, uint n)

FAULT(clean) {
  __local float shared[16];
  const uint i = (uint)get_global_id(0), l = (uint)get_local_id(0);
  shared[l] = in[i];
  barrier(CLK_LOCAL_MEM_FENCE);
  out[i] = shared[15 - l] + (float)n;
}

/* The last item reads one float past the end. */
FAULT(read_past_the_end) {
  const uint i = (uint)get_global_id(0);
  out[i] = in[i + 1];
}

FAULT(write_past_the_end) {
  const uint i = (uint)get_global_id(0);
  out[i + 1] = in[i];
}

FAULT(local_past_the_end) {
  __local float shared[16];
  const uint i = (uint)get_global_id(0), l = (uint)get_local_id(0);
  shared[l] = in[i];
  barrier(CLK_LOCAL_MEM_FENCE);
  out[i] = shared[l + 1];
}

/* No barrier between the write and another item's read. */
FAULT(race_in_local) {
  __local float shared[16];
  const uint i = (uint)get_global_id(0), l = (uint)get_local_id(0);
  shared[l] = 0;
  barrier(CLK_LOCAL_MEM_FENCE);
  shared[l] = in[i];
  out[i] = shared[(l + 1) & 15];
}

/* Every item adds to the same place. */
FAULT(race_in_global) {
  const uint i = (uint)get_global_id(0);
  out[0] += in[i] + (float)i;
}

/* Nobody writes the upper half of `shared`. */
FAULT(uninitialised_local) {
  __local float shared[16];
  const uint i = (uint)get_global_id(0), l = (uint)get_local_id(0);
  if (l < 8) shared[l] = in[i];
  barrier(CLK_LOCAL_MEM_FENCE);
  out[i] = shared[l];
}

FAULT(uninitialised_private) {
  const uint i = (uint)get_global_id(0);
  float kept[4];
  if (n > 1000000) kept[0] = in[i];
  out[i] = kept[i & 3];
}

/* Half of a group waits where the others never come. */
FAULT(divergent_barrier) {
  const uint i = (uint)get_global_id(0), l = (uint)get_local_id(0);
  if (l < 8) barrier(CLK_LOCAL_MEM_FENCE);
  out[i] = in[i];
}

/* A vector stored through a pointer that is aligned for a float only. */
FAULT(misaligned_vector) {
  const uint i = (uint)get_global_id(0);
  if (i == 0) *(__global float8 *)(out + 1) = (float8)(in[0]);
}

/* Nothing wrong, but 8 KiB of local memory: for a device that has less. */
FAULT(much_local) {
  __local float shared[2048];
  const uint i = (uint)get_global_id(0), l = (uint)get_local_id(0);
  for (uint k = l; k < 2048; k += 16) shared[k] = in[k & 63];
  barrier(CLK_LOCAL_MEM_FENCE);
  out[i] = shared[l * 128];
}
