/* The importer: names and order, input shapes, what is folded, what vanishes, what operators become. Values are tested by the operator
 * cases (tests/net/test_conformance.c). */
#include "support/icn_test.h"

#include "import_internal.h"
#include "support/imported.h"

static const int64_t IMAGE[4] = {1, 3, 8, 8}, OPEN_BATCH[4] = {-1, 3, 8, 8}, OPEN_SIZE[4] = {-1, 3, -1, -1};

static void expect_ok(const imported *it) {
  if (it->status != ICN_OK) fail_msg("status %d: %s", it->status, it->error.message);
}

static void expect_shape(const icn_shape *shape, int rank, const int64_t *dims) {
  char have[ICN_SHAPE_TEXT_BYTES], want[ICN_SHAPE_TEXT_BYTES];
  icn_shape expected = icn_shape_make(rank, dims);
  if (!icn_shape_equal(shape, &expected)) fail_msg("shape %s, expected %s", icn_shape_text(shape, have), icn_shape_text(&expected, want));
}

static icn_shape output_shape(const imported *it, size_t o) { return it->graph.values[it->graph.outputs[o]].shape; }

/* ------------------------------------------------------------------- table */

static void test_table_is_sound(void **state) {
  (void)state;
  for (size_t i = 0; i < icn_import_row_count(); i++) {
    const icn_import_row *row = icn_import_row_at(i);
    assert_non_null(row->translate);
    assert_true(row->min_inputs <= row->max_inputs || row->max_inputs < 0);
    for (size_t k = 0; k < i; k++) { /* opset ranges of one operator do not overlap */
      const icn_import_row *other = icn_import_row_at(k);
      if (strcmp(row->op, other->op) != 0) continue;
      assert_true((row->until != 0 && row->until < other->since) || (other->until != 0 && other->until < row->since));
    }
  }
  assert_ptr_equal(icn_import_find_row("Softmax", 12)->translate, icn_import_softmax_flat);
  assert_ptr_equal(icn_import_find_row("Softmax", 13)->translate, icn_import_softmax);
  assert_null(icn_import_find_row("Mish", 17));
  assert_null(icn_import_find_row("Upsample", 11));
  assert_null(icn_import_row_at(icn_import_row_count()));
}

/* ----------------------------------------------------------- names, order */

static void test_order_and_names(void **state) {
  (void)state;
  model_writer model = model_begin(13);
  model_input(&model, "x", ONNX_FLOAT, 4, IMAGE);
  model_node(&model, "Relu", "last", "b", "y");
  model_node(&model, "NoSuchOperator", "dead", "x", "nobody");
  model_node(&model, "Exp", "first", "x", "a");
  model_node(&model, "Neg", "second", "a", "b");
  model_output(&model, "y");
  imported *it = import_model(&model, NULL, 0, 0);
  expect_ok(it);
  assert_int_equal(it->graph.node_count, 3);
  const char *const names[3] = {"first", "second", "last"}, *const origins[3] = {"Exp", "Neg", "Relu"};
  for (size_t n = 0; n < 3; n++) {
    assert_string_equal(it->graph.nodes[n].name, names[n]);
    assert_string_equal(it->graph.nodes[n].origin, origins[n]);
  }
  assert_string_equal(it->graph.values[it->graph.nodes[0].output].name, "a");
  assert_string_equal(it->graph.output_names[0], "y");
  assert_null(imported_value(it, "nobody"));
  imported_free(it);
}

/* Names made for the steps of a composition stay apart from the model's own. */
static void test_made_names_are_unique(void **state) {
  (void)state;
  model_writer model = model_begin(17);
  const float ones[3] = {1, 1, 1};
  model_input(&model, "x", ONNX_FLOAT, 2, (int64_t[]){2, 3});
  model_floats(&model, "s", 1, (int64_t[]){3}, ones);
  model_node(&model, "Exp", "e", "x", "y/mean.1");
  model_node(&model, "LayerNormalization", "norm", "y/mean.1,s", "y");
  model_output(&model, "y");
  imported *it = import_model(&model, NULL, 0, 0);
  expect_ok(it);
  for (size_t a = 0; a < it->graph.value_count; a++) {
    for (size_t b = 0; b < a; b++) assert_string_not_equal(it->graph.values[a].name, it->graph.values[b].name);
  }
  assert_string_equal(it->graph.nodes[it->graph.node_count - 1].name, "norm");
  imported_free(it);
}

static void test_long_chain(void **state) {
  (void)state;
  enum { LENGTH = 30000 };
  model_writer model = model_begin(13);
  model_input(&model, "v0", ONNX_FLOAT, 1, (int64_t[]){4});
  for (int i = LENGTH; i > 0; i--) { /* from the last to the first: sorting must not recurse */
    char from[16], to[16];
    snprintf(from, sizeof from, "v%d", i - 1);
    snprintf(to, sizeof to, "v%d", i);
    model_node(&model, "Neg", to, from, to);
  }
  model_output(&model, "v30000");
  imported *it = import_model(&model, NULL, 0, 0);
  expect_ok(it);
  assert_int_equal(it->graph.node_count, LENGTH);
  assert_string_equal(it->graph.nodes[0].name, "v1");
  imported_free(it);
}

/* ------------------------------------------------------------ input shapes */

static imported *import_with_input(const int64_t *dims, const icn_input_shape *shapes, size_t count, int64_t batch) {
  model_writer model = model_begin(13);
  model_input(&model, "x", ONNX_FLOAT, 4, dims);
  model_node(&model, "Relu", "relu", "x", "y");
  model_output(&model, "y");
  return import_model(&model, shapes, count, batch);
}

static void test_input_shapes(void **state) {
  (void)state;
  const icn_input_shape named = {"x", 4, {2, 3, 5, 7}}, unnamed = {NULL, 4, {4, 3, 8, 8}};
  imported *it = import_with_input(OPEN_BATCH, NULL, 0, 0);
  expect_ok(it);
  expect_shape(&it->graph.values[it->graph.inputs[0]].shape, 4, (int64_t[]){1, 3, 8, 8});
  imported_free(it);
  it = import_with_input(OPEN_BATCH, NULL, 0, 5);
  expect_ok(it);
  icn_shape shape = output_shape(it, 0);
  expect_shape(&shape, 4, (int64_t[]){5, 3, 8, 8});
  imported_free(it);
  it = import_with_input(OPEN_SIZE, &named, 1, 0);
  expect_ok(it);
  shape = output_shape(it, 0);
  expect_shape(&shape, 4, named.dim);
  imported_free(it);
  it = import_with_input(OPEN_BATCH, &unnamed, 1, 0);
  expect_ok(it);
  shape = output_shape(it, 0);
  expect_shape(&shape, 4, unnamed.dim);
  imported_free(it);
}

/* ----------------------------------------------------------------- folding */

/* x.view(x.size(0), -1) as exporters write it leaves a single reshape. */
static void test_shape_chain_is_folded(void **state) {
  (void)state;
  model_writer model = model_begin(13);
  model_input(&model, "x", ONNX_FLOAT, 4, OPEN_BATCH);
  model_ints(&model, "zero", 0, NULL, (int64_t[]){0});
  model_ints(&model, "axis", 1, (int64_t[]){1}, (int64_t[]){0});
  model_ints(&model, "rest", 1, (int64_t[]){1}, (int64_t[]){-1});
  model_node(&model, "Shape", "shape", "x", "s");
  model_node(&model, "Gather", "gather", "s,zero", "n");
  model_node(&model, "Unsqueeze", "unsqueeze", "n,axis", "n1");
  model_node(&model, "Concat", "concat", "n1,rest", "target");
  node_int(&model, "axis", 0);
  model_node(&model, "Reshape", "reshape", "x,target", "y");
  model_output(&model, "y");
  imported *it = import_model(&model, NULL, 0, 6);
  expect_ok(it);
  assert_int_equal(it->graph.node_count, 1);
  assert_int_equal(it->graph.nodes[0].op, ICN_OP_RESHAPE);
  assert_int_equal(it->graph.value_count, 2); /* nothing is left of the chain */
  icn_shape shape = output_shape(it, 0);
  expect_shape(&shape, 2, (int64_t[]){6, 192});
  imported_free(it);
}

/* Integers keep all 64 bits: INT64_MAX as the end of a slice, products that wrap. */
static void test_integers_are_exact(void **state) {
  (void)state;
  const int64_t large = ((int64_t)1 << 53) + 1;
  model_writer model = model_begin(13);
  model_input(&model, "x", ONNX_FLOAT, 1, (int64_t[]){9});
  model_ints(&model, "large", 1, (int64_t[]){1}, &large);
  model_ints(&model, "three", 1, (int64_t[]){1}, (int64_t[]){3});
  model_ints(&model, "axis", 1, (int64_t[]){1}, (int64_t[]){0});
  model_ints(&model, "end", 1, (int64_t[]){1}, (int64_t[]){INT64_MAX});
  model_node(&model, "Mul", "mul", "large,three", "p");
  model_node(&model, "Sub", "sub", "p,large", "q");
  model_node(&model, "Sub", "sub2", "q,large", "r");    /* large again */
  model_node(&model, "Sub", "sub3", "r,large", "none"); /* 0 */
  model_node(&model, "Add", "add", "none,three", "begin");
  model_node(&model, "Sign", "sign", "large", "step"); /* 1 */
  model_node(&model, "Slice", "slice", "x,begin,end,axis,step", "y");
  model_output(&model, "y");
  imported *it = import_model(&model, NULL, 0, 0);
  expect_ok(it);
  icn_shape shape = output_shape(it, 0);
  expect_shape(&shape, 1, (int64_t[]){6});
  assert_int_equal(it->graph.nodes[0].params.begin[0], 3);
  imported_free(it);
}

static void test_floats_are_folded(void **state) {
  (void)state;
  const float numbers[4] = {1, 4, 9, 16};
  model_writer model = model_begin(13);
  model_input(&model, "x", ONNX_FLOAT, 1, (int64_t[]){4});
  model_floats(&model, "c", 1, (int64_t[]){4}, numbers);
  model_node(&model, "Sqrt", "root", "c", "r");
  model_node(&model, "Add", "twice", "r,r", "t");
  model_node(&model, "Mul", "mul", "x,t", "y");
  model_output(&model, "y");
  model_output(&model, "t"); /* an output may be a constant */
  imported *it = import_model(&model, NULL, 0, 0);
  expect_ok(it);
  assert_int_equal(it->graph.node_count, 1);
  const icn_value *t = imported_value(it, "t");
  assert_non_null(t);
  assert_non_null(t->data);
  for (int i = 0; i < 4; i++) assert_true(icn_const_f32(t, i) == (float)(2 * (i + 1)));
  assert_ptr_equal(t, &it->graph.values[it->graph.outputs[1]]);
  imported_free(it);
}

/* Weights stay where the file has them, also behind a reshape. */
static void test_weights_are_not_copied(void **state) {
  (void)state;
  const uint16_t halves[12] = {0x3c00, 0x4000};
  model_writer model = model_begin(13);
  model_input(&model, "x", ONNX_FLOAT, 3, (int64_t[]){1, 2, 9});
  model_tensor(&model, "w", ONNX_FLOAT16, 3, (int64_t[]){2, 2, 3}, halves, sizeof halves);
  model_node(&model, "Conv", "conv", "x,w", "y"); /* one-dimensional: the weights are read as 2x2x1x3 */
  model_output(&model, "y");
  imported *it = import_model(&model, NULL, 0, 0);
  expect_ok(it);
  assert_int_equal(imported_count(it, ICN_OP_RESHAPE), 2);
  assert_int_equal(imported_count(it, ICN_OP_CONV), 1);
  const icn_value *weights = NULL;
  for (size_t v = 0; v < it->graph.value_count; v++) {
    if (it->graph.values[v].data != NULL) weights = &it->graph.values[v];
  }
  assert_non_null(weights);
  expect_shape(&weights->shape, 4, (int64_t[]){2, 2, 1, 3});
  assert_int_equal(weights->dtype, ICN_F16);
  assert_ptr_equal(weights->data, it->source.tensors[0].data);
  assert_true(icn_const_f32(weights, 1) == 2.0F);
  imported_free(it);
}

/* -------------------------------------------------------- what ops become */

static void test_what_vanishes(void **state) {
  (void)state;
  const float ratio = 0.5F;
  model_writer model = model_begin(13);
  model_input(&model, "x", ONNX_FLOAT, 2, (int64_t[]){2, 3});
  model_floats(&model, "ratio", 0, NULL, &ratio);
  model_ints(&model, "same", 1, (int64_t[]){2}, (int64_t[]){2, 3});
  model_node(&model, "Identity", "i", "x", "a");
  model_node(&model, "Dropout", "d", "a,ratio", "b");
  model_node(&model, "Cast", "c", "b", "c");
  node_int(&model, "to", ONNX_FLOAT);
  model_node(&model, "Reshape", "r", "c,same", "e");
  model_node(&model, "Transpose", "t", "e", "f");
  node_ints(&model, "perm", 2, (int64_t[]){0, 1});
  model_output(&model, "f");
  imported *it = import_model(&model, NULL, 0, 0);
  expect_ok(it);
  assert_int_equal(it->graph.node_count, 0);
  assert_int_equal(it->graph.outputs[0], it->graph.inputs[0]);
  assert_string_equal(it->graph.output_names[0], "f");
  imported_free(it);
}

static imported *import_gather(size_t count, const int64_t *indices) {
  model_writer model = model_begin(13);
  model_input(&model, "x", ONNX_FLOAT, 2, (int64_t[]){6, 3});
  model_ints(&model, "i", 1, (int64_t[]){(int64_t)count}, indices);
  model_node(&model, "Gather", "g", "x,i", "y");
  model_output(&model, "y");
  return import_model(&model, NULL, 0, 0);
}

static void test_gather_becomes_slice_or_resample(void **state) {
  (void)state;
  imported *it = import_gather(3, (int64_t[]){-1, 3, 1});
  expect_ok(it);
  assert_int_equal(it->graph.node_count, 1);
  const icn_node *node = &it->graph.nodes[0];
  assert_int_equal(node->op, ICN_OP_SLICE);
  assert_int_equal(node->params.begin[0], 5);
  assert_int_equal(node->params.step[0], -2);
  imported_free(it);
  it = import_gather(3, (int64_t[]){0, 0, 1});
  expect_ok(it);
  assert_int_equal(it->graph.node_count, 1);
  assert_int_equal(it->graph.nodes[0].op, ICN_OP_RESAMPLE);
  imported_free(it);
}

static size_t softmax_nodes(int64_t opset) {
  model_writer model = model_begin(opset);
  model_input(&model, "x", ONNX_FLOAT, 3, (int64_t[]){2, 3, 4});
  model_node(&model, "Softmax", "s", "x", "y");
  node_int(&model, "axis", 1);
  model_output(&model, "y");
  imported *it = import_model(&model, NULL, 0, 0);
  expect_ok(it);
  size_t count = it->graph.node_count;
  imported_free(it);
  return count;
}

static void test_softmax_by_opset(void **state) {
  (void)state;
  assert_int_equal(softmax_nodes(12), 3); /* reshape, softmax over the flattened rest, reshape */
  assert_int_equal(softmax_nodes(13), 1);
}

static void test_unused_parts_are_dropped(void **state) {
  (void)state;
  model_writer model = model_begin(18);
  model_input(&model, "x", ONNX_FLOAT, 2, (int64_t[]){6, 2});
  model_node(&model, "Split", "split", "x", "a,,c");
  node_int(&model, "num_outputs", 3);
  model_output(&model, "c");
  imported *it = import_model(&model, NULL, 0, 0);
  expect_ok(it);
  assert_int_equal(it->graph.node_count, 1);
  assert_int_equal(it->graph.nodes[0].params.begin[0], 4);
  imported_free(it);
}

/* ceil_mode: the last window must start inside the input or the padding before it. */
static void test_pool_extents(void **state) {
  (void)state;
  model_writer model = model_begin(12);
  model_input(&model, "x", ONNX_FLOAT, 4, (int64_t[]){1, 1, 8, 5});
  model_node(&model, "MaxPool", "pool", "x", "y");
  node_ints(&model, "kernel_shape", 2, (int64_t[]){1, 2});
  node_ints(&model, "strides", 2, (int64_t[]){3, 2});
  node_int(&model, "ceil_mode", 1);
  model_output(&model, "y");
  imported *it = import_model(&model, NULL, 0, 0);
  expect_ok(it);
  icn_shape shape = output_shape(it, 0);
  expect_shape(&shape, 4, (int64_t[]){1, 1, 3, 3});
  imported_free(it);
}

/* Empty tensors: constants without elements, and reductions over nothing. */
static void test_empty_tensors(void **state) {
  (void)state;
  model_writer model = model_begin(18);
  model_input(&model, "x", ONNX_FLOAT, 2, (int64_t[]){2, 0});
  model_input(&model, "z", ONNX_FLOAT, 2, (int64_t[]){2, 3});
  model_ints(&model, "axes", 1, (int64_t[]){1}, (int64_t[]){1});
  model_node(&model, "ReduceSum", "sum", "x,axes", "s");
  model_node(&model, "Concat", "join", "x,z", "j");
  node_int(&model, "axis", 1);
  model_output(&model, "s");
  model_output(&model, "j");
  imported *it = import_model(&model, NULL, 0, 0);
  expect_ok(it);
  assert_int_equal(it->graph.node_count, 0); /* the sum is known, and the join has one part with elements */
  const icn_value *sum = &it->graph.values[it->graph.outputs[0]];
  assert_non_null(sum->data);
  assert_true(icn_const_f32(sum, 1) == 0.0F);
  assert_int_equal(it->graph.outputs[1], it->graph.inputs[1]);
  imported_free(it);
}

/* -------------------------------------------------------- memory running out */

typedef struct budget {
  icn_allocator real;
  size_t left;
} budget;

static void *allocate_from_budget(void *user, size_t bytes) {
  budget *b = user;
  if (b->left == 0) return NULL;
  b->left--;
  return b->real.allocate(b->real.user, bytes);
}

static void release_to_budget(void *user, void *memory) {
  budget *b = user;
  b->real.release(b->real.user, memory);
}

/* The n-th allocation fails, for every n until the import succeeds. */
static void test_memory_runs_out(void **state) {
  (void)state;
  static float numbers[40000];
  model_writer model = model_begin(17);
  model_input(&model, "x", ONNX_FLOAT, 4, (int64_t[]){2, 4, 50, 50});
  model_floats(&model, "c", 4, (int64_t[]){2, 4, 50, 50}, numbers);
  model_floats(&model, "s", 1, (int64_t[]){4}, numbers);
  model_node(&model, "Exp", "exp", "c", "e");
  model_node(&model, "Add", "add", "x,e", "a");
  model_node(&model, "InstanceNormalization", "norm", "a,s,s", "y");
  model_output(&model, "y");
  proto_writer file = model_end(&model);
  budget b = {icn_allocator_default(), 100};
  icn_allocator limited = {&b, allocate_from_budget, release_to_budget};
  icn_allocator usual = icn_allocator_default();
  icn_source source;
  icn_error error;
  icn_source_init(&source, &usual);
  assert_int_equal(icn_onnx_parse(file.data, file.bytes, NULL, &source, &error), ICN_OK);
  icn_status status = ICN_NO_MEMORY;
  size_t failures = 0;
  for (size_t n = 0; status != ICN_OK && n < 100; n++) {
    icn_graph graph;
    b.left = n;
    icn_graph_init(&graph, &limited);
    status = icn_import(&source, NULL, 0, 0, &graph, &error);
    if (status != ICN_OK) assert_int_equal(status, ICN_NO_MEMORY);
    if (status != ICN_OK) failures++;
    icn_graph_fini(&graph);
  }
  assert_int_equal(status, ICN_OK);
  assert_true(failures >= 4);
  icn_source_fini(&source);
  proto_free(&file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_table_is_sound),
      cmocka_unit_test(test_order_and_names),
      cmocka_unit_test(test_made_names_are_unique),
      cmocka_unit_test(test_long_chain),
      cmocka_unit_test(test_input_shapes),
      cmocka_unit_test(test_shape_chain_is_folded),
      cmocka_unit_test(test_integers_are_exact),
      cmocka_unit_test(test_floats_are_folded),
      cmocka_unit_test(test_weights_are_not_copied),
      cmocka_unit_test(test_what_vanishes),
      cmocka_unit_test(test_gather_becomes_slice_or_resample),
      cmocka_unit_test(test_softmax_by_opset),
      cmocka_unit_test(test_unused_parts_are_dropped),
      cmocka_unit_test(test_pool_extents),
      cmocka_unit_test(test_empty_tensors),
      cmocka_unit_test(test_memory_runs_out),
  };
  return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}
