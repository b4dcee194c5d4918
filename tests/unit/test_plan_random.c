/* Random graphs: planned with every table of rows and every switch, run on the host, compared with the reference bit for bit. */
#include "lower.h"
#include "slice.h"
#include "support/fake_rows.h"
#include "support/graph_builder.h"
#include "support/icn_test.h"
#include "support/plan_run.h"
#include "support/random_graph.h"

static void random_graphs_compute_what_the_reference_computes(void **state) {
  (void)state;
  uint32_t seed = 424242;
  for (int round = 0; round < 150; round++) {
    builder *b = random_graph(&seed, 4 + round % 30, 1 + round % 2, 6);
    icn_error error;
    if (icn_graph_validate(&b->graph, &error) != ICN_OK) fail_msg("round %d: %s", round, error.message);
    check_all_ways(b, seed);
    builder_free(b);
  }
}

/* Cut at random places into slices of one image or of two; dead nodes, outputs inside the slices and inputs that are outputs included. */
static void random_graphs_in_slices_compute_the_same(void **state) {
  (void)state;
  static const char *const disabled[] = {NULL, "memory_reuse", "concat_view", "reshape_view", "concat_view,reshape_view"};
  const icn_row_table real = {icn_row_at, icn_row_count()};
  const icn_row_table *const tables[] = {&icn_fake_plain, &icn_fake_two_launches, &icn_fake_compact, &icn_fake_model_order, &real};
  const icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  uint32_t seed = 20261123, cuts = 0;
  for (uint32_t round = 0; round < 8000; round++) {
    uint32_t twin = seed;
    const int count = 2 + (int)(round % 16), outputs = 1 + (int)(round % 3);
    builder *whole = random_graph(&seed, count, 4, outputs), *sliced = random_graph(&twin, count, 4, outputs);
    const int nodes = 1 + (int)(icn_test_random(&seed) % (uint32_t)sliced->graph.node_count);
    bool done = false;
    icn_error error = {ICN_OK, ""};
    assert_int_equal(icn_slice_nodes(&sliced->graph, nodes, 1 + round % 2, &done, &error), ICN_OK);
    if (done) {
      icn_plan plan;
      const icn_plan_request request = {.disabled_passes = disabled[cuts % 5]};
      if (icn_graph_validate(&sliced->graph, &error) != ICN_OK) fail_msg("round %d: %s", (int)round, error.message);
      if (icn_plan_make_from(tables[cuts / 5 % 5], &sliced->graph, &device, &request, &plan, &error) != ICN_OK)
        fail_msg("%s", error.message);
      if (icn_plan_check(&plan, &error) != ICN_OK) fail_msg("round %d: %s", (int)round, error.message);
      check_sliced_run(whole, sliced, &plan, seed);
      icn_plan_fini(&plan);
      cuts++;
    }
    builder_free(whole);
    builder_free(sliced);
  }
  print_message("%d graphs in slices\n", (int)cuts);
  assert_true(cuts > 200);
}

/* The first part of a join is the wide tensor itself, turned round: no place of its own channels behind others. */
static void a_flipped_part_of_a_join_has_its_own_memory(void **state) {
  (void)state;
  for (int axis = 2; axis < 4; axis++) {
    builder *b = builder_new();
    const int x = add_unary(b, add_input(b, shape4(1, 4, 3, 3)), "x"), flipped = add_slice(b, x, axis, 2, 3, -1);
    add_output(b, add_concat(b, (const int[]){flipped, add_unary(b, x, "beside")}, 2, 1));
    check_all_ways(b, 5);
    builder_free(b);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_graphs_compute_what_the_reference_computes),
      cmocka_unit_test(random_graphs_in_slices_compute_the_same),
      cmocka_unit_test(a_flipped_part_of_a_join_has_its_own_memory),
  };
  return cmocka_run_group_tests_name("plan_random", tests, NULL, NULL);
}
