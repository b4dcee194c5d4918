/* Models whose bytes are right and whose graphs are not: each gives its status and one sentence that names the culprit. */
#include "support/icn_test.h"

#include "support/imported.h"

static const int64_t ONE[1] = {1}, IMAGE[4] = {1, 3, 8, 8};

/* Imports and compares; `words` are comma-separated parts of the message. */
static void expect_with(model_writer *model, const icn_input_shape *shapes, size_t count, int64_t batch, icn_status status,
                        const char *words) {
  imported *it = import_model(model, shapes, count, batch);
  if (it->status != status) fail_msg("status %d, expected %d: %s", it->status, status, it->error.message);
  for (const char *word = words; *word != '\0';) {
    char part[128];
    size_t length = strcspn(word, "|");
    snprintf(part, sizeof part, "%.*s", (int)length, word);
    if (strstr(it->error.message, part) == NULL) fail_msg("'%s' is missing in: %s", part, it->error.message);
    word += length + (word[length] == '|' ? 1 : 0);
  }
  imported_free(it);
}

static void expect(model_writer *model, icn_status status, const char *words) { expect_with(model, NULL, 0, 0, status, words); }

static model_writer with_image(int64_t opset) {
  model_writer model = model_begin(opset);
  model_input(&model, "x", ONNX_FLOAT, 4, IMAGE);
  model_output(&model, "y");
  return model;
}

/* One node "bad" after constants that the caller added. */
static void add_bad(model_writer *model, const char *op, const char *inputs) { model_node(model, op, "bad", inputs, "y"); }

/* ------------------------------------------------------------------- names */

static void test_cycles(void **state) {
  (void)state;
  model_writer model = with_image(13);
  model_node(&model, "Add", "one", "x,c", "a");
  model_node(&model, "Relu", "two", "a", "b");
  model_node(&model, "Relu", "three", "b", "c");
  model_node(&model, "Relu", "four", "c", "y");
  expect(&model, ICN_FORMAT, "cycle|one|two");
  model = with_image(13);
  model_node(&model, "Add", "self", "x,y", "y");
  expect(&model, ICN_FORMAT, "cycle|self");
}

static void test_missing_and_double_names(void **state) {
  (void)state;
  model_writer model = with_image(13);
  add_bad(&model, "Relu", "nowhere");
  expect(&model, ICN_FORMAT, "bad|Relu|nowhere");
  model = with_image(13);
  model_node(&model, "Relu", "other", "x", "z");
  expect(&model, ICN_FORMAT, "'y'");
  model = with_image(13);
  model_node(&model, "Relu", "one", "x", "y");
  model_node(&model, "Neg", "two", "x", "y");
  expect(&model, ICN_FORMAT, "'y'|twice|one|two");
  model = with_image(13);
  model_floats(&model, "y", 1, ONE, (float[]){1});
  model_node(&model, "Relu", "one", "x", "y");
  expect(&model, ICN_FORMAT, "'y'|twice|one|initialiser");
  model = with_image(13);
  model_node(&model, "Relu", "one", "x", "x");
  expect(&model, ICN_FORMAT, "'x'|twice|graph input");
}

/* --------------------------------------------------------------- operators */

static void test_unsupported_operators(void **state) {
  (void)state;
  static const struct {
    const char *op, *reason;
  } ops[] = {{"NoSuchThing", "operator is not supported"},
             {"NonMaxSuppression", "operator is not supported"},
             {"LSTM", "operator is not supported"},
             {"If", "control flow"},
             {"Loop", "control flow"},
             {"Scan", "control flow"},
             {"QLinearConv", "quantised"},
             {"ConvInteger", "quantised"},
             {"DequantizeLinear", "quantised"}};
  for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
    model_writer model = with_image(13);
    add_bad(&model, ops[i].op, "x");
    char words[120];
    snprintf(words, sizeof words, "node 'bad' (%s)|%s", ops[i].op, ops[i].reason);
    expect(&model, ICN_UNSUPPORTED, words);
  }
  model_writer model = with_image(13);
  add_bad(&model, "Relu", "x");
  node_domain(&model, "com.example");
  expect(&model, ICN_UNSUPPORTED, "bad|com.example");
  model = with_image(13);
  add_bad(&model, "Mish", "x");
  expect(&model, ICN_UNSUPPORTED, "bad|Mish|opset 18|13");
  model = with_image(6);
  add_bad(&model, "Relu", "x");
  expect(&model, ICN_UNSUPPORTED, "set 6|7");
}

static void test_attributes(void **state) {
  (void)state;
  model_writer model = with_image(13);
  add_bad(&model, "LeakyRelu", "x");
  node_float(&model, "slope", 2);
  expect(&model, ICN_UNSUPPORTED, "bad|LeakyRelu|'slope'");
  model = with_image(13);
  add_bad(&model, "LeakyRelu", "x");
  node_int(&model, "alpha", 2);
  expect(&model, ICN_FORMAT, "bad|'alpha'|float");
  model = with_image(13);
  add_bad(&model, "LeakyRelu", "x");
  node_float(&model, "alpha", 2);
  node_float(&model, "alpha", 3);
  expect(&model, ICN_FORMAT, "bad|'alpha'");
  model = with_image(13);
  add_bad(&model, "MaxPool", "x");
  expect(&model, ICN_FORMAT, "bad|kernel_shape");
  model = with_image(13);
  add_bad(&model, "MaxPool", "x");
  node_ints(&model, "kernel_shape", 2, (int64_t[]){2, INT64_MAX});
  expect(&model, ICN_FORMAT, "bad|kernel_shape|9223372036854775807");
  model = with_image(13);
  add_bad(&model, "MaxPool", "x");
  node_ints(&model, "kernel_shape", 2, (int64_t[]){2, 2});
  node_ints(&model, "strides", 2, (int64_t[]){0, 1});
  expect(&model, ICN_FORMAT, "bad|strides");
  model = with_image(13);
  add_bad(&model, "MaxPool", "x");
  node_ints(&model, "kernel_shape", 2, (int64_t[]){2, 2});
  node_string(&model, "auto_pad", "SOMEHOW");
  expect(&model, ICN_FORMAT, "bad|SOMEHOW");
  model = with_image(13);
  add_bad(&model, "Softmax", "x");
  node_int(&model, "axis", 4);
  expect(&model, ICN_FORMAT, "bad|axis 4|rank 4");
}

static void test_input_counts(void **state) {
  (void)state;
  model_writer model = with_image(13);
  add_bad(&model, "Add", "x");
  expect(&model, ICN_FORMAT, "bad|Add|input 1 is missing");
  model = with_image(13);
  add_bad(&model, "Add", "x,x,x");
  expect(&model, ICN_FORMAT, "bad|Add|3 inputs");
  model = with_image(13);
  add_bad(&model, "Add", ",x");
  expect(&model, ICN_FORMAT, "bad|input 0 is missing");
}

static void test_unsupported_forms(void **state) {
  (void)state;
  model_writer model = with_image(13);
  model_node(&model, "MaxPool", "bad", "x", "y,indices");
  node_ints(&model, "kernel_shape", 2, (int64_t[]){2, 2});
  model_output(&model, "indices");
  expect(&model, ICN_UNSUPPORTED, "output 1|bad|MaxPool");
  model = with_image(13);
  add_bad(&model, "Cast", "x");
  node_int(&model, "to", ONNX_INT64);
  expect(&model, ICN_UNSUPPORTED, "bad|Cast|run time");
  model = with_image(13);
  model_node(&model, "Shape", "shape", "x", "y");
  expect(&model, ICN_UNSUPPORTED, "'y'|int64");
  model = model_begin(13);
  model_input(&model, "x", ONNX_FLOAT, 5, (int64_t[]){1, 1, 4, 4, 4});
  model_floats(&model, "w", 5, (int64_t[]){1, 1, 1, 1, 1}, (float[]){1});
  add_bad(&model, "Conv", "x,w");
  model_output(&model, "y");
  expect(&model, ICN_UNSUPPORTED, "bad|Conv|3 spatial");
  model = with_image(15);
  model_floats(&model, "v", 1, (int64_t[]){3}, (float[]){1, 1, 1});
  add_bad(&model, "BatchNormalization", "x,v,v,v,v");
  node_int(&model, "training_mode", 1);
  expect(&model, ICN_UNSUPPORTED, "bad|BatchNormalization|training_mode");
  model = with_image(13);
  model_tensor(&model, "brain", ONNX_BFLOAT16, 1, ONE, "\0\0", 2);
  add_bad(&model, "Add", "x,brain");
  expect(&model, ICN_UNSUPPORTED, "bad|brain|16");
}

/* -------------------------------------------------------------- dimensions */

static void test_shapes_that_do_not_fit(void **state) {
  (void)state;
  model_writer model = with_image(13);
  model_floats(&model, "w", 4, (int64_t[]){1, 2, 1, 1}, (float[]){1, 1});
  add_bad(&model, "Conv", "x,w");
  expect(&model, ICN_FORMAT, "bad|1x2x1x1|1x3x8x8");
  model = with_image(13);
  model_floats(&model, "w", 4, (int64_t[]){1, 3, 1, 9}, (float[27]){1});
  add_bad(&model, "Conv", "x,w");
  expect(&model, ICN_FORMAT, "bad|window of 9|8");
  model = with_image(13);
  model_ints(&model, "s", 1, ONE, (int64_t[]){191});
  add_bad(&model, "Reshape", "x,s");
  expect(&model, ICN_FORMAT, "bad|1x3x8x8|191");
  model = with_image(13);
  model_floats(&model, "b", 1, (int64_t[]){3}, (float[]){1, 2, 3});
  add_bad(&model, "Add", "x,b");
  expect(&model, ICN_FORMAT, "bad|1x3x8x8|3");
  model = with_image(13);
  model_floats(&model, "b", 2, (int64_t[]){3, 1}, (float[]){1, 2, 3});
  add_bad(&model, "MatMul", "x,b");
  expect(&model, ICN_FORMAT, "bad|1x3x8x8|3x1");
  model = with_image(13);
  model_ints(&model, "i", 1, ONE, (int64_t[]){3});
  add_bad(&model, "Gather", "x,i");
  node_int(&model, "axis", 1);
  expect(&model, ICN_FORMAT, "bad|index 3");
  model = with_image(13);
  add_bad(&model, "Concat", "x,x");
  node_int(&model, "axis", 7);
  expect(&model, ICN_FORMAT, "bad|axis 7");
  model = with_image(13);
  model_ints(&model, "a", 1, ONE, (int64_t[]){1});
  add_bad(&model, "Squeeze", "x,a");
  expect(&model, ICN_FORMAT, "bad|3, not 1");
}

static void test_shapes_known_at_run_time_only(void **state) {
  (void)state;
  model_writer model = with_image(13);
  model_input(&model, "s", ONNX_FLOAT, 1, ONE);
  add_bad(&model, "Reshape", "x,s");
  expect(&model, ICN_UNSUPPORTED, "bad|Reshape|shape|run time");
}

/* Sizes that would need more memory than there is: refused before anything is allocated. */
static void test_huge_results(void **state) {
  (void)state;
  const int64_t huge = (int64_t)1 << 40;
  const char *const ops[] = {"Tile", "Expand"};
  for (size_t i = 0; i < 2; i++) {
    model_writer model = with_image(13);
    model_ints(&model, "n", 1, (int64_t[]){4}, (int64_t[]){huge, i == 0 ? 1 : 3, i == 0 ? 1 : 8, i == 0 ? 1 : 8});
    add_bad(&model, ops[i], "x,n");
    expect(&model, ICN_UNSUPPORTED, "bad|elements");
  }
  model_writer model = with_image(13);
  model_ints(&model, "p", 1, (int64_t[]){8}, (int64_t[]){0, 0, 1 << 30, 0, 0, 0, 0, 0});
  add_bad(&model, "Pad", "x,p");
  expect(&model, ICN_UNSUPPORTED, "bad|elements");
  model = with_image(13);
  model_ints(&model, "s", 1, (int64_t[]){2}, (int64_t[]){huge, huge});
  model_node(&model, "ConstantOfShape", "bad", "s", "c");
  model_node(&model, "Add", "add", "x,c", "y");
  expect(&model, ICN_UNSUPPORTED, "bad|elements");
  model = with_image(13);
  model_ints(&model, "s", 1, ONE, (int64_t[]){1 << 30});
  model_node(&model, "ConstantOfShape", "bad", "s", "c");
  model_node(&model, "Add", "add", "x,c", "y");
  expect(&model, ICN_UNSUPPORTED, "bad|bytes");
  model = with_image(13);
  model_ints(&model, "s", 1, ONE, (int64_t[]){-5});
  model_node(&model, "ConstantOfShape", "bad", "s", "c");
  model_node(&model, "Add", "add", "x,c", "y");
  expect(&model, ICN_FORMAT, "bad|-5");
  model = with_image(13);
  const int64_t longest[8] = {INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN};
  model_ints(&model, "s", 1, (int64_t[]){8}, longest);
  model_node(&model, "ConstantOfShape", "bad", "s", "c");
  model_node(&model, "Add", "add", "x,c", "y");
  expect(&model, ICN_FORMAT, "bad|-9223372036854775808x-9223372036854775808");
  model = with_image(13);
  model_ints(&model, "zero", 0, NULL, (int64_t[]){0});
  model_ints(&model, "end", 0, NULL, &huge);
  model_ints(&model, "step", 0, NULL, (int64_t[]){1});
  model_node(&model, "Range", "bad", "zero,end,step", "r");
  model_node(&model, "Reshape", "reshape", "x,r", "y");
  expect(&model, ICN_FORMAT, "bad|Range");
  model = with_image(13);
  model_floats(&model, "scales", 1, (int64_t[]){4}, (float[]){1, 1, 1e30F, 1});
  add_bad(&model, "Resize", "x,,scales");
  expect(&model, ICN_FORMAT, "bad|scale");
  model = with_image(13);
  model_ints(&model, "zero", 1, ONE, (int64_t[]){0});
  model_node(&model, "Div", "bad", "zero,zero", "d");
  model_node(&model, "Reshape", "reshape", "x,d", "y");
  expect(&model, ICN_FORMAT, "bad|zero");
}

/* ------------------------------------------------------------------ inputs */

static model_writer with_open_image(int type, int rank, const int64_t *dims) {
  model_writer model = model_begin(13);
  model_input(&model, "x", type, rank, dims);
  model_node(&model, "Relu", "relu", "x", "y");
  model_output(&model, "y");
  return model;
}

static void test_input_shapes(void **state) {
  (void)state;
  const int64_t open[4] = {-1, 3, -1, 8};
  const icn_input_shape unknown = {"pixels", 4, {1, 3, 8, 8}}, short_one = {"x", 3, {3, 8, 8}}, other = {"x", 4, {1, 4, 8, 8}},
                        negative = {"x", 4, {1, 3, -2, 8}};
  model_writer model = with_open_image(ONNX_FLOAT, 4, open);
  expect(&model, ICN_ARGUMENT, "'x'|dimension 2|1x3x?x8|--shape x=");
  model = with_open_image(ONNX_FLOAT, -1, NULL);
  expect(&model, ICN_ARGUMENT, "'x'|no shape|--shape x=");
  model = with_open_image(ONNX_FLOAT, 4, open);
  expect_with(&model, &unknown, 1, 0, ICN_ARGUMENT, "'pixels'|'x'");
  model = with_open_image(ONNX_FLOAT, 4, open);
  expect_with(&model, &short_one, 1, 0, ICN_ARGUMENT, "'x'|3x8x8|?x3x?x8");
  model = with_open_image(ONNX_FLOAT, 4, open);
  expect_with(&model, &other, 1, 0, ICN_ARGUMENT, "'x'|1x4x8x8|dimension 1");
  model = with_open_image(ONNX_FLOAT, 4, open);
  expect_with(&model, &negative, 1, 0, ICN_ARGUMENT, "'x'|dimension 2|at least 1");
  model = with_open_image(ONNX_FLOAT, 4, IMAGE);
  expect_with(&model, NULL, 0, 3, ICN_ARGUMENT, "batch of 3");
  model = with_open_image(ONNX_FLOAT, 4, IMAGE);
  expect_with(&model, NULL, 0, -3, ICN_ARGUMENT, "batch of -3");
  model = with_open_image(ONNX_INT64, 4, IMAGE);
  expect(&model, ICN_UNSUPPORTED, "'x'|int64|float32");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cycles),
      cmocka_unit_test(test_missing_and_double_names),
      cmocka_unit_test(test_unsupported_operators),
      cmocka_unit_test(test_attributes),
      cmocka_unit_test(test_input_counts),
      cmocka_unit_test(test_unsupported_forms),
      cmocka_unit_test(test_shapes_that_do_not_fit),
      cmocka_unit_test(test_shapes_known_at_run_time_only),
      cmocka_unit_test(test_huge_results),
      cmocka_unit_test(test_input_shapes),
  };
  return cmocka_run_group_tests_name("model graphs", tests, NULL, NULL);
}
