/* The repository's operator cases with a few bytes changed, by a fixed seed: parsed, imported and, where that succeeds and is small,
 * computed. Whatever comes out, nothing is read or written outside (AddressSanitizer watches), and a failure says something. */
#include "support/icn_test.h"

#include "ref.h"
#include "source.h"
#include "support/onnx_case.h"

enum { MUTANTS = 30 };

static uint64_t random_state = 20261122;

static uint64_t next_random(void) { /* xorshift64 */
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static void mutate(uint8_t *data, size_t bytes) {
  static const uint8_t NASTY[] = {0x00, 0x01, 0x02, 0x7f, 0x80, 0xff};
  const int changes = 1 + (int)(next_random() % 3);
  for (int i = 0; i < changes; i++) {
    uint8_t *at = &data[next_random() % bytes];
    bool flip = next_random() % 2 == 0;
    if (flip) *at = (uint8_t)(*at ^ (1U << next_random() % 8));
    if (!flip) *at = NASTY[next_random() % sizeof NASTY];
  }
}

/* True when a run would touch no more than a few million elements. */
static bool is_small(const icn_graph *graph) {
  int64_t total = 0;
  for (size_t v = 0; v < graph->value_count; v++) total += icn_shape_elems(&graph->values[v].shape);
  double flop = 0;
  for (size_t n = 0; n < graph->node_count; n++) {
    icn_problem problem = icn_problem_from_node(graph, &graph->nodes[n], 0);
    flop += icn_problem_flop(&problem);
  }
  return total < 1000000 && flop < 1e7;
}

static void run(const icn_graph *graph, const icn_allocator *allocator) {
  icn_arena arena;
  icn_error error;
  icn_arena_init(&arena, allocator);
  const float **values = icn_arena_array(&arena, graph->value_count, sizeof *values);
  assert_non_null(values);
  for (size_t i = 0; i < graph->input_count; i++) {
    int64_t elems = icn_shape_elems(&graph->values[graph->inputs[i]].shape);
    values[graph->inputs[i]] = icn_arena_array(&arena, (size_t)elems, sizeof(float));
    assert_non_null(values[graph->inputs[i]]);
  }
  assert_int_equal(icn_ref_run(graph, values, &arena, NULL, NULL, &error), ICN_OK);
  icn_arena_fini(&arena);
}

static icn_status try_model(const uint8_t *data, size_t bytes) {
  icn_allocator allocator = icn_allocator_default();
  icn_source source;
  icn_graph graph;
  icn_error error;
  icn_error_clear(&error);
  icn_source_init(&source, &allocator);
  icn_graph_init(&graph, &allocator);
  icn_status status = icn_onnx_parse(data, bytes, NULL, &source, &error);
  if (status == ICN_OK) status = icn_import(&source, NULL, 0, 0, &graph, &error);
  if (status == ICN_OK && is_small(&graph)) run(&graph, &allocator);
  if (status != ICN_OK && strlen(error.message) < 15) fail_msg("status %d says '%s'", status, error.message);
  if (status == ICN_NO_MEMORY) fail_msg("%s", error.message);
  icn_graph_fini(&graph);
  icn_source_fini(&source);
  return status;
}

static void test_mutants(void **state) {
  (void)state;
  size_t count, tried = 0, accepted = 0;
  char path[1200];
  assert_non_null(getenv("ICN_TEST_DATA"));
  snprintf(path, sizeof path, "%s/ops/cases.txt", getenv("ICN_TEST_DATA"));
  char **names = onnx_case_list(path, &count);
  assert_non_null(names);
  for (size_t i = 0; i < count; i++) {
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/ops/%s/model.onnx", getenv("ICN_TEST_DATA"), names[i]);
    uint8_t *model = onnx_case_read_file(path, &bytes);
    assert_non_null(model);
    for (int m = 0; m < MUTANTS; m++, tried++) {
      uint8_t *mutant = malloc(bytes); /* of exactly that size */
      assert_non_null(mutant);
      memcpy(mutant, model, bytes);
      mutate(mutant, bytes);
      if (try_model(mutant, bytes) == ICN_OK) accepted++;
      free(mutant);
    }
    free(model);
  }
  printf("%zu changed models, %zu of them still good ones\n", tried, accepted);
  assert_true(tried > 5000 && accepted > 100 && accepted < tried);
  onnx_case_free_list(names, count);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_mutants)};
  return cmocka_run_group_tests_name("changed models", tests, NULL, NULL);
}
