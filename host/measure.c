/* The roof of a device: peak arithmetic and copy bandwidth, each measured in a fraction of a second (kernels/measure.cl); what a launch
 * costs. */

#include <stdio.h>
#include <string.h>

#include "device.h"
#include "measure.h"
#include "os.h"

enum { CHAINS = 12, ARITHMETIC_REPEATS = 100, COPY_REPEATS = 10, LAUNCHES = 100, LAUNCH_REPEATS = 10 };
/* Of one timed launch: long beside the launch itself, short beside the time for which another process takes a core away. The best of many
 * short launches is the device's own rate, also on a machine that does other things. */
static const double WANTED_SECONDS = 0.005;

static const float START[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}; /* of the chains */

typedef struct bench {
  icn_runtime *runtime;
  icn_buffer *x, *y;
  int width; /* vector width */
} bench;

static int vector_width(const icn_device_desc *desc) {
  int width = 1;
  while (width * 2 <= (int)desc->vector_width && width < 16) width *= 2;
  return width;
}

/* Seconds of one launch. */
static icn_status time_launch(bench *b, const icn_launch *launch, double *seconds, icn_error *error) {
  icn_status status = ICN_OK;
  icn_bound *bound = NULL;
  icn_buffer *operands[ICN_OPERAND_COUNT] = {[ICN_OPERAND_IN] = b->x, [ICN_OPERAND_OUT] = b->y};
  const int64_t offsets[ICN_OPERAND_COUNT] = {0};
  ICN_TRY(icn_bound_create(b->runtime, launch, operands, offsets, "device measurement", &bound, error));
  ICN_TRY(icn_runtime_finish(b->runtime, error));
  const double start = icn_os_seconds();
  ICN_TRY(icn_bound_enqueue(b->runtime, bound, error));
  ICN_TRY(icn_runtime_finish(b->runtime, error));
  *seconds = icn_os_seconds() - start;
done:
  icn_bound_destroy(bound);
  return status;
}

static icn_launch arithmetic_launch(const bench *b, size_t items, int iterations) {
  icn_emit emit;
  memset(&emit, 0, sizeof emit);
  icn_launch *launch = icn_emit_launch(&emit, "measure.cl", "measure_arithmetic");
  icn_launch_options(launch, "-D VW=%d", b->width);
  const size_t local = icn_runtime_desc(b->runtime)->kind == ICN_DEVICE_CPU ? 1 : 0; /* one item a group: nothing else to vectorise */
  icn_launch_range(launch, 1, items, 1, 1, local, local, local);
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, iterations);
  icn_launch_float(launch, 0.999f);
  icn_launch_float(launch, 0.001f);
  return *launch;
}

static icn_launch copy_launch(const bench *b, size_t items) {
  icn_emit emit;
  memset(&emit, 0, sizeof emit);
  icn_launch *launch = icn_emit_launch(&emit, "measure.cl", "measure_copy");
  icn_launch_options(launch, "-D VW=%d", b->width);
  icn_launch_range(launch, 1, items, 1, 1, 0, 0, 0);
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  return *launch;
}

static icn_status measure_arithmetic(bench *b, double *flop_per_second, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_device_desc *desc = icn_runtime_desc(b->runtime);
  const size_t items = desc->kind == ICN_DEVICE_CPU ? (size_t)desc->compute_units * 16 : (size_t)desc->compute_units * 2048;
  double seconds = 0, best = 0;
  int iterations = 64;
  for (;;) { /* the first launches also warm caches and clocks up */
    const icn_launch launch = arithmetic_launch(b, items, iterations);
    ICN_TRY(time_launch(b, &launch, &seconds, error));
    if (seconds >= WANTED_SECONDS || iterations > 1 << 28) break;
    iterations *= seconds > WANTED_SECONDS / 8 ? 2 : 4;
  }
  for (int repeat = 0; repeat < ARITHMETIC_REPEATS; repeat++) {
    const icn_launch launch = arithmetic_launch(b, items, iterations);
    ICN_TRY(time_launch(b, &launch, &seconds, error));
    const double rate = 2.0 * CHAINS * b->width * (double)items * iterations / seconds;
    if (rate > best) best = rate;
  }
  *flop_per_second = best;
done:
  return status;
}

static icn_status measure_copy(bench *b, uint64_t bytes, double *bytes_per_second, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_launch launch = copy_launch(b, (size_t)(bytes / sizeof(float)) / (size_t)b->width);
  double seconds = 0, best = 0;
  for (int repeat = 0; repeat <= COPY_REPEATS; repeat++) {
    ICN_TRY(time_launch(b, &launch, &seconds, error));
    const double rate = 2.0 * (double)bytes / seconds;
    if (repeat > 0 && rate > best) best = rate; /* the first touches the pages */
  }
  *bytes_per_second = best;
done:
  return status;
}

/* Far above the last cache, within what the device can hold. */
static uint64_t copy_bytes(const icn_device_desc *desc) {
  const uint64_t mib = (uint64_t)1 << 20;
  uint64_t bytes = 64 * mib;
  if (desc->cache_bytes * 4 > bytes) bytes = desc->cache_bytes * 4;
  if (bytes > 256 * mib) bytes = 256 * mib;
  if (bytes > desc->max_allocation_bytes / 4) bytes = desc->max_allocation_bytes / 4;
  return bytes / 4096 * 4096;
}

icn_status icn_device_measure(const icn_context *context, const icn_device *device, double *flop_per_second, double *bytes_per_second,
                              icn_error *error) {
  icn_status status = ICN_OK;
  bench b = {0};
  icn_error_clear(error);
  ICN_REQUIRE(context != NULL && device != NULL, ICN_ARGUMENT, "icn_device_measure: %s is NULL", context == NULL ? "context" : "device");
  ICN_REQUIRE(flop_per_second != NULL && bytes_per_second != NULL, ICN_ARGUMENT, "icn_device_measure: a result pointer is NULL");
  ICN_REQUIRE(device->desc.kind != ICN_DEVICE_REFERENCE, ICN_UNSUPPORTED, "the reference device has no rates to measure");
  ICN_TRY(icn_runtime_create(context, device, NULL, &b.runtime, error));
  b.width = vector_width(&device->desc);
  const uint64_t bytes = copy_bytes(&device->desc);
  ICN_TRY(icn_buffer_create(b.runtime, bytes, NULL, &b.x, error));
  ICN_TRY(icn_buffer_create(b.runtime, bytes, NULL, &b.y, error));
  ICN_TRY(icn_buffer_write(b.runtime, b.x, 0, sizeof START, START, error));
  ICN_TRY(measure_arithmetic(&b, flop_per_second, error));
  ICN_TRY(measure_copy(&b, bytes, bytes_per_second, error));
done:
  icn_buffer_destroy(b.x);
  icn_buffer_destroy(b.y);
  icn_runtime_destroy(b.runtime);
  return status;
}

/* Launches of one vector each, one behind the other: what each adds. */
static icn_status measure_launches(bench *b, double *launch_seconds, icn_error *error) {
  icn_status status = ICN_OK;
  icn_bound *bound = NULL;
  icn_buffer *operands[ICN_OPERAND_COUNT] = {[ICN_OPERAND_IN] = b->x, [ICN_OPERAND_OUT] = b->y};
  const int64_t offsets[ICN_OPERAND_COUNT] = {0};
  const icn_launch launch = copy_launch(b, 1);
  ICN_TRY(icn_bound_create(b->runtime, &launch, operands, offsets, "device measurement", &bound, error));
  for (int repeat = 0; repeat <= LAUNCH_REPEATS; repeat++) { /* the first warms up */
    const double start = icn_os_seconds();
    for (int i = 0; i < LAUNCHES; i++) ICN_TRY(icn_bound_enqueue(b->runtime, bound, error));
    ICN_TRY(icn_runtime_finish(b->runtime, error));
    const double seconds = (icn_os_seconds() - start) / LAUNCHES;
    if (repeat == 1 || (repeat > 1 && seconds < *launch_seconds)) *launch_seconds = seconds;
  }
done:
  icn_bound_destroy(bound);
  return status;
}

icn_status icn_device_measure_launch(const icn_context *context, const icn_device *device, double *launch_seconds, icn_error *error) {
  icn_status status = ICN_OK;
  bench b = {0};
  ICN_REQUIRE(device->desc.kind != ICN_DEVICE_REFERENCE, ICN_UNSUPPORTED, "the reference device has no launches to measure");
  ICN_TRY(icn_runtime_create(context, device, NULL, &b.runtime, error));
  b.width = vector_width(&device->desc);
  ICN_TRY(icn_buffer_create(b.runtime, sizeof START, START, &b.x, error));
  ICN_TRY(icn_buffer_create(b.runtime, sizeof START, NULL, &b.y, error));
  ICN_TRY(measure_launches(&b, launch_seconds, error));
done:
  icn_buffer_destroy(b.x);
  icn_buffer_destroy(b.y);
  icn_runtime_destroy(b.runtime);
  return status;
}
