/* Lowering, dependencies and the checker, without a device: small graphs whose plans are known, random graphs run on the host. */
#include "support/icn_test.h"

#include "lower.h"
#include "ref.h"
#include "support/fake_rows.h"
#include "support/plan_run.h"

/* ------------------------------------------------------------ small graphs */

typedef struct builder {
  icn_graph graph;
  int outputs[8];
  const char *output_names[8];
  int inputs[4];
} builder;

static builder *builder_new(void) {
  builder *b = calloc(1, sizeof *b);
  icn_allocator allocator = icn_allocator_default();
  icn_graph_init(&b->graph, &allocator);
  b->graph.inputs = b->inputs;
  b->graph.outputs = b->outputs;
  b->graph.output_names = b->output_names;
  return b;
}

static void builder_free(builder *b) {
  icn_graph_fini(&b->graph);
  free(b);
}

static icn_shape shape4(int64_t n, int64_t c, int64_t h, int64_t w) { return icn_shape_make(4, (const int64_t[]){n, c, h, w}); }
static icn_shape shape2(int64_t n, int64_t c) { return icn_shape_make(2, (const int64_t[]){n, c}); }

static int input(builder *b, icn_shape shape) {
  char name[16];
  snprintf(name, sizeof name, "in%zu", b->graph.input_count);
  int value = icn_graph_add_value(&b->graph, name, &shape, ICN_F32);
  b->graph.values[value].is_input = true;
  b->inputs[b->graph.input_count++] = value;
  return value;
}

static void output(builder *b, int value) {
  b->output_names[b->graph.output_count] = b->graph.values[value].name;
  b->outputs[b->graph.output_count++] = value;
}

static const icn_shape *shape_of(const builder *b, int value) { return &b->graph.values[value].shape; }

static int unary(builder *b, int x, const char *name) {
  icn_params params = {.function = ICN_FN_SQUARE};
  icn_shape shape = *shape_of(b, x);
  return icn_graph_add_node(&b->graph, ICN_OP_UNARY, name, "Mul", &x, 1, &params, NULL, &shape);
}

static int add(builder *b, int x, int y) {
  icn_params params = {.function = ICN_FN_ADD};
  icn_shape shape = *shape_of(b, x);
  return icn_graph_add_node(&b->graph, ICN_OP_BINARY, NULL, "Add", (const int[]){x, y}, 2, &params, NULL, &shape);
}

static int concat(builder *b, const int *parts, int count, int axis) {
  icn_params params = {.axis = axis};
  icn_shape shape = *shape_of(b, parts[0]);
  for (int i = 1; i < count; i++) shape.dim[axis] += shape_of(b, parts[i])->dim[axis];
  return icn_graph_add_node(&b->graph, ICN_OP_CONCAT, NULL, "Concat", parts, count, &params, NULL, &shape);
}

static int reshape(builder *b, int x, icn_shape shape) {
  return icn_graph_add_node(&b->graph, ICN_OP_RESHAPE, NULL, "Reshape", &x, 1, NULL, NULL, &shape);
}

static int slice(builder *b, int x, int axis, int64_t begin, int64_t count, int64_t step) {
  icn_params params = {0};
  icn_shape shape = *shape_of(b, x);
  for (int k = 0; k < shape.rank; k++) params.step[k] = 1;
  params.begin[axis] = begin;
  params.step[axis] = step;
  shape.dim[axis] = count;
  return icn_graph_add_node(&b->graph, ICN_OP_SLICE, NULL, "Slice", &x, 1, &params, NULL, &shape);
}

static int transpose(builder *b, int x, const int *perm) {
  icn_params params = {0};
  icn_shape shape = *shape_of(b, x);
  for (int k = 0; k < shape.rank; k++) {
    params.perm[k] = perm[k];
    shape.dim[k] = shape_of(b, x)->dim[perm[k]];
  }
  return icn_graph_add_node(&b->graph, ICN_OP_TRANSPOSE, NULL, "Transpose", &x, 1, &params, NULL, &shape);
}

static icn_device_desc cpu(void) { return icn_device_desc_example(ICN_DEVICE_CPU); }

static icn_plan planned(const builder *b, const icn_row_table *rows, const icn_plan_request *request) {
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  icn_device_desc device = cpu();
  if (icn_plan_make_from(rows, &b->graph, &device, request, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_plan_check(&plan, &error) != ICN_OK) fail_msg("%s", error.message);
  return plan;
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

/* ------------------------------------------------------- run and compare */

static float *random_floats(int64_t count, uint32_t *seed) {
  float *data = malloc(sizeof(float) * (size_t)(count + 1));
  for (int64_t i = 0; i < count; i++) data[i] = (float)((int)(icn_test_random(seed) % 64) - 32) / 8;
  return data;
}

/* Every plan value (or the outputs only) against the reference's run of the graph. */
static void compare(const builder *b, const icn_plan *plan, const icn_test_run *run, const float *const *want, bool values) {
  for (size_t o = 0; o < b->graph.output_count; o++) {
    const icn_shape *shape = shape_of(b, b->outputs[o]);
    const float *got = icn_test_run_output(run, plan, (int)o);
    assert_memory_equal(got, want[b->outputs[o]], (size_t)icn_shape_elems(shape) * sizeof(float));
  }
  for (size_t i = 0; values && i < plan->value_count; i++) {
    const icn_plan_value *value = &plan->values[i];
    if (!value->materialised) continue;
    const icn_shape *shape = shape_of(b, value->value);
    icn_problem copy = {.op = ICN_OP_COPY, .present = 1, .in = {value->view}, .out = icn_view_dense(shape)};
    float *got = malloc((size_t)icn_shape_elems(shape) * sizeof(float));
    const void *from = run->buffers[value->place.buffer] + value->place.offset;
    assert_int_equal(icn_ref_compute(&copy, &from, got, NULL), ICN_OK);
    assert_memory_equal(got, want[value->value], (size_t)icn_shape_elems(shape) * sizeof(float));
    free(got);
  }
}

static void check_run(const builder *b, const icn_row_table *rows, const icn_plan_request *request, uint32_t seed) {
  icn_plan plan = planned(b, rows, request);
  icn_allocator allocator = icn_allocator_default();
  icn_arena arena;
  icn_arena_init(&arena, &allocator);
  const float **want = calloc(b->graph.value_count, sizeof *want);
  float *inputs[4] = {NULL};
  for (size_t i = 0; i < b->graph.input_count; i++) {
    want[b->inputs[i]] = inputs[i] = random_floats(icn_shape_elems(shape_of(b, b->inputs[i])), &seed);
  }
  icn_error error;
  assert_int_equal(icn_ref_run(&b->graph, want, &arena, NULL, NULL, &error), ICN_OK);
  for (uint32_t order = 0; order < 3; order++) {
    icn_test_run run;
    icn_status status = icn_test_run_plan(&plan, &b->graph, (const float *const *)inputs, order == 0 ? 0 : seed + order, &run, &error);
    if (status != ICN_OK) fail_msg("%s", error.message);
    compare(b, &plan, &run, want, request != NULL && request->keep_values);
    icn_test_run_fini(&run);
  }
  for (int i = 0; i < 4; i++) free(inputs[i]);
  free(want);
  icn_arena_fini(&arena);
  icn_plan_fini(&plan);
}

static void check_all_ways(const builder *b, uint32_t seed) {
  const icn_plan_request requests[] = {{NULL, NULL, false, false},
                                       {NULL, NULL, true, true},
                                       {"concat_view,memory_reuse", NULL, false, false},
                                       {"concat_view,reshape_view", NULL, true, false},
                                       {"all", NULL, false, false}};
  for (size_t r = 0; r < sizeof requests / sizeof requests[0]; r++) {
    check_run(b, &icn_fake_plain, &requests[r], seed);
    check_run(b, &icn_fake_two_launches, &requests[r], seed);
    check_run(b, &icn_fake_compact, &requests[r], seed);
    check_run(b, &icn_fake_model_order, &requests[r], seed);
  }
}

/* ------------------------------------------------------------------- tests */

/* The shape of an Inception block: two branches, one with a nested join, flattened at the end. */
static builder *inception(int64_t batch) {
  builder *b = builder_new();
  int x = input(b, shape4(batch, 3, 5, 5));
  int stem = unary(b, x, "stem");
  int left = unary(b, stem, "left"), right = unary(b, stem, "right"), mid = unary(b, stem, "mid");
  int inner = concat(b, (const int[]){unary(b, mid, "mid1"), unary(b, mid, "mid2")}, 2, 1);
  int joined = concat(b, (const int[]){left, inner, right}, 3, 1);
  int pooled = slice(b, unary(b, joined, "after"), 2, 0, 1, 1);
  pooled = unary(b, slice(b, pooled, 3, 0, 1, 1), "pool");
  output(b, unary(b, reshape(b, pooled, shape2(batch, 12)), "softmax"));
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
  int x = input(b, shape4(1, 2, 3, 1)), flat = input(b, shape2(2, 3));
  icn_shape shape = shape4(1, 3, 2, 1);
  int constant = icn_graph_add_constant(&b->graph, "c", &shape, ICN_F32, DATA);
  int y = unary(b, x, "y");
  int z = unary(b, reshape(b, flat, shape4(1, 6, 1, 1)), "z");
  const int outputs[8] = {x, flat, constant, y, y, z, reshape(b, z, shape2(3, 2)), transpose(b, y, (const int[]){0, 2, 3, 1})};
  for (int i = 0; i < 8; i++) output(b, outputs[i]);
  check_all_ways(b, 3);
  builder_free(b);
}

static void odd_concats(void **state) {
  (void)state;
  static const float DATA[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  builder *b = builder_new();
  int x = input(b, shape4(1, 3, 2, 2));
  icn_shape shape = shape4(1, 3, 2, 2);
  int constant = icn_graph_add_constant(&b->graph, "c", &shape, ICN_F32, DATA);
  int y = unary(b, x, "y"), z = unary(b, y, "z");
  int twice = concat(b, (const int[]){y, z, y, x, constant}, 5, 1);     /* one value twice, an input, a constant */
  int again = concat(b, (const int[]){twice, unary(b, z, NULL)}, 2, 1); /* a joined tensor inside another */
  int other = concat(b, (const int[]){twice, z}, 2, 1);                 /* and in a second one */
  int rows = concat(b, (const int[]){z, y}, 2, 2);                      /* not channels; dense, for one image */
  int columns = concat(b, (const int[]){z, unary(b, y, NULL)}, 2, 3);   /* neither */
  int empty = slice(b, y, 1, 0, 0, 1);
  int with_empty = concat(b, (const int[]){empty, unary(b, y, NULL), empty}, 3, 1);
  int batch = concat(b, (const int[]){unary(b, y, NULL), z}, 2, 0);
  const int outputs[] = {again, unary(b, other, NULL), rows, columns, with_empty, unary(b, batch, NULL), twice};
  for (int i = 0; i < 7; i++) output(b, outputs[i]);
  check_all_ways(b, 11);
  builder_free(b);
}

/* A graph of `count` random nodes. Dimensions stay small; every operation that lowering treats specially is among them. */
static builder *random_graph(uint32_t *seed, int count) {
  builder *b = builder_new();
  int pool[64], used = 0;
  pool[used++] = input(b, shape4(1 + icn_test_random(seed) % 2, 4, 2, 1 + icn_test_random(seed) % 3));
  pool[used++] = input(b, shape2(2, 6));
  for (int n = 0; n < count && used < 60; n++) {
    int x = pool[icn_test_random(seed) % (uint32_t)used], y = pool[icn_test_random(seed) % (uint32_t)used];
    const icn_shape s = *shape_of(b, x);
    int axis = (int)(icn_test_random(seed) % (uint32_t)s.rank), made = -1;
    switch (icn_test_random(seed) % 9) {
      case 0:
      case 1:
        made = unary(b, x, NULL);
        break;
      case 2:
        if (icn_shape_equal(&s, shape_of(b, y))) made = add(b, x, y);
        break;
      case 3:
      case 4: {
        int parts[3] = {x, icn_shape_equal(&s, shape_of(b, y)) ? y : unary(b, x, NULL), unary(b, x, NULL)};
        if (icn_shape_elems(&s) < 200) made = concat(b, parts, 3, axis);
        break;
      }
      case 5: {
        int64_t elems = icn_shape_elems(&s);
        icn_shape to = s.rank == 4 ? shape2(s.dim[0], elems / s.dim[0]) : shape4(s.dim[0], elems / s.dim[0], 1, 1);
        if (icn_test_random(seed) % 3 == 0) to = shape4(1, s.dim[0], elems / s.dim[0], 1);
        made = reshape(b, x, to);
        break;
      }
      case 6:
        made = slice(b, x, axis, s.dim[axis] - 1, s.dim[axis], -1);
        break;
      case 7:
        made = slice(b, x, axis, s.dim[axis] / 2, (s.dim[axis] + 1) / 2, 1);
        break;
      default: {
        const int perms[2][4] = {{0, 2, 3, 1}, {1, 0, 3, 2}};
        made = s.rank == 4 ? transpose(b, x, perms[icn_test_random(seed) % 2]) : transpose(b, x, (const int[]){1, 0});
      }
    }
    if (made >= 0) pool[used++] = made;
  }
  for (int o = 0; o < 5; o++) output(b, pool[used - 1 - (int)(icn_test_random(seed) % (uint32_t)used)]);
  output(b, pool[used - 1]);
  return b;
}

static void random_graphs_compute_what_the_reference_computes(void **state) {
  (void)state;
  uint32_t seed = 424242;
  for (int round = 0; round < 150; round++) {
    builder *b = random_graph(&seed, 4 + round % 30);
    icn_error error;
    if (icn_graph_validate(&b->graph, &error) != ICN_OK) fail_msg("round %d: %s", round, error.message);
    check_all_ways(b, seed);
    builder_free(b);
  }
}

static void channel_slices_are_views(void **state) {
  (void)state;
  builder *b = builder_new();
  int x = unary(b, input(b, shape4(2, 8, 3, 3)), "x");
  int half = slice(b, x, 1, 4, 4, 1);
  output(b, unary(b, half, "y"));
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
  icn_access access = {0, true, {{0}, {0}, 0}, 0, 0};
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
      cmocka_unit_test(random_graphs_compute_what_the_reference_computes),
      cmocka_unit_test(limits_are_errors),
      cmocka_unit_test(printed_plan_names_layers_and_totals),
  };
  return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
