/* Lowering, dependencies and the checker, without a device: small graphs whose plans are known, random graphs run on the host. */
#include "support/icn_test.h"

#include "lower.h"
#include "support/fake_rows.h"
#include "support/graph_builder.h"
#include "support/plan_run.h"

static icn_device_desc cpu(void) { return icn_device_desc_example(ICN_DEVICE_CPU); }

static icn_plan planned(const builder *b, const icn_row_table *rows, const icn_plan_request *request) {
  return plan_for(b, rows, request, ICN_DEVICE_CPU);
}

static int count_copies(const icn_plan *plan) {
  int copies = 0;
  for (size_t l = 0; l < plan->layer_count; l++) copies += plan->layers[l].problem.op == ICN_OP_COPY ? 1 : 0;
  return copies;
}

static const icn_plan_value *find_value(const icn_plan *plan, int value) {
  for (size_t i = 0; i < plan->value_count; i++) {
    if (plan->values[i].value == value) return &plan->values[i];
  }
  return NULL;
}

/* ------------------------------------------------------------------- tests */

/* The shape of an Inception block: two branches, one with a nested join, flattened at the end. */
static builder *inception(int64_t batch) {
  builder *b = builder_new();
  int x = add_input(b, shape4(batch, 3, 5, 5));
  int stem = add_unary(b, x, "stem");
  int left = add_unary(b, stem, "left"), right = add_unary(b, stem, "right"), mid = add_unary(b, stem, "mid");
  int inner = add_concat(b, (const int[]){add_unary(b, mid, "mid1"), add_unary(b, mid, "mid2")}, 2, 1);
  int joined = add_concat(b, (const int[]){left, inner, right}, 3, 1);
  int pooled = add_slice(b, add_unary(b, joined, "after"), 2, 0, 1, 1);
  pooled = add_unary(b, add_slice(b, pooled, 3, 0, 1, 1), "pool");
  add_output(b, add_unary(b, add_reshape(b, pooled, shape2(batch, 12)), "softmax"));
  return b;
}

static void joins_copy_nothing(void **state) {
  (void)state;
  for (int64_t batch = 1; batch <= 3; batch += 2) {
    builder *b = inception(batch);
    icn_plan plan = planned(b, &icn_fake_plain, NULL);
    int joins = 0;
    for (size_t l = 0; l < plan.layer_count; l++) {
      const icn_plan_layer *layer = &plan.layers[l];
      if (layer->problem.op != ICN_OP_COPY)
        joins += icn_view_pixel_stride(&layer->problem.out) == 12 && layer->problem.out.shape.dim[1] == 3;
      if (layer->problem.op == ICN_OP_COPY && layer->node >= 0) assert_int_equal(b->graph.nodes[layer->node].op, ICN_OP_SLICE);
    }
    assert_int_equal(joins, 4); /* left, right, mid1, mid2 write into the joined tensor */
    assert_string_equal(plan.layers[0].name, "input in0");
    assert_int_equal(plan.layers[plan.layer_count - 1].place[ICN_OPERAND_OUT].buffer, 2); /* straight into the output */
    icn_plan_fini(&plan);
    check_all_ways(b, 7);
    builder_free(b);
  }
}

static void switches_are_obeyed(void **state) {
  (void)state;
  builder *b = inception(1);
  icn_plan plan = planned(b, &icn_fake_plain, NULL);
  int copies = count_copies(&plan);
  uint64_t bytes = plan.arena_bytes;
  assert_true(plan.arena_bytes >= plan.arena_lower_bound_bytes);
  icn_plan_fini(&plan);
  plan = planned(b, &icn_fake_plain, &(icn_plan_request){.disabled_passes = "concat_view"});
  assert_int_equal(count_copies(&plan), copies + 5);
  icn_plan_fini(&plan);
  plan = planned(b, &icn_fake_plain, &(icn_plan_request){.disabled_passes = "reshape_view"});
  assert_true(count_copies(&plan) > copies);
  icn_plan_fini(&plan);
  plan = planned(b, &icn_fake_plain, &(icn_plan_request){.disabled_passes = "memory_reuse"});
  assert_int_equal(count_copies(&plan), copies);
  assert_true(plan.arena_bytes > bytes);
  icn_plan_fini(&plan);
  builder_free(b);
}

static void parallel_branches_do_not_wait_for_each_other(void **state) {
  (void)state;
  builder *b = inception(2);
  icn_plan plan = planned(b, &icn_fake_plain, &(icn_plan_request){.keep_values = true});
  size_t left = 0, right = 0;
  for (size_t s = 0; s < plan.step_count; s++) {
    const char *name = plan.layers[plan.steps[s].layer].name;
    if (strcmp(name, "left") == 0) left = s;
    if (strcmp(name, "right") == 0) right = s;
  }
  assert_true(left > 0 && right > left);
  for (int d = 0; d < plan.steps[right].depend_count; d++) assert_int_not_equal(plan.steps[right].depends[d], left);
  icn_plan_fini(&plan);
  builder_free(b);
}

static void the_checker_sees_every_missing_edge(void **state) {
  (void)state;
  builder *b = inception(1);
  icn_plan plan = planned(b, &icn_fake_two_launches, NULL);
  icn_error error;
  int edges = 0;
  for (size_t s = 0; s < plan.step_count; s++) {
    icn_plan_step *step = &plan.steps[s];
    for (int d = 0; d < step->depend_count; d++, edges++) { /* direct dependencies only: each one is needed */
      int kept = step->depends[d];
      step->depends[d] = step->depends[--step->depend_count];
      assert_int_equal(icn_plan_check(&plan, &error), ICN_MISMATCH);
      assert_non_null(strstr(error.message, "share bytes"));
      step->depends[step->depend_count++] = step->depends[d];
      step->depends[d] = kept;
      assert_int_equal(icn_plan_check(&plan, &error), ICN_OK);
    }
  }
  assert_true(edges > 10);
  icn_plan_fini(&plan);
  builder_free(b);
}

static void the_checker_sees_operands_outside(void **state) {
  (void)state;
  builder *b = inception(1);
  icn_plan plan = planned(b, &icn_fake_plain, NULL);
  icn_error error;
  plan.layers[1].place[ICN_OPERAND_OUT].offset += (int64_t)plan.arena_bytes / 4;
  assert_int_equal(icn_plan_check(&plan, &error), ICN_MISMATCH);
  assert_non_null(strstr(error.message, "touches elements"));
  icn_plan_fini(&plan);
  builder_free(b);
}

static void outputs_of_every_kind(void **state) {
  (void)state;
  static const float DATA[6] = {1, 2, 3, 4, 5, 6};
  builder *b = builder_new();
  int x = add_input(b, shape4(1, 2, 3, 1)), flat = add_input(b, shape2(2, 3));
  icn_shape shape = shape4(1, 3, 2, 1);
  int constant = icn_graph_add_constant(&b->graph, "c", &shape, ICN_F32, DATA);
  int y = add_unary(b, x, "y");
  int z = add_unary(b, add_reshape(b, flat, shape4(1, 6, 1, 1)), "z");
  const int outputs[8] = {x, flat, constant, y, y, z, add_reshape(b, z, shape2(3, 2)), add_transpose(b, y, (const int[]){0, 2, 3, 1})};
  for (int i = 0; i < 8; i++) add_output(b, outputs[i]);
  check_all_ways(b, 3);
  builder_free(b);
}

static void odd_concats(void **state) {
  (void)state;
  static const float DATA[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  builder *b = builder_new();
  int x = add_input(b, shape4(1, 3, 2, 2));
  icn_shape shape = shape4(1, 3, 2, 2);
  int constant = icn_graph_add_constant(&b->graph, "c", &shape, ICN_F32, DATA);
  int y = add_unary(b, x, "y"), z = add_unary(b, y, "z");
  int twice = add_concat(b, (const int[]){y, z, y, x, constant}, 5, 1);         /* one value twice, an input, a constant */
  int again = add_concat(b, (const int[]){twice, add_unary(b, z, NULL)}, 2, 1); /* a joined tensor inside another */
  int other = add_concat(b, (const int[]){twice, z}, 2, 1);                     /* and in a second one */
  int rows = add_concat(b, (const int[]){z, y}, 2, 2);                          /* not channels; dense, for one image */
  int columns = add_concat(b, (const int[]){z, add_unary(b, y, NULL)}, 2, 3);   /* neither */
  int empty = add_slice(b, y, 1, 0, 0, 1);
  int with_empty = add_concat(b, (const int[]){empty, add_unary(b, y, NULL), empty}, 3, 1);
  int batch = add_concat(b, (const int[]){add_unary(b, y, NULL), z}, 2, 0);
  const int outputs[] = {again, add_unary(b, other, NULL), rows, columns, with_empty, add_unary(b, batch, NULL), twice};
  for (int i = 0; i < 7; i++) add_output(b, outputs[i]);
  check_all_ways(b, 11);
  builder_free(b);
}

static void channel_slices_are_views(void **state) {
  (void)state;
  builder *b = builder_new();
  int x = add_unary(b, add_input(b, shape4(2, 8, 3, 3)), "x");
  int half = add_slice(b, x, 1, 4, 4, 1);
  add_output(b, add_unary(b, half, "y"));
  icn_plan plan = planned(b, &icn_fake_plain, NULL);
  assert_int_equal(count_copies(&plan), 2); /* input, output */
  assert_int_equal(find_value(&plan, half)->view.offset, 4);
  assert_int_equal(icn_view_pixel_stride(&find_value(&plan, half)->view), 8);
  icn_plan_fini(&plan);
  check_all_ways(b, 5);
  builder_free(b);
}

/* Overlap of accesses against a list of every element. */
static bool share_an_element(const icn_access *a, const icn_access *b) {
  bool touched[2][4096] = {{false}};
  const icn_access *both[2] = {a, b};
  for (int w = 0; w < 2; w++) {
    const icn_view *v = &both[w]->view;
    for (int64_t i = 0; i < icn_shape_elems(&v->shape); i++) {
      int64_t at = v->offset, rest = i;
      for (int k = v->shape.rank - 1; k >= 0; rest /= v->shape.dim[k--]) at += rest % v->shape.dim[k] * v->stride[k];
      assert_in_range(at, both[w]->begin, both[w]->end - 1);
      touched[w][at] = true;
    }
  }
  for (int i = 0; i < 4096; i++) {
    if (touched[0][i] && touched[1][i]) return true;
  }
  return false;
}

static icn_access random_access(uint32_t *seed, int64_t pixel) {
  icn_access access = {.buffer = 0, .writes = true};
  icn_shape shape =
      shape4(1 + icn_test_random(seed) % 2, 1 + icn_test_random(seed) % 5, 1 + icn_test_random(seed) % 3, 1 + icn_test_random(seed) % 3);
  access.view = icn_view_device(&shape, pixel);
  access.view.offset = icn_test_random(seed) % 40;
  access.begin = access.view.offset;
  access.end = icn_view_extent(&access.view);
  return access;
}

static void overlap_agrees_with_counting_elements(void **state) {
  (void)state;
  uint32_t seed = 99;
  int exact = 0, rounds = 20000;
  for (int i = 0; i < rounds; i++) {
    int64_t pixel = 5 + icn_test_random(&seed) % 6;
    icn_access a = random_access(&seed, pixel), b = random_access(&seed, i % 4 == 0 ? pixel + 1 : pixel);
    bool shares = share_an_element(&a, &b), said = icn_accesses_overlap(&a, &b);
    if (shares) assert_true(said);
    exact += shares == said ? 1 : 0;
  }
  assert_true(exact > rounds * 8 / 10);
}

static void limits_are_errors(void **state) {
  (void)state;
  builder *b = inception(1);
  icn_plan plan;
  icn_error error;
  icn_device_desc device = cpu();
  device.max_allocation_bytes = 1024;
  assert_int_equal(icn_plan_make_from(&icn_fake_plain, &b->graph, &device, NULL, &plan, &error), ICN_DEVICE_MEMORY);
  assert_non_null(strstr(error.message, "layer '"));
  assert_non_null(strstr(error.message, "1024"));
  icn_plan_fini(&plan);
  device = cpu();
  device.global_bytes = 1536;
  assert_int_equal(icn_plan_make_from(&icn_fake_plain, &b->graph, &device, NULL, &plan, &error), ICN_DEVICE_MEMORY);
  assert_non_null(strstr(error.message, "1536"));
  icn_plan_fini(&plan);
  device = cpu();
  assert_int_equal(icn_plan_make_from(&icn_fake_plain, &b->graph, &device, &(icn_plan_request){.forced_rows = "copy,none"}, &plan, &error),
                   ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "'none'"));
  icn_plan_fini(&plan);
  builder_free(b);
}

/* Gives memory `left` times, then never again; counts what is held. */
typedef struct miser {
  int left, held;
} miser;

static void *miser_allocate(void *user, size_t bytes) {
  miser *m = user;
  if (m->left-- <= 0) return NULL;
  m->held++;
  icn_allocator heap = icn_allocator_default();
  return heap.allocate(NULL, bytes);
}

static void miser_release(void *user, void *memory) {
  icn_allocator heap = icn_allocator_default();
  if (memory != NULL) ((miser *)user)->held--;
  heap.release(NULL, memory);
}

static void every_failed_allocation_is_an_error_and_leaks_nothing(void **state) {
  (void)state;
  builder *b = inception(1);
  icn_device_desc device = cpu();
  icn_status status = ICN_NO_MEMORY;
  icn_allocator heap = b->graph.arena.allocator;
  int failures = 0;
  for (int allowed = 0; status != ICN_OK; allowed++) {
    miser m = {allowed, 0};
    icn_plan plan;
    icn_error error;
    b->graph.arena.allocator = (icn_allocator){&m, miser_allocate, miser_release};
    status = icn_plan_make_from(&icn_fake_two_launches, &b->graph, &device, &(icn_plan_request){.why = true}, &plan, &error);
    if (status != ICN_OK) {
      assert_int_equal(status, ICN_NO_MEMORY);
      assert_non_null(strstr(error.message, "out of memory"));
      failures++;
    }
    icn_plan_fini(&plan);
    assert_int_equal(m.held, 0);
  }
  assert_true(failures > 5);
  b->graph.arena.allocator = heap;
  builder_free(b);
}

static void printed_plan_names_layers_and_totals(void **state) {
  (void)state;
  builder *b = inception(1);
  icn_plan plan = planned(b, &icn_fake_plain, &(icn_plan_request){.why = true});
  icn_device_desc device = cpu();
  icn_allocator allocator = icn_allocator_default();
  icn_text text;
  icn_text_init(&text, &allocator);
  icn_plan_print(&plan, &b->graph, &device, &text);
  assert_non_null(strstr(text.data, "input in0"));
  assert_non_null(strstr(text.data, "mid2"));
  assert_non_null(strstr(text.data, "layers ("));
  assert_non_null(strstr(text.data, "GB/s, assumed"));
  assert_null(strstr(text.data, "chosen")); /* no row was forced */
  icn_text_fini(&text);
  device.flop_per_second = 3e11;
  device.bytes_per_second = 2e10;
  icn_text_init(&text, &allocator);
  icn_plan_print(&plan, &b->graph, &device, &text);
  assert_non_null(strstr(text.data, "rates  300 GFLOP/s, 20 GB/s, measured"));
  icn_text_fini(&text);
  icn_plan_fini(&plan);
  builder_free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(joins_copy_nothing),
      cmocka_unit_test(switches_are_obeyed),
      cmocka_unit_test(parallel_branches_do_not_wait_for_each_other),
      cmocka_unit_test(the_checker_sees_every_missing_edge),
      cmocka_unit_test(the_checker_sees_operands_outside),
      cmocka_unit_test(outputs_of_every_kind),
      cmocka_unit_test(odd_concats),
      cmocka_unit_test(channel_slices_are_views),
      cmocka_unit_test(overlap_agrees_with_counting_elements),
      cmocka_unit_test(limits_are_errors),
      cmocka_unit_test(every_failed_allocation_is_an_error_and_leaks_nothing),
      cmocka_unit_test(printed_plan_names_layers_and_totals),
  };
  return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
