/* Operator cases planned for three devices and run on the host on the plan's own memory: bit for bit what the reference makes of the same
 * graph, with the passes and without. Whatever can be imported can be planned. */
#include "passes.h"
#include "ref.h"
#include "source.h"
#include "support/icn_test.h"
#include "support/npy_read.h"
#include "support/onnx_case.h"
#include "support/plan_run.h"

enum { MOST_INPUTS = 32 };

typedef struct op_case {
  const char *folder;
  void *model;
  icn_source source;
  npy_array inputs[MOST_INPUTS];
  icn_input_shape shapes[MOST_INPUTS];
} op_case;

static bool load_case(const char *folder, op_case *c) {
  static const size_t MOST_BYTES = 8 << 20;
  char path[2400];
  icn_allocator allocator = icn_allocator_default();
  memset(c, 0, sizeof *c);
  c->folder = folder;
  icn_source_init(&c->source, &allocator);
  snprintf(path, sizeof path, "%s/model.onnx", folder);
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail_msg("%s cannot be read", path);
  c->model = malloc(MOST_BYTES);
  size_t bytes = fread(c->model, 1, MOST_BYTES, file);
  fclose(file);
  if (icn_onnx_parse(c->model, bytes, NULL, &c->source, NULL) != ICN_OK || c->source.input_count > MOST_INPUTS) return false;
  for (size_t i = 0; i < c->source.input_count; i++) {
    snprintf(path, sizeof path, "%s/in_%s.npy", folder, c->source.inputs[i].name);
    if (!npy_read(path, &c->inputs[i])) return false;
    c->shapes[i].name = c->source.inputs[i].name;
    c->shapes[i].rank = c->inputs[i].shape.rank;
    memcpy(c->shapes[i].dim, c->inputs[i].shape.dim, sizeof c->shapes[i].dim);
  }
  return true;
}

static void free_case(op_case *c) {
  for (size_t i = 0; i < c->source.input_count && i < MOST_INPUTS; i++) free(c->inputs[i].data);
  icn_source_fini(&c->source);
  free(c->model);
}

static void run_and_compare(const op_case *c, const icn_graph *graph, const icn_plan *plan, uint32_t seed) {
  icn_allocator allocator = icn_allocator_default();
  icn_arena arena;
  icn_arena_init(&arena, &allocator);
  const float **want = icn_arena_array(&arena, graph->value_count + 1, sizeof *want);
  const float *inputs[MOST_INPUTS] = {NULL};
  for (size_t i = 0; i < graph->input_count; i++) want[graph->inputs[i]] = inputs[i] = c->inputs[i].data;
  icn_error error = {ICN_OK, ""};
  icn_test_run run;
  if (icn_ref_run(graph, want, &arena, NULL, NULL, &error) != ICN_OK) fail_msg("%s: %s", c->folder, error.message);
  if (icn_test_run_plan(plan, graph, inputs, seed, &run, &error) != ICN_OK) fail_msg("%s: %s", c->folder, error.message);
  for (size_t o = 0; o < graph->output_count; o++) {
    int64_t count = icn_shape_elems(&graph->values[graph->outputs[o]].shape);
    const float *have = icn_test_run_output(&run, plan, (int)o);
    if (memcmp(have, want[graph->outputs[o]], (size_t)count * sizeof(float)) != 0) {
      fail_msg("%s: output '%s' differs", c->folder, graph->output_names[o]);
    }
  }
  icn_test_run_fini(&run);
  icn_arena_fini(&arena);
}

/* False when the importer declines the case. */
static bool check_case(const op_case *c, const char *disabled) {
  icn_allocator allocator = icn_allocator_default();
  icn_graph graph;
  icn_error error = {ICN_OK, ""};
  icn_graph_init(&graph, &allocator);
  bool imported = icn_import(&c->source, c->shapes, c->source.input_count, 0, &graph, &error) == ICN_OK;
  if (imported && icn_passes_run(&graph, disabled, NULL, &error) != ICN_OK) fail_msg("%s: %s", c->folder, error.message);
  for (int d = 0; imported && d < 2; d++) {
    icn_device_desc device = icn_device_desc_example(d == 0 ? ICN_DEVICE_CPU : ICN_DEVICE_GPU);
    icn_plan plan;
    const icn_plan_request request = {.disabled_passes = disabled};
    if (icn_plan_make(&graph, &device, &request, &plan, &error) != ICN_OK) fail_msg("%s: %s", c->folder, error.message);
    if (icn_plan_check(&plan, &error) != ICN_OK) fail_msg("%s: %s", c->folder, error.message);
    run_and_compare(c, &graph, &plan, d == 0 ? 0 : 77);
    icn_plan_fini(&plan);
  }
  icn_graph_fini(&graph);
  return imported;
}

static size_t check_folder(const char *folder) {
  char path[1200];
  size_t count, planned = 0;
  snprintf(path, sizeof path, "%s/cases.txt", folder);
  char **names = onnx_case_list(path, &count);
  assert_non_null(names);
  for (size_t i = 0; i < count; i++) {
    op_case c;
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    bool done = load_case(path, &c) && check_case(&c, NULL) && check_case(&c, "all");
    planned += done ? 1 : 0;
    free_case(&c);
  }
  print_message("%s: %d of %d cases planned and compared\n", folder, (int)planned, (int)count);
  onnx_case_free_list(names, count);
  return planned;
}

static void own_cases(void **state) {
  (void)state;
  char folder[1024];
  const char *data = getenv("ICN_TEST_DATA");
  if (data == NULL) {
    print_message("ICN_TEST_DATA is not set\n");
    skip();
  }
  snprintf(folder, sizeof folder, "%s/ops", data);
  assert_true(check_folder(folder) >= 100);
}

static void cases_of_the_onnx_package(void **state) {
  (void)state;
  const char *folder = getenv("ICN_CASES_DIR");
  if (folder == NULL || folder[0] == '\0') {
    print_message("ICN_CASES_DIR is not set\n");
    skip();
  }
  assert_true(check_folder(folder) >= 400);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(own_cases),
      cmocka_unit_test(cases_of_the_onnx_package),
  };
  return cmocka_run_group_tests_name("plan_cases", tests, NULL, NULL);
}
