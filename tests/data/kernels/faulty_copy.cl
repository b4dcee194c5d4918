/* Copies that do one thing wrong each: what host/kernel_check.c must notice (tests/api/test_kernel_check.c). One work-item an element. */
#define ARGUMENTS __global float *x, int x_offset, __global float *y, int y_offset, int count
#define INDEX     int i = (int)get_global_id(0)

__kernel void right(ARGUMENTS) { INDEX; y[y_offset + i] = x[x_offset + i]; }

__kernel void with_local(ARGUMENTS, __local float *tile) {
  INDEX;
  tile[get_local_id(0)] = x[x_offset + i];
  y[y_offset + i] = tile[get_local_id(0)];
}

__kernel void last_bit(ARGUMENTS) {
  INDEX;
  y[y_offset + i] = i == 3 ? as_float(as_int(x[x_offset + i]) ^ 1) : x[x_offset + i];
}

__kernel void not_a_number(ARGUMENTS) { INDEX; y[y_offset + i] = i == 3 ? NAN : x[x_offset + i]; }

__kernel void never_written(ARGUMENTS) {
  INDEX;
  if (i != count - 1) y[y_offset + i] = x[x_offset + i];
}

__kernel void behind_the_end(ARGUMENTS) {
  INDEX;
  y[y_offset + i] = x[x_offset + i];
  if (i == 0) y[y_offset + count] = 0;
}

__kernel void before_the_start(ARGUMENTS) {
  INDEX;
  y[y_offset + i] = x[x_offset + i];
  if (i == 0) y[y_offset - 1] = 0;
}

__kernel void far_behind_the_end(ARGUMENTS) {
  INDEX;
  y[y_offset + i] = x[x_offset + i];
  if (i == 0) y[y_offset + count + 200] = 0;
}

__kernel void into_the_input(ARGUMENTS) {
  INDEX;
  y[y_offset + i] = x[x_offset + i];
  if (i == 0) x[x_offset] = 0.5f;
}

/* Right only while the output holds what it begins with. */
__kernel void other_the_second_time(ARGUMENTS) {
  INDEX;
  float old = y[y_offset + i];
  y[y_offset + i] = isnan(old) ? x[x_offset + i] : old + 1;
}
