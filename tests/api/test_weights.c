/* Weights on devices: what is acquired is there, the same bytes once, side by side on a CPU device, and nothing stays behind. */

#include "device_desc.h"
#include "model.h"
#include "plan_memory.h"
#include "support/api_model.h"
#include "support/icn_test.h"

typedef struct fixture {
  proto_writer file;
  icn_context *context;
  icn_model *model;
} fixture;

static int set_up(void **state) {
  static fixture f;
  f.file = api_model_write();
  f.context = api_context();
  f.model = api_model_load(f.context, &f.file);
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  icn_model_destroy(f->model);
  icn_context_destroy(f->context);
  proto_free(&f->file);
  return 0;
}

static icn_runtime *make_runtime(const fixture *f, size_t device) {
  const icn_runtime_options options = {0};
  icn_runtime *runtime = NULL;
  icn_error error;
  if (icn_runtime_create(f->context, icn_context_device(f->context, device), &options, &runtime, &error) != ICN_OK)
    fail_msg("%s", error.message);
  return runtime;
}

/* Number i of weight `which`; every weight is different. */
static float value(int which, size_t i) { return (float)(which * 1000) + (float)(i % 997); }

static icn_weight *acquire(const fixture *f, icn_runtime *runtime, int which, size_t bytes, uint64_t coming) {
  float *data = malloc(bytes);
  icn_weight *weight = NULL;
  icn_error error;
  assert_non_null(data);
  for (size_t i = 0; i < bytes / sizeof *data; i++) data[i] = value(which, i);
  const icn_weight_hash hash = icn_weight_hash_of(data, bytes);
  if (icn_weight_acquire(f->model, runtime, data, bytes, &hash, coming, &weight, &error) != ICN_OK) fail_msg("%s", error.message);
  free(data);
  return weight;
}

static void assert_there(icn_runtime *runtime, const icn_weight *weight, int which, size_t bytes) {
  float *data = malloc(bytes);
  icn_error error;
  assert_non_null(data);
  if (icn_buffer_read(runtime, icn_weight_buffer(weight), icn_weight_offset(weight), bytes, data, &error) != ICN_OK)
    fail_msg("%s", error.message);
  for (size_t i = 0; i < bytes / sizeof *data; i++)
    if (data[i] != value(which, i)) fail_msg("weight %d: element %zu is %g", which, i, (double)data[i]);
  free(data);
}

enum { WEIGHTS = 6 };
static const size_t BYTES[WEIGHTS] = {400, 12 << 20, 4, 16 << 20, 9000, 40 << 20};

static size_t count_buffers(icn_weight *const *weights) {
  size_t count = 0;
  for (int i = 0; i < WEIGHTS; i++) {
    int before = 0;
    while (before < i && icn_weight_buffer(weights[before]) != icn_weight_buffer(weights[i])) before++;
    count += before == i;
  }
  return count;
}

static void use_weights(const fixture *f, icn_runtime *runtime) {
  icn_weight *weights[WEIGHTS];
  uint64_t coming = 0;
  uint64_t all = 0;
  for (int i = 0; i < WEIGHTS; i++) {
    coming += icn_weight_room(BYTES[i]);
    all += BYTES[i];
  }
  for (int i = 0; i < WEIGHTS; coming -= icn_weight_room(BYTES[i]), i++) weights[i] = acquire(f, runtime, i, BYTES[i], coming);
  icn_weight *again = acquire(f, runtime, 3, BYTES[3], BYTES[3]);
  assert_ptr_equal(again, weights[3]);
  assert_int_equal(icn_model_weight_bytes(f->model), all);
  /* 28 MiB and crumbs lie in one slab, what is larger than a slab by itself */
  const bool cpu = icn_runtime_desc(runtime)->kind == ICN_DEVICE_CPU;
  assert_int_equal(count_buffers(weights), cpu ? 2 : WEIGHTS);
  for (int i = 0; i < WEIGHTS; i++) assert_int_equal(icn_weight_offset(weights[i]) % 4096, 0);
  icn_weight_release(f->model, weights[0]);
  icn_weight_release(f->model, weights[5]);
  icn_weight_release(f->model, weights[3]);
  for (int i = 1; i < 5; i++) assert_there(runtime, weights[i], i, BYTES[i]); /* `again` holds number 3 */
  icn_weight *small = acquire(f, runtime, 7, 100, 100);                       /* behind those that are there */
  assert_there(runtime, small, 7, 100);
  icn_weight_release(f->model, small);
  for (int i = 1; i < 5; i++) icn_weight_release(f->model, i == 3 ? again : weights[i]);
  assert_int_equal(icn_model_weight_bytes(f->model), 0);
  assert_null(f->model->slabs);
}

static void weights_are_there_once(void **state) {
  const fixture *f = *state;
  const size_t devices = icn_context_device_count(f->context);
  if (devices == 0) skip();
  for (size_t d = 0; d < devices; d++) {
    icn_runtime *runtime = make_runtime(f, d);
    use_weights(f, runtime);
    icn_runtime_destroy(runtime);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(weights_are_there_once)};
  return cmocka_run_group_tests_name("weights", tests, set_up, tear_down);
}
