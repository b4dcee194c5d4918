/* Graph building, uses, replacement, constants of every type, and the shape rules. */
#include "support/icn_test.h"

#include <math.h>

#include "graph.h"

typedef struct fixture {
  icn_graph graph;
  icn_error error;
} fixture;

static int make(void **state) {
  static fixture f;
  icn_allocator allocator = icn_allocator_default();
  icn_graph_init(&f.graph, &allocator);
  icn_error_clear(&f.error);
  *state = &f;
  return 0;
}

static int drop(void **state) {
  icn_graph_fini(&((fixture *)*state)->graph);
  return 0;
}

static icn_shape shape4(int64_t n, int64_t c, int64_t h, int64_t w) { return icn_shape_make(4, (const int64_t[]){n, c, h, w}); }

static int add_input(icn_graph *graph, const char *name, icn_shape shape) {
  int v = icn_graph_add_value(graph, name, &shape, ICN_F32);
  graph->values[v].is_input = true;
  return v;
}

static const float WEIGHTS[64];

/* x[1][3][8][8] conv 3x3 -> y[1][2][6][6]. Returns the node. */
static icn_node *add_conv(icn_graph *graph, icn_shape out) {
  int x = add_input(graph, "x", shape4(1, 3, 8, 8));
  icn_shape w = shape4(2, 3, 3, 3);
  int weight = icn_graph_add_constant(graph, "w", &w, ICN_F32, WEIGHTS);
  icn_params params = {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
  int y = icn_graph_add_node(graph, ICN_OP_CONV, "conv_1", "Conv", (const int[]){x, weight}, 2, &params, "y", &out);
  return &graph->nodes[graph->values[y].producer];
}

static void values_and_nodes_refer_by_index(void **state) {
  icn_graph *graph = &((fixture *)*state)->graph;
  icn_node *conv = add_conv(graph, shape4(1, 2, 6, 6));
  icn_shape out = shape4(1, 2, 6, 6);
  icn_params relu = {.function = ICN_FN_RELU};
  int y = conv->output;
  int z = icn_graph_add_node(graph, ICN_OP_UNARY, NULL, NULL, &y, 1, &relu, NULL, &out);
  int outputs[2] = {z, y};
  graph->outputs = outputs;
  graph->output_count = 2;
  assert_int_equal(icn_graph_validate(graph, &((fixture *)*state)->error), ICN_OK);
  int uses[4];
  icn_graph_count_uses(graph, uses);
  assert_int_equal(uses[y], 2);
  assert_int_equal(uses[z], 1);
  icn_graph_replace_value(graph, y, 0);
  assert_int_equal(graph->nodes[1].inputs[0], 0);
  assert_int_equal(outputs[1], 0);
}

static void many_nodes_survive_growth(void **state) {
  icn_graph *graph = &((fixture *)*state)->graph;
  icn_shape shape = shape4(1, 1, 1, 1);
  int v = add_input(graph, "x", shape);
  icn_params params = {.function = ICN_FN_EXP};
  for (int i = 0; i < 1000; i++) v = icn_graph_add_node(graph, ICN_OP_UNARY, "same", "Exp", &v, 1, &params, NULL, &shape);
  assert_int_equal(v, 1000);
  assert_int_equal(icn_graph_validate(graph, &((fixture *)*state)->error), ICN_OK);
  for (size_t n = 0; n < 1000; n++) assert_int_equal(graph->nodes[n].inputs[0], (int)n);
}

static void wrong_shapes_name_the_node(void **state) {
  fixture *f = *state;
  add_conv(&f->graph, shape4(1, 2, 6, 7));
  assert_int_equal(icn_graph_validate(&f->graph, &f->error), ICN_FORMAT);
  assert_non_null(strstr(f->error.message, "conv_1"));
  assert_non_null(strstr(f->error.message, "width is 7, expected 6"));
}

static void use_before_production_is_refused(void **state) {
  fixture *f = *state;
  icn_shape shape = shape4(1, 1, 1, 1);
  int orphan = icn_graph_add_value(&f->graph, "orphan", &shape, ICN_F32);
  icn_params params = {.function = ICN_FN_RELU};
  icn_graph_add_node(&f->graph, ICN_OP_UNARY, "r", "Relu", &orphan, 1, &params, NULL, &shape);
  assert_int_equal(icn_graph_validate(&f->graph, &f->error), ICN_FORMAT);
  assert_non_null(strstr(f->error.message, "orphan"));
}

static void each_rule_refuses_nonsense(void **state) {
  fixture *f = *state;
  icn_graph *graph = &f->graph;
  icn_shape in = shape4(1, 4, 5, 5), vector = icn_shape_make(1, (const int64_t[]){3});
  int x = add_input(graph, "x", in);
  int c = icn_graph_add_constant(graph, "c", &vector, ICN_F32, WEIGHTS);
  const struct {
    icn_op op;
    int inputs[3], count;
    icn_params params;
    icn_shape out;
  } bad[] = {
      {ICN_OP_CONV, {0, 1}, 2, {.groups = 1}, in},
      {ICN_OP_CONV_TRANSPOSE, {0, 1}, 2, {.groups = 1}, in},
      {ICN_OP_MATMUL, {0, 0}, 2, {.alpha = 1}, shape4(1, 4, 5, 4)},
      {ICN_OP_POOL, {0}, 1, {.function = ICN_FN_MAX, .kernel = {3, 3}, .stride = {0, 1}, .dilation = {1, 1}}, in},
      {ICN_OP_UNARY, {0}, 1, {.function = ICN_FN_ADD}, in},
      {ICN_OP_BINARY, {0, 1}, 2, {.function = ICN_FN_ADD}, in},
      {ICN_OP_AFFINE, {0, 1, 1}, 3, {0}, in},
      {ICN_OP_REDUCE, {0}, 1, {.function = ICN_FN_ADD, .axes = 1U << 4}, in},
      {ICN_OP_SOFTMAX, {0}, 1, {.axis = 4}, in},
      {ICN_OP_LRN, {0}, 1, {0}, in},
      {ICN_OP_PAD, {0}, 1, {.begin = {0, 1}}, in},
      {ICN_OP_RESAMPLE, {0, 1, 1}, 3, {.axis = 2}, in},
      {ICN_OP_COPY, {0}, 1, {0}, shape4(1, 4, 5, 6)},
      {ICN_OP_RESHAPE, {0}, 1, {0}, shape4(1, 4, 5, 6)},
      {ICN_OP_TRANSPOSE, {0}, 1, {.perm = {0, 1, 2, 2}}, in},
      {ICN_OP_SLICE, {0}, 1, {.begin = {0, 0, 0, 1}, .step = {1, 1, 1, 1}}, in},
      {ICN_OP_EXPAND, {0}, 1, {0}, shape4(1, 5, 5, 5)},
      {ICN_OP_CONCAT, {0, 0}, 2, {.axis = 1}, shape4(1, 7, 5, 5)},
  };
  assert_int_equal(x, 0);
  assert_int_equal(c, 1);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    icn_graph_add_node(graph, bad[i].op, "wrong", "", bad[i].inputs, bad[i].count, &bad[i].params, NULL, &bad[i].out);
    assert_int_equal(icn_graph_validate(graph, &f->error), ICN_FORMAT);
    assert_non_null(strstr(f->error.message, "wrong"));
    assert_non_null(strstr(f->error.message, icn_op_name(bad[i].op)));
    graph->nodes[graph->node_count - 1].op = ICN_OP_NONE;
    assert_int_equal(icn_graph_validate(graph, &f->error), ICN_OK);
  }
}

static void constants_are_read_unaligned(void **state) {
  icn_graph *graph = &((fixture *)*state)->graph;
  unsigned char bytes[40] = {0};
  icn_shape shape = icn_shape_make(1, (const int64_t[]){2});
  const float floats[2] = {1.5F, -2.0F};
  const int64_t ints[2] = {-7, (int64_t)1 << 40};
  memcpy(bytes + 1, floats, sizeof floats);
  memcpy(bytes + 11, ints, sizeof ints);
  int f = icn_graph_add_constant(graph, "f", &shape, ICN_F32, bytes + 1);
  int i = icn_graph_add_constant(graph, "i", &shape, ICN_I64, bytes + 11);
  assert_true(icn_const_f32(&graph->values[f], 1) == -2.0F);
  assert_int_equal(icn_const_i64(&graph->values[i], 0), -7);
  assert_int_equal(icn_const_i64(&graph->values[i], 1), (int64_t)1 << 40);
  const float *copy = icn_const_floats(&graph->values[f], &graph->arena);
  assert_int_equal((uintptr_t)copy % sizeof(float), 0);
  assert_true(copy[0] == 1.5F && copy[1] == -2.0F);
  int aligned = icn_graph_add_constant(graph, "a", &shape, ICN_F32, floats);
  assert_ptr_equal(icn_const_floats(&graph->values[aligned], &graph->arena), floats);
}

static void halves_convert_exactly(void **state) {
  (void)state;
  assert_true(icn_half_to_float(0x3C00) == 1.0F);
  assert_true(icn_half_to_float(0xC000) == -2.0F);
  assert_true(icn_half_to_float(0x7BFF) == 65504.0F);
  assert_true(icn_half_to_float(0x0001) == 5.9604644775390625e-8F);
  assert_true(icn_half_to_float(0x83FF) == -6.097555160522461e-5F);
  assert_true(isinf(icn_half_to_float(0xFC00)));
  assert_true(isnan(icn_half_to_float(0x7E00)));
  assert_true(signbit(icn_half_to_float(0x8000)));
  /* Every half comes back; so does what lies between two of them, to the nearer one, the middle to the even one. */
  for (uint32_t h = 0; h < 0x7C00; h++) {
    const float low = icn_half_to_float((uint16_t)h), high = h == 0x7BFF ? 65536.0F : icn_half_to_float((uint16_t)(h + 1));
    const float middle = low + (high - low) / 2;
    assert_int_equal(icn_float_to_half(low), h);
    assert_int_equal(icn_float_to_half(-low), h | 0x8000U);
    assert_int_equal(icn_float_to_half(middle), h + (h & 1U));
    assert_int_equal(icn_float_to_half(nextafterf(middle, 0)), h);
    assert_int_equal(icn_float_to_half(nextafterf(middle, high)), h + 1);
  }
  assert_int_equal(icn_float_to_half(INFINITY), 0x7C00);
  assert_int_equal(icn_float_to_half(-1e30F), 0xFC00);
  assert_int_equal(icn_float_to_half(1e-30F), 0);
  assert_true(isnan(icn_half_to_float(icn_float_to_half(NAN))));
}

/* A copy is changed by itself, and the graph can be made again of it. */
static void copies_are_their_own(void **state) {
  fixture *f = *state;
  icn_graph *graph = &f->graph, copy;
  icn_allocator allocator = icn_allocator_default();
  icn_text texts[3];
  icn_node *conv = add_conv(graph, shape4(1, 2, 6, 6));
  graph->outputs = &conv->output;
  graph->output_count = 1;
  static const char *name = "y";
  graph->output_names = &name;
  for (int i = 0; i < 3; i++) icn_text_init(&texts[i], &allocator);
  icn_graph_dump(graph, &texts[0]);
  icn_graph_init(&copy, &allocator);
  assert_int_equal(icn_graph_copy(graph, &copy, &f->error), ICN_OK);
  icn_graph_dump(&copy, &texts[1]);
  assert_string_equal(texts[0].data, texts[1].data);
  assert_int_equal(icn_graph_validate(&copy, &f->error), ICN_OK);
  graph->nodes[0].inputs[1] = ICN_NO_VALUE;
  graph->nodes[0].op = ICN_OP_NONE;
  graph->values[0].shape = shape4(2, 3, 8, 8);
  graph->outputs[0] = 0;
  assert_int_equal(icn_graph_validate(&copy, &f->error), ICN_OK);
  (void)add_input(&copy, "another", shape4(1, 1, 1, 1)); /* an array that is full grows */
  assert_int_equal(icn_graph_validate(&copy, &f->error), ICN_OK);
  copy.value_count--;
  assert_int_equal(icn_graph_copy(&copy, graph, &f->error), ICN_OK);
  icn_graph_dump(graph, &texts[2]);
  assert_string_equal(texts[0].data, texts[2].data);
  for (int i = 0; i < 3; i++) icn_text_fini(&texts[i]);
  icn_graph_fini(&copy);
}

/* What was made goes; constants stay constants. */
static void made_constants_can_go(void **state) {
  icn_graph *graph = &((fixture *)*state)->graph;
  icn_node *conv = add_conv(graph, shape4(1, 2, 6, 6));
  float *made = icn_arena_array(&graph->constants, 54, sizeof *made);
  assert_non_null(made);
  graph->values[conv->inputs[1]].data = made;
  icn_graph_drop_constants(graph);
  assert_null(graph->constants.blocks);
  assert_non_null(graph->values[conv->inputs[1]].data);
  assert_ptr_not_equal(graph->values[conv->inputs[1]].data, made);
  assert_null(graph->values[conv->inputs[0]].data);
}

static void names_exist_for_all(void **state) {
  (void)state;
  for (int op = 0; op < ICN_OP_COUNT; op++) assert_string_not_equal(icn_op_name((icn_op)op), "unknown");
  for (int fn = 0; fn < ICN_FN_UNARY_END; fn++) assert_string_not_equal(icn_function_name((icn_function)fn), "unknown");
  for (int fn = ICN_FN_ADD; fn < ICN_FN_BINARY_END; fn++) assert_string_not_equal(icn_function_name((icn_function)fn), "unknown");
  for (int fn = ICN_FN_MEAN; fn <= ICN_FN_LP; fn++) assert_string_not_equal(icn_function_name((icn_function)fn), "unknown");
  assert_string_equal(icn_function_name((icn_function)5000), "unknown");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(values_and_nodes_refer_by_index, make, drop),
      cmocka_unit_test_setup_teardown(many_nodes_survive_growth, make, drop),
      cmocka_unit_test_setup_teardown(wrong_shapes_name_the_node, make, drop),
      cmocka_unit_test_setup_teardown(use_before_production_is_refused, make, drop),
      cmocka_unit_test_setup_teardown(each_rule_refuses_nonsense, make, drop),
      cmocka_unit_test_setup_teardown(constants_are_read_unaligned, make, drop),
      cmocka_unit_test_setup_teardown(copies_are_their_own, make, drop),
      cmocka_unit_test_setup_teardown(made_constants_can_go, make, drop),
      cmocka_unit_test(halves_convert_exactly),
      cmocka_unit_test(names_exist_for_all),
  };
  return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
