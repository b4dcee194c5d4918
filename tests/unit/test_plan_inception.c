/* Inception-v3, the built-in one and a real one, planned for several devices: joins copy nothing, memory is near its bound, no limit is
 * broken, and the plan computes what the graph says. */
#include "passes.h"
#include "quirks.h"
#include "ref.h"
#include "row_space.h"
#include "source.h"
#include "support/icn_test.h"
#include "support/plan_run.h"

enum { MODEL_BYTES = 200 << 20 };

typedef struct network {
  icn_source source;
  icn_graph graph;
  void *file;
} network;

static void *read_file(const char *path, size_t *bytes) {
  FILE *file = fopen(path, "rb");
  void *data = malloc(MODEL_BYTES);
  if (file == NULL || data == NULL) fail_msg("%s cannot be read", path);
  *bytes = fread(data, 1, MODEL_BYTES, file);
  fclose(file);
  return data;
}

/* `path` NULL: the built-in network `spec`. */
static network *load(const char *path, const char *spec, int64_t batch) {
  network *n = calloc(1, sizeof *n);
  icn_allocator allocator = icn_allocator_default();
  icn_error error = {ICN_OK, ""};
  icn_source_init(&n->source, &allocator);
  icn_graph_init(&n->graph, &allocator);
  size_t bytes = 0;
  if (path != NULL) n->file = read_file(path, &bytes);
  icn_status status =
      path != NULL ? icn_onnx_parse(n->file, bytes, NULL, &n->source, &error) : icn_builtin_make(spec, NULL, &n->source, &error);
  if (status == ICN_OK) status = icn_import(&n->source, NULL, 0, batch, &n->graph, &error);
  if (status == ICN_OK) status = icn_passes_run(&n->graph, NULL, NULL, &error);
  if (status != ICN_OK) fail_msg("%s", error.message);
  return n;
}

static void unload(network *n) {
  icn_graph_fini(&n->graph);
  icn_source_fini(&n->source);
  free(n->file);
  free(n);
}

/* Recorded by `clinception devices --record`, or written by hand after one. */
static const char *const DEVICES[] = {"cpu-pocl", "cpu-intel", "gpu", "gpu-small"};
enum { DEVICE_COUNT = sizeof DEVICES / sizeof DEVICES[0] };

static icn_device_desc device_at(int index) {
  char path[1024], text[16384];
  icn_device_desc device;
  icn_error error = {ICN_OK, ""};
  snprintf(path, sizeof path, "%s/devices/%s.txt", getenv("ICN_TEST_DATA"), DEVICES[index]);
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail_msg("%s cannot be read", path);
  size_t bytes = fread(text, 1, sizeof text, file);
  fclose(file);
  if (icn_device_desc_parse(text, bytes, &device, &error) != ICN_OK) fail_msg("%s: %s", path, error.message);
  return device;
}

/* Work-group, local memory and argument limits of the device, and that sizes divide. */
static void check_limits(const icn_plan_layer *layer, const icn_launch *launch, const icn_device_desc *device) {
  uint64_t group = 1, local_bytes = 0, argument_bytes = 0;
  for (uint32_t k = 0; k < launch->dims; k++) {
    if (launch->global[k] == 0) fail_msg("layer '%s': %s has an empty range", layer->name, launch->kernel);
    if (launch->local[k] == 0) continue;
    assert_int_equal(launch->global[k] % launch->local[k], 0);
    assert_true(launch->local[k] <= device->max_work_item[k]);
    group *= launch->local[k];
  }
  for (int a = 0; a < launch->arg_count; a++) {
    if (launch->args[a].kind == ICN_ARG_LOCAL) local_bytes += launch->args[a].as.local_bytes;
    argument_bytes += launch->args[a].kind == ICN_ARG_INT8 ? 32 : launch->args[a].kind == ICN_ARG_TENSOR ? 16 : 8;
  }
  if (group > device->max_work_group) fail_msg("layer '%s': groups of %d items", layer->name, (int)group);
  if (local_bytes > device->local_bytes) fail_msg("layer '%s': %d bytes of local memory", layer->name, (int)local_bytes);
  assert_true(argument_bytes <= device->argument_bytes);
}

static void check_plan(const network *n, const icn_device_desc *device, int64_t batch) {
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  if (icn_plan_make(&n->graph, device, NULL, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_plan_check(&plan, &error) != ICN_OK) fail_msg("%s", error.message);
  int joins = 0;
  for (size_t l = 0; l < plan.layer_count; l++) {
    const icn_plan_layer *layer = &plan.layers[l];
    bool copy = layer->problem.op == ICN_OP_COPY;
    if (copy && strncmp(layer->name, "input ", 6) != 0) fail_msg("layer '%s' copies", layer->name);
    if (!copy && layer->problem.out.shape.rank == 4) joins += icn_view_pixel_stride(&layer->problem.out) > layer->problem.out.shape.dim[1];
    icn_target wrong = device->kind == ICN_DEVICE_CPU ? ICN_TARGET_GPU : ICN_TARGET_CPU;
    if (layer->problem.op == ICN_OP_CONV) assert_int_not_equal(layer->choice.row->target, wrong);
    for (int i = 0; i < layer->emit.launch_count; i++) check_limits(layer, &layer->emit.launch[i], device);
  }
  assert_true(joins >= 30);
  print_message("%s, batch %d: %d layers, %d steps, activations %.2f MiB, alive at once %.2f MiB, weights %.2f MiB\n", device->name,
                (int)batch, (int)plan.layer_count, (int)plan.step_count, (double)plan.arena_bytes / 1048576,
                (double)plan.arena_lower_bound_bytes / 1048576, (double)plan.weight_bytes / 1048576);
  assert_true((double)plan.arena_bytes <= 1.15 * (double)plan.arena_lower_bound_bytes);
  icn_plan_fini(&plan);
}

static void check_network(const char *path, const char *spec) {
  for (int64_t batch = 1; batch <= 8; batch += 7) {
    network *n = load(path, spec, batch);
    for (int d = 0; d < DEVICE_COUNT; d++) {
      icn_device_desc device = device_at(d);
      check_plan(n, &device, batch);
    }
    unload(n);
  }
}

static void the_builtin_network_joins_without_copies(void **state) {
  (void)state;
  check_network(NULL, "inception_v3");
}

static void a_real_network_joins_without_copies(void **state) {
  (void)state;
  char path[1024];
  if (icn_test_shared("models/inception_v3_moderation.onnx", path, sizeof path) == NULL) {
    print_message("the shared models are not there\n");
    skip();
  }
  check_network(path, NULL);
}

static void the_plan_computes_what_the_graph_says(void **state) {
  (void)state;
  network *n = load(NULL, "inception_v3:input=75,classes=10", 2);
  icn_allocator allocator = icn_allocator_default();
  icn_arena arena;
  icn_error error = {ICN_OK, ""};
  icn_plan plan;
  icn_test_run run;
  uint32_t seed = 5;
  icn_device_desc device = device_at(3);
  icn_arena_init(&arena, &allocator);
  const float **want = calloc(n->graph.value_count, sizeof *want);
  int64_t elems = icn_shape_elems(&n->graph.values[n->graph.inputs[0]].shape);
  float *pixels = malloc((size_t)elems * sizeof *pixels);
  for (int64_t i = 0; i < elems; i++) pixels[i] = (float)(icn_test_random(&seed) % 256) / 255;
  want[n->graph.inputs[0]] = pixels;
  assert_int_equal(icn_ref_run(&n->graph, want, &arena, NULL, NULL, &error), ICN_OK);
  if (icn_plan_make(&n->graph, &device, NULL, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(icn_test_run_plan(&plan, &n->graph, (const float *const[]){pixels}, seed, &run, &error), ICN_OK);
  for (size_t o = 0; o < n->graph.output_count; o++) {
    size_t count = (size_t)icn_shape_elems(&n->graph.values[n->graph.outputs[o]].shape);
    assert_memory_equal(icn_test_run_output(&run, &plan, (int)o), want[n->graph.outputs[o]], count * sizeof(float));
  }
  icn_test_run_fini(&run);
  icn_plan_fini(&plan);
  icn_arena_fini(&arena);
  free(want);
  free(pixels);
  unload(n);
}

/* ------------------------------------------------------------------ tuning */

static uint32_t next_random(uint32_t *seed) {
  *seed = *seed * 1664525U + 1013904223U;
  return *seed >> 8;
}

/* Lines for one problem with parameters that are good, or were good, or are just numbers. */
static void any_lines(const icn_problem *problem, const icn_device_desc *device, const char *name, bool spoil, uint32_t *seed,
                      icn_text *text) {
  char line[ICN_TUNE_LINE_BYTES], key[ICN_KEY_BYTES];
  for (size_t r = 0; r < icn_row_count(); r++) {
    const icn_row *row = icn_row_at(r);
    icn_tune_row tuned = {.key = icn_problem_key(problem, key), .row = row->name, .seconds = 1e-6 * (1 + next_random(seed) % 1000)};
    if (row->op != problem->op || !row->applies(problem, device, NULL)) continue;
    const size_t count = icn_row_space(row, problem, device, 0, NULL);
    (void)icn_row_space(row, problem, device, next_random(seed) % count, &tuned.config);
    if (spoil) tuned.config.value[next_random(seed) % 6] = (int32_t)(next_random(seed) % 70) - 2;
    assert_true(icn_tunedb_line(name, "", "", &tuned, line));
    icn_text_append(text, "%s\n", line);
  }
}

/* A tuning file for the problems of a plan, and for those that it might have had instead. */
static icn_tunedb any_tuning(const icn_plan *plan, const icn_device_desc *device, bool spoil, uint32_t seed) {
  char name[ICN_TUNE_DEVICE_BYTES];
  icn_allocator allocator = icn_allocator_default();
  icn_text text;
  icn_tunedb db;
  (void)icn_tunedb_device(device, NULL, name);
  icn_text_init(&text, &allocator);
  for (size_t l = 0; l < plan->layer_count; l++) any_lines(&plan->layers[l].problem, device, name, spoil, &seed, &text);
  for (size_t o = 0; o < plan->other_count; o++) any_lines(&plan->others[o].problem, device, name, spoil, &seed, &text);
  assert_int_equal(icn_tunedb_parse(&db, text.data, text.length, name, &allocator, NULL), ICN_OK);
  assert_int_equal(db.damaged, 0);
  icn_text_fini(&text);
  return db;
}

static size_t count_tuned(const icn_plan *plan) {
  size_t count = 0;
  for (size_t l = 0; l < plan->layer_count; l++) count += plan->layers[l].choice.tuned;
  return count;
}

static void any_tuning_file_makes_a_good_plan(void **state) {
  (void)state;
  network *n = load(NULL, "inception_v3:input=75,classes=10", 1);
  icn_error error = {ICN_OK, ""};
  for (int d = 0; d < DEVICE_COUNT; d++)
    for (int spoil = 0; spoil < 2; spoil++) {
      icn_device_desc device = device_at(d);
      icn_plan plan, tuned;
      icn_quirks_apply(&device, NULL);
      if (icn_plan_make(&n->graph, &device, NULL, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
      icn_tunedb db = any_tuning(&plan, &device, spoil == 1, (uint32_t)d);
      if (icn_plan_make(&n->graph, &device, &(icn_plan_request){.tuning = &db, .why = true}, &tuned, &error) != ICN_OK)
        fail_msg("%s: %s", device.name, error.message);
      if (icn_plan_check(&tuned, &error) != ICN_OK) fail_msg("%s: %s", device.name, error.message);
      if (icn_plan_check_limits(&tuned, &n->graph, &device, &error) != ICN_OK) fail_msg("%s: %s", device.name, error.message);
      const size_t count = count_tuned(&tuned);
      if (spoil == 0 && tuned.untuned == NULL) assert_int_equal(count, tuned.layer_count);
      if (spoil == 1) assert_true(tuned.untuned != NULL || (count > 0 && count <= tuned.layer_count));
      icn_plan_fini(&plan);
      icn_plan_fini(&tuned);
      icn_tunedb_fini(&db);
    }
  unload(n);
}

static uint64_t all_bytes(const icn_plan *plan) {
  uint64_t sum = 0;
  for (size_t b = 0; b < plan->buffer_count; b++) sum += plan->buffers[b].bytes;
  return sum;
}

/* Each tuned layer is within the limits, all together are not: the plan is made without. */
static void tuning_that_needs_too_much_memory_is_left_out(void **state) {
  (void)state;
  network *n = load(NULL, "inception_v3:input=75,classes=10", 1);
  icn_error error = {ICN_OK, ""};
  icn_device_desc device = device_at(0);
  icn_plan plan, tuned;
  icn_quirks_apply(&device, NULL);
  assert_int_equal(icn_plan_make(&n->graph, &device, NULL, &plan, &error), ICN_OK);
  icn_tunedb db = any_tuning(&plan, &device, false, 1);
  const icn_plan_request request = {.tuning = &db};
  assert_int_equal(icn_plan_make(&n->graph, &device, &request, &tuned, &error), ICN_OK);
  assert_null(tuned.untuned);
  assert_true(all_bytes(&tuned) > all_bytes(&plan));
  device.global_bytes = all_bytes(&tuned) - 1;
  icn_plan_fini(&tuned);
  if (icn_plan_make(&n->graph, &device, &request, &tuned, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_non_null(tuned.untuned);
  assert_non_null(strstr(tuned.untuned, "the plan needs more than"));
  assert_int_equal(strncmp(tuned.untuned, "tuning rows are left out", 24), 0);
  assert_int_equal(count_tuned(&tuned), 0);
  assert_int_equal(all_bytes(&tuned), all_bytes(&plan));
  icn_plan_fini(&tuned);
  /* Lines that came with the library go first: with a few of the user's own there is room. */
  for (size_t i = 0; i < db.count; i++) db.rows[i].shipped = i > 0;
  if (icn_plan_make(&n->graph, &device, &request, &tuned, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(strncmp(tuned.untuned, "shipped tuning rows are left out", 32), 0);
  assert_true(count_tuned(&tuned) > 0 && count_tuned(&tuned) < tuned.layer_count);
  icn_plan_fini(&tuned);
  icn_plan_fini(&plan);
  icn_tunedb_fini(&db);
  unload(n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_builtin_network_joins_without_copies),      cmocka_unit_test(a_real_network_joins_without_copies),
      cmocka_unit_test(the_plan_computes_what_the_graph_says),         cmocka_unit_test(any_tuning_file_makes_a_good_plan),
      cmocka_unit_test(tuning_that_needs_too_much_memory_is_left_out),
  };
  return cmocka_run_group_tests_name("plan_inception", tests, NULL, NULL);
}
