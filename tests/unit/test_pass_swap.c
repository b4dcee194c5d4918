/* swap_pool: the 1x1 convolution goes before the average pool, and nothing changes but rounding. */
#include <math.h>

#include "passes.h"
#include "ref.h"
#include "support/graph_builder.h"
#include "support/icn_test.h"

enum { C = 9, K = 4, SIDE = 6 };

static float random_float(uint32_t *seed) {
  *seed = *seed * 1664525U + 1013904223U;
  return (float)(int32_t)(*seed >> 8 & 0xFFFFU) / 32768.0F - 1.0F;
}

static int add_constant(builder *b, icn_shape shape, uint32_t seed) {
  const int64_t count = icn_shape_elems(&shape);
  float *data = icn_arena_array(&b->graph.arena, (size_t)count, sizeof *data);
  for (int64_t i = 0; i < count; i++) data[i] = random_float(&seed);
  return icn_graph_add_constant(&b->graph, NULL, &shape, ICN_F32, data);
}

typedef struct shape_of_case {
  icn_function function;
  int include_pad, kernel, stride;
  int64_t outputs;
  bool second_reader, bias, scale;
} shape_of_case;

static const shape_of_case USUAL = {ICN_FN_MEAN, 1, 3, 1, K, false, true, true};

/* x -> pool -> 1x1 convolution, relu -> output. Built twice it holds the same numbers. */
static builder *graph_of(const shape_of_case *c) {
  builder *b = builder_new();
  const int x = add_input(b, shape4(2, C, SIDE, SIDE));
  icn_params pool = {.function = c->function,
                     .count_include_pad = c->include_pad,
                     .kernel = {c->kernel, c->kernel},
                     .stride = {c->stride, c->stride},
                     .dilation = {1, 1},
                     .pad_begin = {1, 1},
                     .pad_end = {1, 1}};
  const int64_t side = (SIDE + 2 - c->kernel) / c->stride + 1;
  const icn_shape pooled = shape4(2, C, side, side), out = shape4(2, c->outputs, side, side);
  const int p = icn_graph_add_node(&b->graph, ICN_OP_POOL, "pool", "AveragePool", &x, 1, &pool, NULL, &pooled);
  const icn_shape channels = icn_shape_make(1, &c->outputs);
  icn_params one = {.groups = 1, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
  const int inputs[5] = {p, add_constant(b, shape4(c->outputs, C, 1, 1), 3), c->bias ? add_constant(b, channels, 5) : ICN_NO_VALUE,
                         ICN_NO_VALUE, c->scale ? add_constant(b, channels, 7) : ICN_NO_VALUE};
  const icn_epilogue relu = {ICN_FN_RELU, 0, 0, 0};
  const int y = icn_graph_add_node(&b->graph, ICN_OP_CONV, "conv", "Conv", inputs, 5, &one, NULL, &out);
  b->graph.nodes[b->graph.node_count - 1].epilogue = relu;
  add_output(b, y);
  if (c->second_reader) add_output(b, add_unary(b, p, "other"));
  return b;
}

/* The first output; values are in the graph's arena. */
static const float *compute(builder *b, const float *x) {
  icn_error error;
  const float **values = icn_arena_array(&b->graph.arena, b->graph.value_count, sizeof *values);
  for (size_t v = 0; v < b->graph.value_count; v++) values[v] = NULL;
  values[b->inputs[0]] = x;
  if (icn_ref_run(&b->graph, values, &b->graph.arena, NULL, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  return values[b->outputs[0]];
}

static const icn_node *find(const builder *b, icn_op op, int *place) {
  for (*place = 0; (size_t)*place < b->graph.node_count; (*place)++)
    if (b->graph.nodes[*place].op == op) return &b->graph.nodes[*place];
  return NULL;
}

/* Runs the pass; true when the convolution comes first then. Results must agree in any case. */
static bool is_swapped(const shape_of_case *c) {
  builder *plain = graph_of(c), *b = graph_of(c);
  float x[2 * C * SIDE * SIDE];
  uint32_t seed = 11;
  icn_error error;
  for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) x[i] = random_float(&seed);
  if (icn_passes_run(&b->graph, NULL, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(icn_graph_validate(&b->graph, &error), ICN_OK);
  const float *want = compute(plain, x), *got = compute(b, x);
  const int64_t count = icn_shape_elems(&b->graph.values[b->graph.outputs[0]].shape);
  for (int64_t i = 0; i < count; i++)
    if (!(fabsf(got[i] - want[i]) <= 1e-6F)) fail_msg("output %d: %g, not %g", (int)i, (double)got[i], (double)want[i]);
  int pool_place, conv_place;
  const icn_node *pool = find(b, ICN_OP_POOL, &pool_place), *conv = find(b, ICN_OP_CONV, &conv_place);
  assert_non_null(pool);
  assert_non_null(conv);
  const bool swapped = conv_place < pool_place;
  assert_true(pool->epilogue.function == (swapped ? ICN_FN_RELU : ICN_FN_IDENTITY));
  assert_string_equal(pool->name, "pool");
  assert_string_equal(conv->name, "conv");
  builder_free(plain);
  builder_free(b);
  return swapped;
}

static void both_padding_rules_are_right(void **state) {
  (void)state;
  shape_of_case c = USUAL;
  for (int variant = 0; variant < 8; variant++) {
    c.include_pad = variant & 1;
    c.bias = (variant & 2) != 0;
    c.scale = (variant & 4) != 0;
    assert_true(is_swapped(&c));
  }
}

static void a_max_pool_stays_first(void **state) {
  (void)state;
  shape_of_case c = USUAL;
  c.function = ICN_FN_MAX;
  assert_false(is_swapped(&c));
}

static void a_pool_that_shrinks_stays_first(void **state) {
  (void)state;
  shape_of_case c = USUAL;
  c.stride = 2;
  assert_false(is_swapped(&c));
  c = USUAL;
  c.kernel = 2; /* 7 x 7 out of 6 x 6 */
  assert_false(is_swapped(&c));
}

static void a_convolution_that_widens_stays_behind(void **state) {
  (void)state;
  shape_of_case c = USUAL;
  c.outputs = C;
  assert_false(is_swapped(&c));
}

static void a_pool_with_two_readers_stays(void **state) {
  (void)state;
  shape_of_case c = USUAL;
  c.second_reader = true;
  assert_false(is_swapped(&c));
}

static void it_can_be_turned_off(void **state) {
  (void)state;
  builder *b = graph_of(&USUAL);
  icn_error error;
  int pool_place, conv_place;
  assert_int_equal(icn_passes_run(&b->graph, "swap_pool", NULL, &error), ICN_OK);
  assert_non_null(find(b, ICN_OP_POOL, &pool_place));
  assert_non_null(find(b, ICN_OP_CONV, &conv_place));
  assert_true(pool_place < conv_place);
  builder_free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_padding_rules_are_right),    cmocka_unit_test(a_max_pool_stays_first),
      cmocka_unit_test(a_pool_that_shrinks_stays_first), cmocka_unit_test(a_convolution_that_widens_stays_behind),
      cmocka_unit_test(a_pool_with_two_readers_stays),   cmocka_unit_test(it_can_be_turned_off),
  };
  return cmocka_run_group_tests_name("pass_swap", tests, NULL, NULL);
}
