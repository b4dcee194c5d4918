/* merge_siblings: 1x1 convolutions of one tensor become one convolution and views of its result; nothing changes but which sum is made
 * where, so results are the same bits. */
#include "passes.h"
#include "plan.h"
#include "ref.h"
#include "support/graph_builder.h"
#include "support/icn_test.h"

enum { C = 5, SIDE = 3, FIRST = 6, MOST = 4 };

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

/* One branch of an Inception-like block. */
typedef struct branch {
  int64_t outputs;
  bool bias, scale, output; /* output: its result is a graph output too */
  icn_function function;
  int kernel, stride;
  bool then; /* a relu follows before the join, so that the convolution's own result is no part of it */
} branch;

static int add_branch(builder *b, int x, const branch *c, int number) {
  icn_params params = {.groups = 1, .kernel = {c->kernel, c->kernel}, .stride = {c->stride, c->stride}, .dilation = {1, 1}};
  params.pad_begin[0] = params.pad_begin[1] = params.pad_end[0] = params.pad_end[1] = c->kernel / 2;
  const uint32_t seed = 100U * (uint32_t)number;
  const icn_shape channels = icn_shape_make(1, &c->outputs), out = shape4(2, c->outputs, SIDE, SIDE);
  const int inputs[5] = {x, add_constant(b, shape4(c->outputs, C, c->kernel, c->kernel), seed + 1),
                         c->bias ? add_constant(b, channels, seed + 2) : ICN_NO_VALUE, ICN_NO_VALUE,
                         c->scale ? add_constant(b, channels, seed + 3) : ICN_NO_VALUE};
  char name[16];
  snprintf(name, sizeof name, "conv%d", number);
  const int y = icn_graph_add_node(&b->graph, ICN_OP_CONV, name, "Conv", inputs, 5, &params, NULL, &out);
  b->graph.nodes[b->graph.node_count - 1].epilogue.function = c->function;
  if (c->output) add_output(b, y);
  if (!c->then) return y;
  icn_params function = {.function = ICN_FN_SIGMOID}; /* no epilogue takes it */
  return icn_graph_add_node(&b->graph, ICN_OP_UNARY, NULL, "Sigmoid", &y, 1, &function, NULL, &out);
}

static builder *graph_of(const branch *branches, int count) {
  builder *b = builder_new();
  const int x = add_input(b, shape4(2, C, SIDE, SIDE));
  int parts[MOST];
  int64_t channels = 0;
  for (int i = 0; i < count; i++) {
    parts[i] = add_branch(b, x, &branches[i], i);
    channels += branches[i].outputs;
  }
  const icn_params join = {.axis = 1};
  const icn_shape out = shape4(2, channels, SIDE, SIDE);
  const int y = icn_graph_add_node(&b->graph, ICN_OP_CONCAT, "join", "Concat", parts, count, &join, NULL, &out);
  add_output(b, add_unary(b, y, "end"));
  return b;
}

static const float **compute(builder *b, const float *x) {
  icn_error error;
  const float **values = icn_arena_array(&b->graph.arena, b->graph.value_count, sizeof *values);
  for (size_t v = 0; v < b->graph.value_count; v++) values[v] = NULL;
  values[b->inputs[0]] = x;
  if (icn_ref_run(&b->graph, values, &b->graph.arena, NULL, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  return values;
}

static int count_op(const builder *b, icn_op op) {
  int count = 0;
  for (size_t n = 0; n < b->graph.node_count; n++) count += b->graph.nodes[n].op == op;
  return count;
}

/* Layers that only copy, in a plan for a CPU device; the plan must be sound. */
static int copies_of(const builder *b) {
  const icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  icn_plan plan;
  icn_error error;
  icn_plan_request request;
  memset(&request, 0, sizeof request);
  if (icn_plan_make(&b->graph, &device, &request, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_plan_check(&plan, &error) != ICN_OK) fail_msg("%s", error.message);
  int copies = 0;
  for (size_t i = 0; i < plan.layer_count; i++) copies += plan.layers[i].problem.op == ICN_OP_COPY && plan.layers[i].node >= 0;
  icn_plan_fini(&plan);
  return copies;
}

/* Convolutions that are left of the branches. All outputs must be the same bits with and without the pass. */
static int convolutions_left(const branch *branches, int count, int *copies) {
  builder *plain = graph_of(branches, count), *b = graph_of(branches, count);
  float x[2 * C * SIDE * SIDE];
  uint32_t seed = 11;
  icn_error error;
  for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) x[i] = random_float(&seed);
  if (icn_passes_run(&b->graph, NULL, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_graph_validate(&b->graph, &error) != ICN_OK) fail_msg("%s", error.message);
  const float **want = compute(plain, x), **got = compute(b, x);
  for (size_t o = 0; o < plain->graph.output_count; o++) {
    const size_t bytes = sizeof(float) * (size_t)icn_shape_elems(&plain->graph.values[plain->graph.outputs[o]].shape);
    assert_memory_equal(got[b->graph.outputs[o]], want[plain->graph.outputs[o]], bytes);
  }
  if (copies != NULL) *copies = copies_of(b);
  const int left = count_op(b, ICN_OP_CONV);
  assert_int_equal(count_op(b, ICN_OP_SLICE) > 0, left < count_op(plain, ICN_OP_CONV));
  builder_free(plain);
  builder_free(b);
  return left;
}

static const branch USUAL[3] = {{FIRST, true, true, false, ICN_FN_RELU, 1, 1, false},
                                {4, true, true, false, ICN_FN_RELU, 1, 1, true},
                                {7, true, true, false, ICN_FN_RELU, 1, 1, true}};

static void siblings_become_one_and_nothing_is_copied(void **state) {
  (void)state;
  int copies;
  assert_int_equal(convolutions_left(USUAL, 3, &copies), 1);
  assert_int_equal(copies, 0);
  const branch turned[3] = {USUAL[1], USUAL[0], USUAL[2]}; /* the join begins with something else */
  assert_int_equal(convolutions_left(turned, 3, &copies), 1);
  assert_int_equal(copies, 1);
}

static void missing_bias_or_scale_is_put_in(void **state) {
  (void)state;
  for (int variant = 0; variant < 16; variant++) {
    branch branches[2] = {USUAL[0], USUAL[1]};
    branches[0].bias = (variant & 1) != 0;
    branches[0].scale = (variant & 2) != 0;
    branches[1].bias = (variant & 4) != 0;
    branches[1].scale = (variant & 8) != 0;
    assert_int_equal(convolutions_left(branches, 2, NULL), 1);
  }
}

static void only_what_is_alike_is_merged(void **state) {
  (void)state;
  branch branches[3] = {USUAL[0], USUAL[1], USUAL[2]};
  branches[1].function = ICN_FN_IDENTITY;
  assert_int_equal(convolutions_left(branches, 3, NULL), 2);
  branches[1].function = ICN_FN_RELU;
  branches[1].kernel = 3;
  assert_int_equal(convolutions_left(branches, 3, NULL), 2);
  branches[1].kernel = 1;
  branches[2].output = true;
  assert_int_equal(convolutions_left(branches, 3, NULL), 2);
  branches[0].output = true;
  assert_int_equal(convolutions_left(branches, 3, NULL), 3);
}

/* A linear branch of 16 channels, whatever its place, is computed first; what begins the join still ends up right before it. */
static void linear_ones_join_the_others(void **state) {
  (void)state;
  const branch linear = {16, false, true, false, ICN_FN_IDENTITY, 1, 1, true};
  for (int place = 0; place < MOST; place++) {
    branch branches[MOST];
    int copies;
    for (int i = 0, from = 0; i < MOST; i++) branches[i] = i == place ? linear : USUAL[from++];
    assert_int_equal(convolutions_left(branches, MOST, &copies), 1);
    assert_int_equal(copies, place == 0 ? 1 : 0); /* the join begins with what follows the linear branch: nothing of the merged tensor */
  }
  branch odd[3] = {USUAL[0], USUAL[1], linear};
  odd[2].outputs = 12; /* no whole vectors: it stays alone */
  assert_int_equal(convolutions_left(odd, 3, NULL), 2);
  const branch only[2] = {linear, linear};
  assert_int_equal(convolutions_left(only, 2, NULL), 1);
}

/* Two functions and a linear branch: it goes with the first. */
static void a_linear_one_joins_one_function(void **state) {
  (void)state;
  branch branches[MOST] = {USUAL[0], USUAL[1], {16, true, true, false, ICN_FN_IDENTITY, 1, 1, true}, USUAL[2]};
  branches[1].function = branches[3].function = ICN_FN_LEAKY_RELU;
  assert_int_equal(convolutions_left(branches, MOST, NULL), 2);
}

static void it_can_be_turned_off(void **state) {
  (void)state;
  builder *b = graph_of(USUAL, 3);
  icn_error error;
  assert_int_equal(icn_passes_run(&b->graph, "merge_siblings", NULL, &error), ICN_OK);
  assert_int_equal(count_op(b, ICN_OP_CONV), 3);
  builder_free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(siblings_become_one_and_nothing_is_copied),
      cmocka_unit_test(missing_bias_or_scale_is_put_in),
      cmocka_unit_test(only_what_is_alike_is_merged),
      cmocka_unit_test(linear_ones_join_the_others),
      cmocka_unit_test(a_linear_one_joins_one_function),
      cmocka_unit_test(it_can_be_turned_off),
  };
  return cmocka_run_group_tests_name("pass_siblings", tests, NULL, NULL);
}
