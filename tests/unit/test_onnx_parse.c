/* The ONNX parser on models written field by field, and on the real one. */
#include "support/icn_test.h"

#include "os.h"
#include "source.h"
#include "support/proto_writer.h"

static icn_source source;
static icn_error error;

static void fresh(void) {
  icn_allocator allocator = icn_allocator_default();
  icn_source_fini(&source);
  icn_source_init(&source, &allocator);
  icn_error_clear(&error);
}

static int setup(void **state) {
  (void)state;
  icn_allocator allocator = icn_allocator_default();
  icn_source_init(&source, &allocator);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  icn_source_fini(&source);
  return 0;
}

static void assert_says(const char *words) {
  if (strstr(error.message, words) == NULL) fail_msg("'%s' is not in '%s'", words, error.message);
}

static void expect(const proto_writer *file, icn_status status, const char *words) {
  fresh();
  icn_status got = icn_onnx_parse(file->data, file->bytes, NULL, &source, &error);
  if (got != status) fail_msg("status %d, not %d: %s", (int)got, (int)status, error.message);
  if (words != NULL) assert_says(words);
}

/* Ends the model, parses it and frees its bytes: for failures. */
static void expect_model(model_writer *model, icn_status status, const char *words) {
  proto_writer file = model_end(model);
  expect(&file, status, words);
  proto_free(&file);
}

static const int64_t SHAPE_1388[] = {1, 3, 8, 8}, SHAPE_2[] = {2}, SHAPE_22[] = {2, 2}, SHAPE_0[] = {0};

static model_writer small_model(void) {
  model_writer model = model_begin(13);
  model_input(&model, "x", ONNX_FLOAT, 4, SHAPE_1388);
  model_output(&model, "y");
  return model;
}

static void everything_is_read(void **state) {
  (void)state;
  const float weights[6] = {1, 2, 3, 4, 5, 6}, halves[2] = {0.5f, -1.5f};
  model_writer model = model_begin(17);
  model_input(&model, "x", ONNX_FLOAT, 4, (const int64_t[]){-1, 3, 8, 8});
  model_input(&model, "w", ONNX_FLOAT, 4, (const int64_t[]){2, 3, 1, 1}); /* also an initializer: no input */
  model_input(&model, "any", ONNX_INT64, -1, NULL);
  model_floats(&model, "w", 4, (const int64_t[]){2, 3, 1, 1}, weights);
  model_node(&model, "Conv", "conv", "x,w,", "c");
  node_ints(&model, "pads", 4, (const int64_t[]){1, -1, 1, INT64_MIN});
  node_string(&model, "auto_pad", "NOTSET");
  node_float(&model, "alpha", 0.25f);
  node_floats(&model, "scales", 2, halves);
  node_int(&model, "group", -7);
  node_tensor(&model, "value", ONNX_FLOAT, 1, SHAPE_2, halves, sizeof halves);
  model_node(&model, "Relu", "", "c", "y");
  node_domain(&model, "ai.onnx");
  model_node(&model, "Strange", "", "c,,y", "z");
  node_domain(&model, "com.example");
  model_output(&model, "y");
  model_output(&model, "z");
  proto_writer file = model_end(&model);
  expect(&file, ICN_OK, NULL);

  assert_int_equal(source.opset, 17);
  assert_int_equal(source.ir_version, 8);
  assert_string_equal(source.producer, "test");
  assert_int_equal(source.input_count, 2);
  assert_string_equal(source.inputs[0].name, "x");
  assert_int_equal(source.inputs[0].onnx_type, ONNX_FLOAT);
  assert_true(source.inputs[0].has_shape);
  icn_shape open = icn_shape_make(4, (const int64_t[]){-1, 3, 8, 8});
  assert_true(icn_shape_equal(&source.inputs[0].shape, &open));
  assert_string_equal(source.inputs[1].name, "any");
  assert_false(source.inputs[1].has_shape);
  assert_int_equal(source.output_count, 2);
  assert_string_equal(source.outputs[1], "z");

  assert_int_equal(source.tensor_count, 1);
  assert_string_equal(source.tensors[0].name, "w");
  assert_int_equal(source.tensors[0].dtype, ICN_F32);
  assert_memory_equal(source.tensors[0].data, weights, sizeof weights);
  const uint8_t *in_place = source.tensors[0].data; /* not a copy */
  assert_true(in_place > file.data && in_place < file.data + file.bytes);

  assert_int_equal(source.node_count, 3);
  const icn_source_node *conv = &source.nodes[0];
  assert_string_equal(conv->op, "Conv");
  assert_string_equal(conv->name, "conv");
  assert_string_equal(conv->domain, "");
  assert_int_equal(conv->input_count, 2);
  assert_string_equal(conv->inputs[1], "w");
  assert_int_equal(conv->attr_count, 6);
  assert_int_equal(conv->attrs[0].kind, ICN_ATTR_INTS);
  assert_int_equal(conv->attrs[0].count, 4);
  assert_true(conv->attrs[0].ints[1] == -1 && conv->attrs[0].ints[3] == INT64_MIN);
  assert_string_equal(conv->attrs[1].s, "NOTSET");
  assert_true(conv->attrs[2].kind == ICN_ATTR_FLOAT && conv->attrs[2].f == 0.25f);
  assert_true(conv->attrs[3].count == 2 && conv->attrs[3].floats[1] == -1.5f);
  assert_true(conv->attrs[4].kind == ICN_ATTR_INT && conv->attrs[4].i == -7);
  assert_int_equal(conv->attrs[5].tensor->shape.rank, 1);
  assert_memory_equal(conv->attrs[5].tensor->data, halves, sizeof halves);
  assert_string_equal(source.nodes[1].name, "Relu_1"); /* made up */
  assert_string_equal(source.nodes[1].domain, "");
  assert_string_equal(source.nodes[2].domain, "com.example");
  assert_int_equal(source.nodes[2].input_count, 3);
  assert_string_equal(source.nodes[2].inputs[1], "");
  proto_free(&file);
}

/* Adds an initializer with one typed field and compares what comes out. */
static void check_typed(int type, proto_writer *values, int rank, const int64_t *dims, const void *expected, size_t bytes) {
  model_writer model = small_model();
  proto_writer tensor = tensor_begin("t", type, rank, dims);
  proto_raw(&tensor, values->data, values->bytes);
  proto_free(values);
  proto_sub(&model.graph, GRAPH_INITIALIZER, &tensor);
  proto_writer file = model_end(&model);
  expect(&file, ICN_OK, NULL);
  assert_true(source.tensors[0].supported);
  assert_int_equal(source.tensors[0].onnx_type, type);
  assert_memory_equal(source.tensors[0].data, expected, bytes);
  proto_free(&file);
}

static void typed_values_become_their_types_bytes(void **state) {
  (void)state;
  proto_writer v = {0};
  const float floats[2] = {1.5f, -2};
  proto_packed_floats(&v, TENSOR_FLOATS, floats, 2);
  check_typed(ONNX_FLOAT, &v, 1, SHAPE_2, floats, sizeof floats);
  proto_float(&v, TENSOR_FLOATS, 1.5f); /* one by one */
  proto_float(&v, TENSOR_FLOATS, -2);
  check_typed(ONNX_FLOAT, &v, 1, SHAPE_2, floats, sizeof floats);
  proto_packed_floats(&v, TENSOR_FLOATS, floats, 1); /* in two packs, one of them empty in between */
  proto_packed_floats(&v, TENSOR_FLOATS, floats, 0);
  proto_packed_floats(&v, TENSOR_FLOATS, floats + 1, 1);
  check_typed(ONNX_FLOAT, &v, 1, SHAPE_2, floats, sizeof floats);
  proto_float(&v, TENSOR_FLOATS, 1.5f);
  check_typed(ONNX_FLOAT, &v, 0, NULL, floats, sizeof *floats); /* a scalar */

  proto_packed_ints(&v, TENSOR_INT64S, (const int64_t[]){INT64_MIN, 5}, 2);
  check_typed(ONNX_INT64, &v, 1, SHAPE_2, (const int64_t[]){INT64_MIN, 5}, 16);
  proto_int(&v, TENSOR_INT32S, -3);
  proto_packed_ints(&v, TENSOR_INT32S, (const int64_t[]){INT32_MAX}, 1);
  check_typed(ONNX_INT32, &v, 1, SHAPE_2, (const int32_t[]){-3, INT32_MAX}, 8);
  proto_packed_ints(&v, TENSOR_INT32S, (const int64_t[]){-128, 127}, 2);
  check_typed(ONNX_INT8, &v, 1, SHAPE_2, (const int8_t[]){-128, 127}, 2);
  proto_packed_ints(&v, TENSOR_INT32S, (const int64_t[]){255, 0}, 2);
  check_typed(ONNX_UINT8, &v, 1, SHAPE_2, (const uint8_t[]){255, 0}, 2);
  proto_packed_ints(&v, TENSOR_INT32S, (const int64_t[]){1, 0}, 2);
  check_typed(ONNX_BOOL, &v, 1, SHAPE_2, (const uint8_t[]){1, 0}, 2);
  proto_packed_ints(&v, TENSOR_INT32S, (const int64_t[]){0x3c00, 0xfbff}, 2);
  check_typed(ONNX_FLOAT16, &v, 1, SHAPE_2, (const uint16_t[]){0x3c00, 0xfbff}, 4);
  const double doubles[2] = {0.1, -1e300};
  proto_bytes(&v, TENSOR_DOUBLES, doubles, sizeof doubles);
  check_typed(ONNX_DOUBLE, &v, 1, SHAPE_2, doubles, sizeof doubles);
  check_typed(ONNX_FLOAT, &v, 1, SHAPE_0, NULL, 0); /* no elements, no data */
}

static void expect_tensor(proto_writer *tensor, icn_status status, const char *words) {
  model_writer model = small_model();
  proto_sub(&model.graph, GRAPH_INITIALIZER, tensor);
  expect_model(&model, status, words);
}

static void values_that_do_not_fit_the_shape_are_refused(void **state) {
  (void)state;
  const float floats[4] = {1, 2, 3, 4};
  proto_writer t = tensor_begin("weights", ONNX_FLOAT, 2, SHAPE_22);
  proto_bytes(&t, TENSOR_RAW, floats, 15);
  expect_tensor(&t, ICN_FORMAT, "initializer 'weights': 15 bytes of data are there, the shape 2x2 of float32 needs 16");
  t = tensor_begin("w", ONNX_FLOAT, 2, SHAPE_22);
  proto_packed_floats(&t, TENSOR_FLOATS, floats, 3);
  expect_tensor(&t, ICN_FORMAT, "3 values are there, the shape 2x2 needs 4");
  t = tensor_begin("w", ONNX_FLOAT, 2, SHAPE_22);
  expect_tensor(&t, ICN_FORMAT, "0 values are there");
  t = tensor_begin("w", ONNX_FLOAT, 1, SHAPE_2);
  proto_packed_ints(&t, TENSOR_INT64S, (const int64_t[]){1, 2}, 2);
  expect_tensor(&t, ICN_FORMAT, "field 7");
  t = tensor_begin("w", ONNX_FLOAT, 1, SHAPE_2);
  proto_packed_floats(&t, TENSOR_FLOATS, floats, 2);
  proto_bytes(&t, TENSOR_RAW, floats, 8);
  expect_tensor(&t, ICN_FORMAT, "field 4");
  t = tensor_begin("w", ONNX_FLOAT, 1, SHAPE_2);
  proto_bytes(&t, TENSOR_FLOATS, floats, 7);
  expect_tensor(&t, ICN_FORMAT, "no whole number of 4-byte values");
  t = tensor_begin("w", ONNX_UINT8, 1, SHAPE_2);
  proto_packed_ints(&t, TENSOR_INT32S, (const int64_t[]){256, 0}, 2);
  expect_tensor(&t, ICN_FORMAT, "the value 256 does not fit its type uint8");
  t = tensor_begin("w", ONNX_INT64, 1, SHAPE_2);
  proto_bytes(&t, TENSOR_INT64S, "\xff\xff", 2);
  expect_tensor(&t, ICN_FORMAT, "cut off");
  t = tensor_begin("w", ONNX_INT64, 1, SHAPE_2);
  proto_bytes(&t, TENSOR_INT64S, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01", 13);
  expect_tensor(&t, ICN_FORMAT, "more than 64 bits");
}

static void shapes_and_types_that_cannot_be_are_refused(void **state) {
  (void)state;
  proto_writer t = tensor_begin("w", ONNX_FLOAT, 1, (const int64_t[]){-1});
  expect_tensor(&t, ICN_FORMAT, "initializer 'w': dimension 0 of the shape is -1");
  t = tensor_begin("w", ONNX_FLOAT, 3, (const int64_t[]){1 << 21, 1 << 21, 1 << 21});
  expect_tensor(&t, ICN_FORMAT, "2097152x2097152x2097152 has too many elements");
  t = tensor_begin("w", ONNX_FLOAT, 2, (const int64_t[]){INT64_MAX, INT64_MAX});
  expect_tensor(&t, ICN_FORMAT, "too many elements");
  t = tensor_begin("w", ONNX_FLOAT, 9, (const int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1});
  expect_tensor(&t, ICN_UNSUPPORTED, "more than 8 dimensions");
  t = tensor_begin("w", 0, 1, SHAPE_2);
  expect_tensor(&t, ICN_FORMAT, "its data type is 0");
  t = tensor_begin("w", ONNX_FLOAT, 1, SHAPE_2);
  proto_bytes(&t, 3, "", 0);
  expect_tensor(&t, ICN_UNSUPPORTED, "segments");
  t = tensor_begin("", ONNX_FLOAT, 1, SHAPE_0);
  expect_tensor(&t, ICN_FORMAT, "initializer '': it has no name");
  t = tensor_begin("w", ONNX_BFLOAT16, 1, SHAPE_2); /* refused only where it is used */
  expect_tensor(&t, ICN_OK, NULL);
  assert_false(source.tensors[0].supported);
  assert_int_equal(source.tensors[0].onnx_type, ONNX_BFLOAT16);
}

static void names_are_checked(void **state) {
  (void)state;
  const float one = 1;
  model_writer model = small_model();
  model_floats(&model, "b", 0, NULL, &one);
  model_floats(&model, "a", 0, NULL, &one);
  model_floats(&model, "b", 0, NULL, &one);
  expect_model(&model, ICN_FORMAT, "two initializers have the name 'b'");
  model = small_model();
  model_input(&model, "x", ONNX_FLOAT, 0, NULL);
  expect_model(&model, ICN_FORMAT, "two inputs have the name 'x'");
  model = small_model();
  model_input(&model, "", ONNX_FLOAT, 0, NULL);
  expect_model(&model, ICN_FORMAT, "input 1: it has no name");
  model = small_model();
  model_node(&model, "", "odd", "x", "y");
  expect_model(&model, ICN_FORMAT, "it has no operator type");
  model = small_model();
  model_node(&model, "Relu", "twice", "x", "y");
  node_int(&model, "axis", 1);
  node_int(&model, "axis", 1);
  expect_model(&model, ICN_FORMAT, "node 'twice' (Relu): it has two attributes 'axis'");
  model = small_model();
  model_node(&model, "Relu", "r", "x", "y");
  node_int(&model, "", 1);
  expect_model(&model, ICN_FORMAT, "node 'r' (Relu): an attribute has no name");
  model = small_model();
  model_node(&model, "Relu", "r", "x", "y");
  for (int i = 0; i < 300; i++) node_int(&model, "axis", 1);
  expect_model(&model, ICN_UNSUPPORTED, "300 attributes");
  model = small_model();
  model_node(&model, "Relu", "r", "x", "y");
  proto_bytes(&model.node, 1, "a\0b", 3);
  expect_model(&model, ICN_FORMAT, "zero byte");
}

static void attributes_of_other_kinds_are_noted(void **state) {
  (void)state;
  model_writer model = small_model();
  proto_writer attr = {0};
  model_node(&model, "If", "branch", "x", "y");
  proto_text(&attr, 1, "then_branch");
  proto_bytes(&attr, 6, "not even a graph", 16); /* not read */
  proto_int(&attr, 20, 5);
  proto_sub(&model.node, 5, &attr);
  proto_text(&attr, 1, "words");
  proto_text(&attr, 9, "a");
  proto_text(&attr, 9, "b");
  proto_sub(&model.node, 5, &attr); /* no type: the field says it */
  proto_text(&attr, 1, "from_function");
  proto_text(&attr, 21, "outer");
  proto_int(&attr, 20, 2);
  proto_sub(&model.node, 5, &attr);
  proto_text(&attr, 1, "none");
  proto_sub(&model.node, 5, &attr);
  proto_text(&attr, 1, "newer");
  proto_int(&attr, 20, 99);
  proto_sub(&model.node, 5, &attr);
  expect_model(&model, ICN_OK, NULL);
  const icn_source_attr *attrs = source.nodes[0].attrs;
  assert_int_equal(attrs[0].kind, ICN_ATTR_GRAPH);
  assert_int_equal(attrs[1].kind, ICN_ATTR_STRINGS);
  assert_int_equal(attrs[1].count, 2);
  for (int i = 2; i < 5; i++) assert_int_equal(attrs[i].kind, ICN_ATTR_OTHER);

  model = small_model();
  model_node(&model, "Constant", "c", "", "y");
  proto_text(&attr, 1, "value");
  proto_int(&attr, 20, 4);
  proto_sub(&model.node, 5, &attr);
  expect_model(&model, ICN_FORMAT, "node 'c' (Constant), attribute 'value': it should hold a tensor");
  model = small_model();
  model_node(&model, "Constant", "c", "", "y");
  node_tensor(&model, "value", ONNX_FLOAT, 1, SHAPE_2, "1234", 4);
  expect_model(&model, ICN_FORMAT, "attribute 'value': 4 bytes of data are there");
}

static void operator_sets_have_limits(void **state) {
  (void)state;
  const struct {
    int64_t opset;
    icn_status status;
    const char *words;
  } cases[] = {{6, ICN_UNSUPPORTED, "operator set 6 is too old: 7 to 28"},
               {7, ICN_OK, NULL},
               {28, ICN_OK, NULL},
               {29, ICN_UNSUPPORTED, "operator set 29 is too new: 7 to 28"},
               {-5, ICN_UNSUPPORTED, "-5"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    model_writer model = small_model();
    model.opset = cases[i].opset;
    expect_model(&model, cases[i].status, cases[i].words);
  }
  model_writer model = small_model();
  proto_writer file = model_end(&model), import = {0};
  proto_text(&import, 1, "com.example");
  proto_int(&import, 2, 99);
  proto_sub(&file, MODEL_OPSET, &import); /* other domains may have any version */
  expect(&file, ICN_OK, NULL);
  proto_text(&import, 1, "ai.onnx");
  proto_int(&import, 2, 12);
  proto_sub(&file, MODEL_OPSET, &import);
  expect(&file, ICN_FORMAT, "operator sets 13 and 12");
  proto_free(&file);
}

static void graphs_must_have_what_a_graph_has(void **state) {
  (void)state;
  proto_writer file = {0}, part = {0};
  proto_int(&file, MODEL_IR_VERSION, 8);
  expect(&file, ICN_FORMAT, "it has no graph");
  proto_bytes(&file, MODEL_GRAPH, "", 0);
  expect(&file, ICN_FORMAT, "which ONNX operator set");
  proto_int(&part, 2, 13);
  proto_sub(&file, MODEL_OPSET, &part);
  expect(&file, ICN_FORMAT, "no outputs");
  proto_bytes(&file, MODEL_GRAPH, "", 0);
  expect(&file, ICN_FORMAT, "several graphs");
  proto_free(&file);

  model_writer model = small_model();
  proto_bytes(&model.graph, GRAPH_SPARSE, "", 0);
  expect_model(&model, ICN_UNSUPPORTED, "sparse initializers");
  model = small_model();
  model_input(&model, "deep", ONNX_FLOAT, 9, (const int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1});
  expect_model(&model, ICN_UNSUPPORTED, "input 'deep': it has more than 8 dimensions");

  model = small_model();
  proto_writer info = {0}, type = {0}; /* an input that is a sequence */
  proto_bytes(&type, 4, "", 0);
  proto_text(&info, 1, "list");
  proto_sub(&info, 2, &type);
  proto_sub(&model.graph, GRAPH_INPUT, &info);
  expect_model(&model, ICN_UNSUPPORTED, "input 'list': it is not a dense tensor");
}

/* ----------------------------------------------------------- external data */

typedef struct one_file {
  const char *name;
  const void *data;
  uint64_t bytes;
  int opened;
} one_file;

static icn_status open_one(void *user, const char *location, const void **data, uint64_t *bytes, icn_error *failure) {
  one_file *file = user;
  if (strcmp(location, file->name) != 0) return icn_error_set(failure, ICN_IO, "there is no '%s'", location);
  file->opened++;
  *data = file->data;
  *bytes = file->bytes;
  return ICN_OK;
}

static void entry(proto_writer *tensor, const char *key, const char *value) {
  proto_writer pair = {0};
  proto_text(&pair, 1, key);
  proto_text(&pair, 2, value);
  proto_sub(tensor, TENSOR_EXTERNAL, &pair);
}

static void expect_external(const char *location, const char *offset, const char *length, icn_status status, const char *words) {
  static const char data[] = "....12345678";
  one_file file = {"w.bin", data, 12, 0};
  icn_external external = {&file, open_one};
  model_writer model = small_model();
  proto_writer tensor = tensor_begin("w", ONNX_FLOAT, 1, SHAPE_2);
  if (location != NULL) entry(&tensor, "location", location);
  if (offset != NULL) entry(&tensor, "offset", offset);
  if (length != NULL) entry(&tensor, "length", length);
  entry(&tensor, "checksum", "0"); /* not looked at */
  proto_int(&tensor, TENSOR_LOCATION, 1);
  proto_sub(&model.graph, GRAPH_INITIALIZER, &tensor);
  proto_writer bytes = model_end(&model);
  fresh();
  assert_int_equal(icn_onnx_parse(bytes.data, bytes.bytes, &external, &source, &error), status);
  if (words != NULL) assert_says(words);
  if (status == ICN_OK) assert_ptr_equal(source.tensors[0].data, data + (offset == NULL ? 0 : atoi(offset)));
  if (status == ICN_OK) assert_int_equal(file.opened, 1);
  expect(&bytes, location == NULL ? ICN_FORMAT : ICN_UNSUPPORTED, NULL); /* without the model's folder */
  proto_free(&bytes);
}

static void external_data_are_read_within_their_file(void **state) {
  (void)state;
  expect_external("w.bin", "4", "8", ICN_OK, NULL);
  expect_external("w.bin", NULL, NULL, ICN_OK, NULL);
  expect_external("w.bin", "5", "8", ICN_FORMAT, "8 bytes at offset 5 of 'w.bin', which has only 12");
  expect_external("w.bin", "18446744073709551000", NULL, ICN_FORMAT, NULL);
  expect_external("w.bin", "4", "7", ICN_FORMAT, "initializer 'w': its external data have 7 bytes, its shape and type need 8");
  expect_external("other.bin", "0", "8", ICN_IO, "initializer 'w': there is no 'other.bin'");
  expect_external(NULL, "0", "8", ICN_FORMAT, "no file is named");
}

static void external_numbers_are_checked(void **state) {
  (void)state;
  static const char *const bad[] = {"", "-1", "1e3", "0x10", " 4", "18446744073709551616", "99999999999999999999999"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    model_writer model = small_model();
    proto_writer tensor = tensor_begin("w", ONNX_FLOAT, 1, SHAPE_2);
    entry(&tensor, "offset", bad[i]);
    proto_sub(&model.graph, GRAPH_INITIALIZER, &tensor);
    expect_model(&model, ICN_FORMAT, "which is no byte count");
  }
}

/* ------------------------------------------------------------- other files */

static void other_files_are_recognised(void **state) {
  (void)state;
  const struct {
    const char *data;
    size_t bytes;
    const char *words;
  } files[] = {{"", 0, "the file is empty"},
               {"\xff\xd8\xff\xe0\x00\x10JFIF", 10, "a JPEG picture"},
               {"\x10\0\0\0\0\0\0\0{\"a\":{}}", 16, "a safetensors file, which has weights and no network"},
               {"\x89PNG\r\n\x1a\n", 8, "a PNG picture"},
               {"PK\x03\x04....", 8, "PyTorch"},
               {"\x1c\x00\x00\x00TFL3", 8, "TensorFlow Lite"},
               {"version https://git-lfs.github.com/spec/v1\n", 43, "Git LFS"},
               {"{\"model\": 1}", 12, "the file is text"},
               {"\x00\x00\x00\x00", 4, "byte 0"},
               {"\x08\x00", 2, "IR version"},
               {"\x08\xff\xff\xff\x7f", 5, "IR version"},
               {"\x12\x00", 2, "it has no IR version"}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    fresh();
    assert_int_equal(icn_onnx_parse(files[i].data, files[i].bytes, NULL, &source, &error), ICN_FORMAT);
    assert_says("not an ONNX model: ");
    assert_says(files[i].words);
  }
  assert_int_equal(icn_onnx_parse("", 0, NULL, &source, NULL), ICN_FORMAT); /* nobody wants the sentence */
}

static void the_real_model_is_read_in_place(void **state) {
  (void)state;
  char path[512];
  icn_mapping mapping;
  if (icn_test_shared("models/inception_v3_moderation.onnx", path, sizeof path) == NULL) {
    print_message("the shared model is not there\n");
    skip();
  }
  assert_int_equal(icn_os_map(path, &mapping, &error), ICN_OK);
  fresh();
  if (icn_onnx_parse(mapping.data, (size_t)mapping.bytes, NULL, &source, &error) != ICN_OK) fail_msg("%s", error.message);
  size_t convolutions = 0, in_place = 0;
  for (size_t i = 0; i < source.node_count; i++) convolutions += strcmp(source.nodes[i].op, "Conv") == 0;
  assert_int_equal(convolutions, 94);
  const uint8_t *start = mapping.data;
  for (size_t i = 0; i < source.tensor_count; i++) {
    const uint8_t *data = source.tensors[i].data;
    in_place += data >= start && data < start + mapping.bytes;
  }
  assert_true(source.tensor_count > 94);
  assert_int_equal(in_place, source.tensor_count);
  assert_int_equal(source.input_count, 1);
  assert_true(source.output_count >= 1);
  icn_os_unmap(&mapping);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(everything_is_read),
      cmocka_unit_test(typed_values_become_their_types_bytes),
      cmocka_unit_test(values_that_do_not_fit_the_shape_are_refused),
      cmocka_unit_test(shapes_and_types_that_cannot_be_are_refused),
      cmocka_unit_test(names_are_checked),
      cmocka_unit_test(attributes_of_other_kinds_are_noted),
      cmocka_unit_test(operator_sets_have_limits),
      cmocka_unit_test(graphs_must_have_what_a_graph_has),
      cmocka_unit_test(external_data_are_read_within_their_file),
      cmocka_unit_test(external_numbers_are_checked),
      cmocka_unit_test(other_files_are_recognised),
      cmocka_unit_test(the_real_model_is_read_in_place),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
