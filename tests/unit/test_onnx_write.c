/* Sources written as ONNX and read again: the same nodes, attributes, tensors, inputs and outputs. */
#include "onnx_write.h"

#include "support/icn_test.h"

typedef struct memory_sink {
  uint8_t *data;
  size_t bytes, limit; /* it takes no more than that */
} memory_sink;

static memory_sink sink;
static icn_error error;

static icn_status take(void *user, const void *data, size_t bytes, icn_error *reason) {
  memory_sink *s = user;
  if (bytes > s->limit - s->bytes) return icn_error_set(reason, ICN_IO, "the sink is full");
  uint8_t *moved = realloc(s->data, s->bytes + bytes);
  assert_non_null(moved);
  memcpy(moved + s->bytes, data, bytes);
  s->data = moved;
  s->bytes += bytes;
  return ICN_OK;
}

static icn_status write_source(const icn_source *source, size_t limit) {
  static const icn_shape SHAPES[3] = {{2, {-1, 10}}, {2, {-1, 10}}, {2, {-1, 10}}};
  const icn_onnx_sink to = {&sink, take};
  free(sink.data);
  sink = (memory_sink){NULL, 0, limit};
  icn_error_clear(&error);
  return icn_onnx_write(source, SHAPES, &to, &error);
}

static int teardown(void **state) {
  (void)state;
  free(sink.data);
  sink = (memory_sink){NULL, 0, 0};
  return 0;
}

static void init(icn_source *source) {
  icn_allocator allocator = icn_allocator_default();
  icn_source_init(source, &allocator);
}

static void assert_texts(const char **left, size_t left_count, const char **right, size_t right_count) {
  assert_int_equal(left_count, right_count);
  for (size_t i = 0; i < left_count; i++) assert_string_equal(left[i], right[i]);
}

static void assert_nodes(const icn_source_node *left, const icn_source_node *right) {
  assert_string_equal(left->op, right->op);
  assert_string_equal(left->name, right->name);
  assert_string_equal(left->domain, right->domain);
  assert_texts(left->inputs, left->input_count, right->inputs, right->input_count);
  assert_texts(left->outputs, left->output_count, right->outputs, right->output_count);
  assert_int_equal(left->attr_count, right->attr_count);
  for (size_t i = 0; i < left->attr_count; i++) {
    const icn_source_attr *a = &left->attrs[i], *b = &right->attrs[i];
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->i, b->i);
    assert_true(a->f == b->f);
    assert_string_equal(a->s == NULL ? "" : a->s, b->s == NULL ? "" : b->s);
    assert_int_equal(a->count, b->count);
    for (size_t k = 0; k < a->count && a->kind == ICN_ATTR_INTS; k++) assert_int_equal(a->ints[k], b->ints[k]);
    for (size_t k = 0; k < a->count && a->kind == ICN_ATTR_FLOATS; k++) assert_true(a->floats[k] == b->floats[k]);
  }
}

static void assert_tensors(const icn_source_tensor *left, const icn_source_tensor *right) {
  assert_string_equal(left->name, right->name);
  assert_true(icn_shape_equal(&left->shape, &right->shape));
  assert_int_equal(right->dtype, ICN_F32);
  const icn_value a = {.dtype = left->dtype, .data = left->data}, b = {.dtype = right->dtype, .data = right->data};
  for (int64_t i = 0; i < icn_shape_elems(&left->shape); i++) assert_true(icn_const_f32(&a, i) == icn_const_f32(&b, i));
}

static void assert_sources(const icn_source *left, const icn_source *right) {
  assert_int_equal(left->ir_version, right->ir_version);
  assert_true((left->recipe == NULL) == (right->recipe == NULL));
  if (left->recipe != NULL) assert_string_equal(left->recipe, right->recipe);
  assert_int_equal(left->opset, right->opset);
  assert_string_equal(left->producer, right->producer);
  assert_int_equal(left->node_count, right->node_count);
  for (size_t i = 0; i < left->node_count; i++) assert_nodes(&left->nodes[i], &right->nodes[i]);
  assert_int_equal(left->tensor_count, right->tensor_count);
  for (size_t i = 0; i < left->tensor_count; i++) assert_tensors(&left->tensors[i], &right->tensors[i]);
  assert_int_equal(left->input_count, right->input_count);
  for (size_t i = 0; i < left->input_count; i++) {
    assert_string_equal(left->inputs[i].name, right->inputs[i].name);
    assert_int_equal(left->inputs[i].onnx_type, right->inputs[i].onnx_type);
    assert_true(right->inputs[i].has_shape && icn_shape_equal(&left->inputs[i].shape, &right->inputs[i].shape));
  }
  assert_texts(left->outputs, left->output_count, right->outputs, right->output_count);
}

static void networks_are_read_as_they_were_written(void **state) {
  (void)state;
  static const char *const SPECS[] = {"googlenet:width=0.1,aux=1",    "googlenet_bn:width=0.1,aux=1,transform_input=1",
                                      "bn_inception:width=0.1",       "inception_v2:width=0.1,first_7x7=1",
                                      "inception_v3:width=0.1,aux=1", "inception_v3:width=0.1,input=79"};
  for (size_t i = 0; i < sizeof SPECS / sizeof *SPECS; i++) {
    icn_source made, read;
    init(&made);
    init(&read);
    if (icn_builtin_make(SPECS[i], NULL, &made, &error) != ICN_OK) fail_msg("%s", error.message);
    if (write_source(&made, SIZE_MAX) != ICN_OK) fail_msg("%s: %s", SPECS[i], error.message);
    if (icn_onnx_parse(sink.data, sink.bytes, NULL, &read, &error) != ICN_OK) fail_msg("%s: %s", SPECS[i], error.message);
    assert_sources(&made, &read);
    icn_source_fini(&made);
    icn_source_fini(&read);
  }
}

/* One tensor of `dtype` that a node with attributes of every kind reads. */
static void small_source(icn_source *source, icn_source_tensor *tensor, icn_source_node *node, icn_source_attr attrs[5]) {
  static const char *inputs[] = {"x", "", "w"}, *outputs[] = {"y"};
  static icn_source_input input = {"x", 1, true, {4, {-1, 3, 8, 8}}};
  static const float floats[2] = {1.5f, -2.0f};
  static const int64_t ints[3] = {-1, 0, INT64_MAX};
  attrs[0] = (icn_source_attr){.name = "f", .kind = ICN_ATTR_FLOAT, .f = -0.5f, .s = ""};
  attrs[1] = (icn_source_attr){.name = "i", .kind = ICN_ATTR_INT, .i = INT64_MIN, .s = ""};
  attrs[2] = (icn_source_attr){.name = "s", .kind = ICN_ATTR_STRING, .s = "SAME_UPPER"};
  attrs[3] = (icn_source_attr){.name = "fs", .kind = ICN_ATTR_FLOATS, .floats = floats, .count = 2, .s = ""};
  attrs[4] = (icn_source_attr){.name = "is", .kind = ICN_ATTR_INTS, .ints = ints, .count = 3, .s = ""};
  *node = (icn_source_node){"Conv", "", "conv", inputs, 3, outputs, 1, attrs, 5};
  source->ir_version = 8;
  source->opset = 13;
  source->producer = "test";
  source->tensors = tensor;
  source->tensor_count = 1;
  source->nodes = node;
  source->node_count = 1;
  source->inputs = &input;
  source->input_count = 1;
  source->outputs = outputs;
  source->output_count = 1;
}

static void every_attribute_and_float_type_is_written(void **state) {
  (void)state;
  enum { ELEMS = 5000 }; /* more than what is converted at once */
  static double doubles[ELEMS];
  static uint16_t halves[ELEMS];
  for (int i = 0; i < ELEMS; i++) doubles[i] = (double)i / 8;
  for (int i = 0; i < ELEMS; i++) halves[i] = (uint16_t)(i * 5 % 0x7c00);
  const struct {
    icn_dtype dtype;
    const void *data;
  } cases[] = {{ICN_F64, doubles}, {ICN_F16, halves}, {ICN_BF16, halves}};
  for (size_t i = 0; i < 3; i++) {
    icn_source source, read;
    icn_source_tensor tensor = {"w", 1, cases[i].dtype, true, {2, {10, ELEMS / 10}}, cases[i].data};
    icn_source_node node;
    icn_source_attr attrs[5];
    init(&source);
    init(&read);
    small_source(&source, &tensor, &node, attrs);
    if (write_source(&source, SIZE_MAX) != ICN_OK) fail_msg("%s", error.message);
    if (icn_onnx_parse(sink.data, sink.bytes, NULL, &read, &error) != ICN_OK) fail_msg("%s", error.message);
    assert_sources(&source, &read);
    icn_source_fini(&read);
  }
}

static void what_cannot_be_written_is_refused(void **state) {
  (void)state;
  icn_source source;
  static const int64_t numbers[1] = {1};
  static const float one[1] = {1};
  icn_source_tensor tensor = {"w", 7, ICN_I64, true, {1, {1}}, numbers};
  icn_source_node node;
  icn_source_attr attrs[5];
  init(&source);
  small_source(&source, &tensor, &node, attrs);
  assert_int_equal(write_source(&source, SIZE_MAX), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "the tensor 'w' holds no floats"));
  tensor = (icn_source_tensor){"w", 1, ICN_F32, true, {1, {1}}, one};
  attrs[3].kind = ICN_ATTR_GRAPH;
  assert_int_equal(write_source(&source, SIZE_MAX), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "the attribute 'fs' of node 'conv'"));
  attrs[3].kind = ICN_ATTR_FLOATS;
  tensor.shape = (icn_shape){2, {1 << 15, 1 << 15}}; /* only its bytes are counted */
  assert_int_equal(write_source(&source, SIZE_MAX), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "2 GiB"));
  assert_int_equal(sink.bytes, 0);
}

static void a_full_sink_ends_it(void **state) {
  (void)state;
  icn_source source;
  static const float one[1] = {1};
  icn_source_tensor tensor = {"w", 1, ICN_F32, true, {1, {1}}, one};
  icn_source_node node;
  icn_source_attr attrs[5];
  init(&source);
  small_source(&source, &tensor, &node, attrs);
  assert_int_equal(write_source(&source, SIZE_MAX), ICN_OK);
  const size_t whole = sink.bytes;
  for (size_t limit = 0; limit < whole; limit++) {
    assert_int_equal(write_source(&source, limit), ICN_IO);
    assert_string_equal(error.message, "the sink is full");
  }
  assert_int_equal(write_source(&source, whole), ICN_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(networks_are_read_as_they_were_written, teardown),
      cmocka_unit_test_teardown(every_attribute_and_float_type_is_written, teardown),
      cmocka_unit_test_teardown(what_cannot_be_written_is_refused, teardown),
      cmocka_unit_test_teardown(a_full_sink_ends_it, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
