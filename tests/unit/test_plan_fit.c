/* Plans within a memory limit: they fit, are right, and no larger limit makes a slower plan; what cannot fit is a sentence with numbers. */
#include "plan_fit.h"

#include <inttypes.h>

#include "passes.h"
#include "plan_memory.h"
#include "slice.h"
#include "support/device_files.h"
#include "support/icn_test.h"
#include "support/network.h"

static device_file *devices;
static size_t device_count;

static int set_up(void **state) {
  (void)state;
  devices = device_files_read(&device_count);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  free(devices);
  return 0;
}

static const icn_device_desc *device_of(const char *name) {
  for (size_t d = 0; d < device_count; d++)
    if (strcmp(devices[d].name, name) == 0) return &devices[d].desc;
  fail_msg("there is no recorded device '%s'", name);
  return NULL;
}

static test_network load(const char *name, int64_t batch) {
  char path[4096];
  icn_error error = {ICN_OK, ""};
  test_network network;
  snprintf(path, sizeof path, "%s/%s", getenv("ICN_TEST_DATA"), name);
  if (test_network_load(strncmp(name, "builtin:", 8) == 0 ? name : path, batch, &network, &error) != ICN_OK) fail_msg("%s", error.message);
  return network;
}

/* --------------------------------------------------------------- one graph */

typedef struct outcome {
  uint64_t bytes;
  double seconds, lost;
  size_t changed;
} outcome;

static void check_plan(const icn_plan *plan, const icn_graph *graph, const icn_device_desc *device, uint64_t limit, outcome *result) {
  icn_error error = {ICN_OK, ""};
  const icn_plan_memory memory = icn_plan_memory_of(plan, device);
  if (icn_plan_check(plan, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_plan_check_limits(plan, graph, device, &error) != ICN_OK) fail_msg("%s", error.message);
  if (limit > 0 && memory.peak_bytes > limit)
    fail_msg("the limit is %" PRIu64 ", the plan needs %" PRIu64 " bytes", limit, memory.peak_bytes);
  *result = (outcome){memory.peak_bytes, icn_plan_seconds(plan), plan->lost_seconds, 0};
  for (size_t l = 0; l < plan->layer_count; l++) result->changed += strcmp(plan->layers[l].choice.rule, "memory") == 0;
}

static outcome plan_within(const icn_graph *graph, const icn_device_desc *device, uint64_t limit) {
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  outcome result;
  const icn_plan_request request = {.memory_limit = limit};
  if (icn_plan_make(graph, device, &request, &plan, &error) != ICN_OK) fail_msg("%s: %s", device->name, error.message);
  check_plan(&plan, graph, device, limit, &result);
  assert_int_equal(plan.fitted != NULL, result.changed > 0);
  icn_plan_fini(&plan);
  return result;
}

/* What the smallest plan needs, by the sentence about a limit of one byte. */
static uint64_t least_of(const icn_graph *graph, const icn_device_desc *device) {
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  uint64_t least, missing = 0, needed = 0;
  const icn_plan_request request = {.memory_limit = 1};
  assert_int_equal(icn_plan_make_least(graph, device, &request, &plan, &least, &error), ICN_DEVICE_MEMORY);
  const int found =
      sscanf(error.message, "the memory limit of 1 bytes is too small by %" SCNu64 ": the plan needs %" SCNu64, &missing, &needed);
  if (found != 2 || needed != least || missing != least - 1) fail_msg("'%s'", error.message);
  assert_non_null(strstr(error.message, "layer '"));
  return least;
}

/* From what is least to what is fastest and beyond, in steps. */
static void check_limits(const char *name, int64_t batch, const char *device_name, int steps) {
  const icn_device_desc *device = device_of(device_name);
  test_network network = load(name, batch);
  const outcome fastest = plan_within(&network.graph, device, 0);
  const uint64_t least = least_of(&network.graph, device);
  assert_true(least <= fastest.bytes);
  outcome before = plan_within(&network.graph, device, least);
  assert_int_equal(before.bytes, least); /* just so */
  const double slowest = before.seconds;
  for (int step = 1; step <= steps; step++) {
    const uint64_t limit = least + (fastest.bytes - least) * (uint64_t)step / (uint64_t)steps;
    const outcome now = plan_within(&network.graph, device, limit);
    if (now.seconds > before.seconds * (1 + 1e-12) || now.lost > before.lost * (1 + 1e-12))
      fail_msg("%s on %s, limit %" PRIu64 ": %g s, %g s lost; with less memory %g s, %g s lost", name, device_name, limit, now.seconds,
               now.lost, before.seconds, before.lost);
    before = now;
  }
  assert_true(before.seconds == fastest.seconds && before.changed == 0);
  assert_true(plan_within(&network.graph, device, UINT64_MAX).changed == 0);
  print_message("%s, batch %d, %s: %.2f MiB in %.2f ms, or %.2f MiB in %.2f ms\n", name, (int)batch, device_name,
                (double)fastest.bytes / 1048576, fastest.seconds * 1e3, (double)least / 1048576, slowest * 1e3);
  test_network_unload(&network);
}

static void a_larger_limit_is_never_slower(void **state) {
  (void)state;
  static const char *const names[] = {"cpu-pocl", "gpu", "cpu-rusticl22", "mali-g76-mp10"};
  for (size_t d = 0; d < sizeof names / sizeof names[0]; d++) {
    if (d < 2) check_limits("builtin:inception_v3", 1, names[d], 8);
    check_limits("exported/tv_googlenet.dynamo.onnx", 1, names[d], 6);
    check_limits("builtin:inception_v3:input=75,classes=10", 8, names[d], 6);
  }
}

/* The sentence is made only where it is true: one byte less than the least does not fit. */
static void a_byte_too_few_is_too_few(void **state) {
  (void)state;
  test_network network = load("builtin:inception_v3:input=75,classes=10", 1);
  const icn_device_desc *device = device_of("cpu-pocl");
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  const uint64_t least = least_of(&network.graph, device);
  const icn_plan_request request = {.memory_limit = least - 1};
  assert_int_equal(icn_plan_make(&network.graph, device, &request, &plan, &error), ICN_DEVICE_MEMORY);
  assert_non_null(strstr(error.message, "is too small by 1:"));
  test_network_unload(&network);
}

/* A graph that computes nothing has no layer to name. */
static void nothing_to_save_is_said(void **state) {
  (void)state;
  icn_allocator allocator = icn_allocator_default();
  icn_graph graph;
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  const icn_shape empty = icn_shape_make(2, (const int64_t[]){0, 4});
  const char *name = "x";
  icn_graph_init(&graph, &allocator);
  int x = icn_graph_add_value(&graph, name, &empty, ICN_F32);
  graph.values[x].is_input = true;
  graph.inputs = graph.outputs = &x;
  graph.output_names = &name;
  graph.input_count = graph.output_count = 1;
  const icn_plan_request request = {.memory_limit = 1};
  assert_int_equal(icn_plan_make(&graph, device_of("cpu-pocl"), &request, &plan, &error), ICN_DEVICE_MEMORY);
  assert_non_null(strstr(error.message, "is too small by 11: the plan needs 12 "));
  icn_graph_fini(&graph);
}

/* On PoCL, of 95.3 MB of weights: 1.15 times at batch 1, activations and all. */
static void inception_fits_what_was_asked(void **state) {
  (void)state;
  test_network network = load("builtin:inception_v3", 1);
  const icn_device_desc *device = device_of("cpu-pocl");
  const uint64_t limit = (uint64_t)(1.15 * 95.3e6);
  const outcome fitted = plan_within(&network.graph, device, limit), again = plan_within(&network.graph, device, limit);
  assert_memory_equal(&fitted, &again, sizeof fitted); /* no chance in it */
  print_message("%.1f MB in %.2f ms, %d layers changed\n", (double)fitted.bytes / 1e6, fitted.seconds * 1e3, (int)fitted.changed);
  test_network_unload(&network);
}

static void reasons_are_given(void **state) {
  (void)state;
  test_network network = load("builtin:inception_v3:input=75,classes=10", 1);
  const icn_device_desc *device = device_of("gpu");
  icn_plan plan;
  icn_text text;
  icn_error error = {ICN_OK, ""};
  icn_allocator allocator = icn_allocator_default();
  const icn_plan_request request = {.memory_limit = least_of(&network.graph, device), .why = true};
  icn_text_init(&text, &allocator);
  if (icn_plan_make(&network.graph, device, &request, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
  icn_plan_print(&plan, &network.graph, device, &text);
  size_t explained = 0, changed = 0;
  for (const char *at = text.data; (at = strstr(at, "memory limit: takes the place of ")) != NULL; at++) explained++;
  for (size_t l = 0; l < plan.layer_count; l++) changed += strcmp(plan.layers[l].choice.rule, "memory") == 0;
  assert_true(changed > 0 && explained == changed);
  assert_non_null(strstr(text.data, plan.fitted));
  icn_text_fini(&text);
  icn_plan_fini(&plan);
  test_network_unload(&network);
}

/* Values that are kept do not count: the rows are those that run without. */
static void kept_values_are_not_counted(void **state) {
  (void)state;
  test_network network = load("builtin:inception_v3:input=75,classes=10", 1);
  const icn_device_desc *device = device_of("cpu-pocl");
  icn_error error = {ICN_OK, ""};
  icn_plan plans[2];
  icn_plan_request request = {.memory_limit = (least_of(&network.graph, device) + plan_within(&network.graph, device, 0).bytes) / 2};
  for (int kept = 0; kept < 2; kept++) {
    request.keep_values = kept != 0;
    if (icn_plan_make(&network.graph, device, &request, &plans[kept], &error) != ICN_OK) fail_msg("%s", error.message);
    if (icn_plan_check(&plans[kept], &error) != ICN_OK) fail_msg("%s", error.message);
    assert_non_null(plans[kept].fitted);
  }
  assert_int_equal(plans[0].layer_count, plans[1].layer_count);
  for (size_t l = 0; l < plans[0].layer_count; l++) {
    assert_ptr_equal(plans[0].layers[l].choice.row, plans[1].layers[l].choice.row);
    assert_memory_equal(&plans[0].layers[l].choice.config, &plans[1].layers[l].choice.config, sizeof(icn_config));
  }
  assert_true(plans[1].arena_bytes > plans[0].arena_bytes);
  for (int kept = 0; kept < 2; kept++) icn_plan_fini(&plans[kept]);
  request.memory_limit = UINT64_MAX;
  if (icn_plan_make(&network.graph, device, &request, &plans[0], &error) != ICN_OK) fail_msg("%s", error.message);
  assert_null(plans[0].fitted);
  icn_plan_fini(&plans[0]);
  test_network_unload(&network);
}

/* What the user excluded stays out. */
static void excluded_rows_stay_out(void **state) {
  (void)state;
  test_network network = load("builtin:inception_v3:input=75,classes=10", 1);
  const icn_device_desc *device = device_of("cpu-pocl");
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  icn_plan_request request = {.forced_rows = "-conv_direct,-matmul_direct,-conv_tile", .memory_limit = 1};
  uint64_t least;
  assert_int_equal(icn_plan_make_least(&network.graph, device, &request, &plan, &least, &error), ICN_DEVICE_MEMORY);
  assert_true(least > least_of(&network.graph, device));
  request.memory_limit = least;
  if (icn_plan_make(&network.graph, device, &request, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
  for (size_t l = 0; l < plan.layer_count; l++) {
    assert_string_not_equal(plan.layers[l].choice.row->name, "conv_direct");
    assert_string_not_equal(plan.layers[l].choice.row->name, "conv_tile");
  }
  icn_plan_fini(&plan);
  test_network_unload(&network);
}

/* ------------------------------------------------------------- whole networks */

static icn_status plan_network(const test_network *network, int64_t batch, const icn_device_desc *device, uint64_t limit, outcome *result,
                               int *slices, icn_error *error) {
  icn_allocator allocator = icn_allocator_default();
  icn_graph graph;
  icn_plan plan;
  icn_graph_init(&graph, &allocator);
  icn_status status = icn_import(&network->source, NULL, 0, batch, &graph, error);
  const icn_plan_request request = {.memory_limit = limit};
  if (status == ICN_OK) status = icn_plan_network(&graph, device, &request, NULL, &plan, error);
  if (status == ICN_OK) {
    if (icn_graph_validate(&graph, error) != ICN_OK) fail_msg("%s", error->message);
    check_plan(&plan, &graph, device, limit, result);
    *slices = plan.slices;
    icn_plan_fini(&plan);
  }
  icn_graph_fini(&graph);
  return status;
}

/* A batch goes through in slices where that is what it takes, on any device, and less time is never lost with less memory. */
static void batches_are_sliced_to_fit(void **state) {
  (void)state;
  static const char *const names[] = {"cpu-pocl", "gpu"};
  test_network network = load("builtin:inception_v3:input=107,classes=10", 1);
  for (size_t d = 0; d < 2; d++) {
    const icn_device_desc *device = device_of(names[d]);
    outcome fastest, before = {0};
    icn_error error = {ICN_OK, ""};
    int slices, most_slices = 1;
    uint64_t missing, least;
    if (plan_network(&network, 8, device, 0, &fastest, &slices, &error) != ICN_OK) fail_msg("%s", error.message);
    assert_int_equal(plan_network(&network, 8, device, 1, &before, &slices, &error), ICN_DEVICE_MEMORY);
    assert_int_equal(
        sscanf(error.message, "the memory limit of 1 bytes is too small by %" SCNu64 ": the plan needs %" SCNu64, &missing, &least), 2);
    for (int step = 0; step <= 5; step++) {
      outcome now;
      const uint64_t limit = least + (fastest.bytes - least) * (uint64_t)step / 5;
      icn_error_clear(&error);
      if (plan_network(&network, 8, device, limit, &now, &slices, &error) != ICN_OK) fail_msg("%s: %s", names[d], error.message);
      if (step > 0 && now.lost > before.lost * (1 + 1e-12))
        fail_msg("%s: limit %" PRIu64 " loses %g s, less memory %g s", names[d], limit, now.lost, before.lost);
      if (slices > most_slices) most_slices = slices;
      print_message("%s: %.1f MiB of %.1f: %d slices, %d layers changed, %.2f ms lost\n", names[d], (double)now.bytes / 1048576,
                    (double)limit / 1048576, slices, (int)now.changed, now.lost * 1e3);
      before = now;
    }
    assert_true(before.lost == 0 && before.seconds == fastest.seconds);
    assert_int_equal(most_slices, 8);
  }
  test_network_unload(&network);
}

/* A device whose memory is too small for the batch as a whole gets it in slices without being asked. */
static void small_devices_slice_batches(void **state) {
  (void)state;
  test_network network = load("builtin:inception_v3", 1);
  const icn_device_desc *device = device_of("oclgrind");
  outcome result;
  icn_error error = {ICN_OK, ""};
  int slices = 0;
  if (plan_network(&network, 8, device, 0, &result, &slices, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_true(result.bytes <= device->global_bytes && slices > 1);
  test_network_unload(&network);
}

/* What it loses to plan siblings apart does not hang on whether they fit together: from the least limit where they do on, no slower form
 * is taken than just below it. */
static void siblings_apart_lose_the_same(void **state) {
  (void)state;
  test_network network = load("builtin:inception_v3:input=75,classes=10", 6);
  const icn_device_desc *device = device_of("amd-gfx1030-rx6800");
  const uint64_t together = least_of(&network.graph, device);
  outcome below, from;
  icn_error error = {ICN_OK, ""};
  int slices;
  if (plan_network(&network, 6, device, together - 1, &below, &slices, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_string_equal(error.message, ""); /* that of the form which does not fit is gone */
  if (plan_network(&network, 6, device, together, &from, &slices, &error) != ICN_OK) fail_msg("%s", error.message);
  if (from.lost > below.lost * (1 + 1e-12)) fail_msg("%g s are lost, with a byte less %g s", from.lost, below.lost);
  test_network_unload(&network);
}

/* Every allocation failing in turn is a status, and nothing leaks (the sanitizers look). */
typedef struct failing {
  icn_allocator inner;
  size_t count, fail_at, alive;
} failing;

static void *allocate(void *user, size_t bytes) {
  failing *f = user;
  if (++f->count == f->fail_at) return NULL;
  f->alive++;
  return f->inner.allocate(f->inner.user, bytes);
}

static void release(void *user, void *memory) {
  failing *f = user;
  if (memory != NULL) f->alive--;
  f->inner.release(f->inner.user, memory);
}

static icn_status plan_failing(const test_network *network, failing *f, uint64_t limit, icn_error *error) {
  const icn_allocator allocator = {f, allocate, release};
  icn_graph graph;
  icn_plan plan;
  f->inner = icn_allocator_default();
  icn_graph_init(&graph, &allocator);
  icn_status status = icn_import(&network->source, NULL, 0, 2, &graph, error);
  const icn_plan_request request = {.memory_limit = limit};
  if (status == ICN_OK) status = icn_plan_network(&graph, device_of("cpu-pocl"), &request, NULL, &plan, error);
  if (status == ICN_OK) icn_plan_fini(&plan);
  icn_graph_fini(&graph);
  return status;
}

static void failing_allocations_are_reported(void **state) {
  (void)state;
  test_network network = load("builtin:inception_v3:input=75,classes=10", 1);
  icn_error error = {ICN_OK, ""};
  failing all = {.fail_at = 0};
  outcome fastest;
  int slices;
  if (plan_network(&network, 2, device_of("cpu-pocl"), 0, &fastest, &slices, &error) != ICN_OK) fail_msg("%s", error.message);
  const uint64_t limit = fastest.bytes - fastest.bytes / 50;
  if (plan_failing(&network, &all, limit, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(all.alive, 0);
  const size_t stride = all.count / 30 + 1;
  for (size_t at = 1; at <= all.count; at += stride) {
    failing f = {.fail_at = at};
    icn_error_clear(&error);
    const icn_status status = plan_failing(&network, &f, limit, &error);
    if (f.alive != 0) fail_msg("allocation %d of %d fails: %d blocks leak", (int)at, (int)all.count, (int)f.alive);
    if (status != ICN_OK && (status != ICN_NO_MEMORY || error.message[0] == '\0'))
      fail_msg("allocation %d of %d fails: status %d, '%s'", (int)at, (int)all.count, (int)status, error.message);
  }
  test_network_unload(&network);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_larger_limit_is_never_slower),
      cmocka_unit_test(a_byte_too_few_is_too_few),
      cmocka_unit_test(nothing_to_save_is_said),
      cmocka_unit_test(inception_fits_what_was_asked),
      cmocka_unit_test(reasons_are_given),
      cmocka_unit_test(excluded_rows_stay_out),
      cmocka_unit_test(kept_values_are_not_counted),
      cmocka_unit_test(batches_are_sliced_to_fit),
      cmocka_unit_test(small_devices_slice_batches),
      cmocka_unit_test(siblings_apart_lose_the_same),
      cmocka_unit_test(failing_allocations_are_reported),
  };
  return cmocka_run_group_tests_name("plan_fit", tests, set_up, tear_down);
}
