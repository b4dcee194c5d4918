/* Random graphs: planned with every table of rows and every switch, run on the host, compared with the reference bit for bit. */
#include "lower.h"
#include "slice.h"
#include "support/fake_rows.h"
#include "support/graph_builder.h"
#include "support/icn_test.h"
#include "support/plan_run.h"

/* A graph of `count` random nodes. Dimensions stay small; every operation that lowering treats specially is among them. */
static builder *random_graph(uint32_t *seed, int count, int64_t images, int outputs) {
  builder *b = builder_new();
  int pool[64], used = 0;
  pool[used++] = add_input(b, shape4(images, 4, 2, 1 + icn_test_random(seed) % 3));
  pool[used++] = add_input(b, shape2(images < 2 ? 2 : images, 6));
  for (int n = 0; n < count && used < 60; n++) {
    int x = pool[icn_test_random(seed) % (uint32_t)used], y = pool[icn_test_random(seed) % (uint32_t)used];
    const icn_shape s = *shape_of(b, x);
    int axis = (int)(icn_test_random(seed) % (uint32_t)s.rank), made = -1;
    switch (icn_test_random(seed) % 13) {
      case 0:
      case 1:
        made = add_unary(b, x, NULL);
        break;
      case 2:
        if (icn_shape_equal(&s, shape_of(b, y))) made = add_sum(b, x, y);
        break;
      case 3:
      case 4: {
        int parts[3] = {x, icn_shape_equal(&s, shape_of(b, y)) ? y : add_unary(b, x, NULL), add_unary(b, x, NULL)};
        if (icn_shape_elems(&s) < 200) made = add_concat(b, parts, 3, axis);
        break;
      }
      case 5: {
        int64_t elems = icn_shape_elems(&s);
        icn_shape to = s.rank == 4 ? shape2(s.dim[0], elems / s.dim[0]) : shape4(s.dim[0], elems / s.dim[0], 1, 1);
        if (icn_test_random(seed) % 3 == 0) to = shape4(1, s.dim[0], elems / s.dim[0], 1);
        made = add_reshape(b, x, to);
        break;
      }
      case 6:
        made = add_slice(b, x, axis, s.dim[axis] - 1, s.dim[axis], -1);
        break;
      case 7:
        made = add_slice(b, x, axis, s.dim[axis] / 2, (s.dim[axis] + 1) / 2, 1);
        break;
      case 8:
        made = s.rank == 4 ? add_max_pool(b, x) : add_unary(b, x, NULL);
        break;
      case 9:
        made = add_softmax(b, x, axis);
        break;
      case 10:
        made = add_mean(b, x, axis);
        break;
      case 11:
        made = add_gram(b, x);
        break;
      default: {
        const int perms[2][4] = {{0, 2, 3, 1}, {1, 0, 3, 2}};
        made = s.rank == 4 ? add_transpose(b, x, perms[icn_test_random(seed) % 2]) : add_transpose(b, x, (const int[]){1, 0});
      }
    }
    if (made >= 0) pool[used++] = made;
  }
  for (int o = 1; o < outputs; o++) add_output(b, pool[used - 1 - (int)(icn_test_random(seed) % (uint32_t)used)]);
  add_output(b, pool[used - 1]);
  return b;
}

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
