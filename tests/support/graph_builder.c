#include "graph_builder.h"

#include "fake_rows.h"
#include "icn_test.h"
#include "plan_run.h"
#include "ref.h"

builder *builder_new(void) {
  builder *b = calloc(1, sizeof *b);
  icn_allocator allocator = icn_allocator_default();
  icn_graph_init(&b->graph, &allocator);
  b->graph.inputs = b->inputs;
  b->graph.outputs = b->outputs;
  b->graph.output_names = b->output_names;
  return b;
}

void builder_free(builder *b) {
  icn_graph_fini(&b->graph);
  free(b);
}

icn_shape shape4(int64_t n, int64_t c, int64_t h, int64_t w) { return icn_shape_make(4, (const int64_t[]){n, c, h, w}); }
icn_shape shape2(int64_t n, int64_t c) { return icn_shape_make(2, (const int64_t[]){n, c}); }

int add_input(builder *b, icn_shape shape) {
  char name[16];
  snprintf(name, sizeof name, "in%zu", b->graph.input_count);
  int value = icn_graph_add_value(&b->graph, name, &shape, ICN_F32);
  b->graph.values[value].is_input = true;
  b->inputs[b->graph.input_count++] = value;
  return value;
}

void add_output(builder *b, int value) {
  b->output_names[b->graph.output_count] = b->graph.values[value].name;
  b->outputs[b->graph.output_count++] = value;
}

const icn_shape *shape_of(const builder *b, int value) { return &b->graph.values[value].shape; }

int add_unary(builder *b, int x, const char *name) {
  icn_params params = {.function = ICN_FN_SQUARE};
  icn_shape shape = *shape_of(b, x);
  return icn_graph_add_node(&b->graph, ICN_OP_UNARY, name, "Mul", &x, 1, &params, NULL, &shape);
}

int add_sum(builder *b, int x, int y) {
  icn_params params = {.function = ICN_FN_ADD};
  icn_shape shape = *shape_of(b, x);
  return icn_graph_add_node(&b->graph, ICN_OP_BINARY, NULL, "Add", (const int[]){x, y}, 2, &params, NULL, &shape);
}

int add_concat(builder *b, const int *parts, int count, int axis) {
  icn_params params = {.axis = axis};
  icn_shape shape = *shape_of(b, parts[0]);
  for (int i = 1; i < count; i++) shape.dim[axis] += shape_of(b, parts[i])->dim[axis];
  return icn_graph_add_node(&b->graph, ICN_OP_CONCAT, NULL, "Concat", parts, count, &params, NULL, &shape);
}

int add_reshape(builder *b, int x, icn_shape shape) {
  return icn_graph_add_node(&b->graph, ICN_OP_RESHAPE, NULL, "Reshape", &x, 1, NULL, NULL, &shape);
}

int add_slice(builder *b, int x, int axis, int64_t begin, int64_t count, int64_t step) {
  icn_params params = {0};
  icn_shape shape = *shape_of(b, x);
  for (int k = 0; k < shape.rank; k++) params.step[k] = 1;
  params.begin[axis] = begin;
  params.step[axis] = step;
  shape.dim[axis] = count;
  return icn_graph_add_node(&b->graph, ICN_OP_SLICE, NULL, "Slice", &x, 1, &params, NULL, &shape);
}

int add_transpose(builder *b, int x, const int *perm) {
  icn_params params = {0};
  icn_shape shape = *shape_of(b, x);
  for (int k = 0; k < shape.rank; k++) {
    params.perm[k] = perm[k];
    shape.dim[k] = shape_of(b, x)->dim[perm[k]];
  }
  return icn_graph_add_node(&b->graph, ICN_OP_TRANSPOSE, NULL, "Transpose", &x, 1, &params, NULL, &shape);
}

int add_max_pool(builder *b, int x) {
  icn_params params = {.function = ICN_FN_MAX, .kernel = {2, 2}, .stride = {1, 1}, .dilation = {1, 1}, .pad_end = {1, 1}};
  icn_shape shape = *shape_of(b, x);
  return icn_graph_add_node(&b->graph, ICN_OP_POOL, NULL, "MaxPool", &x, 1, &params, NULL, &shape);
}

int add_softmax(builder *b, int x, int axis) {
  icn_params params = {.function = ICN_FN_EXP, .axis = axis};
  icn_shape shape = *shape_of(b, x);
  return icn_graph_add_node(&b->graph, ICN_OP_SOFTMAX, NULL, "Softmax", &x, 1, &params, NULL, &shape);
}

int add_mean(builder *b, int x, int axis) {
  icn_params params = {.function = ICN_FN_MEAN, .axes = 1U << axis};
  icn_shape shape = *shape_of(b, x);
  shape.dim[axis] = 1;
  return icn_graph_add_node(&b->graph, ICN_OP_REDUCE, NULL, "ReduceMean", &x, 1, &params, NULL, &shape);
}

int add_gram(builder *b, int x) {
  icn_params params = {.alpha = 1, .transpose_b = 1};
  icn_shape shape = *shape_of(b, x);
  shape.dim[shape.rank - 1] = shape.dim[shape.rank - 2];
  return icn_graph_add_node(&b->graph, ICN_OP_MATMUL, NULL, "MatMul", (const int[]){x, x}, 2, &params, NULL, &shape);
}

icn_plan plan_for(const builder *b, const icn_row_table *rows, const icn_plan_request *request, icn_device_kind kind) {
  icn_plan plan;
  icn_error error = {ICN_OK, ""};
  icn_device_desc device = icn_device_desc_example(kind);
  if (icn_plan_make_from(rows, &b->graph, &device, request, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_plan_check(&plan, &error) != ICN_OK) fail_msg("%s", error.message);
  return plan;
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
    assert_int_equal(icn_ref_compute(&copy, &from, got, NULL, NULL), ICN_OK);
    assert_memory_equal(got, want[value->value], (size_t)icn_shape_elems(shape) * sizeof(float));
    free(got);
  }
}

void check_run(const builder *b, const icn_row_table *rows, const icn_plan_request *request, icn_device_kind kind, uint32_t seed) {
  icn_plan plan = plan_for(b, rows, request, kind);
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

static void compare_outputs(const builder *whole, const icn_plan *plan, const icn_test_run *run, const float *const *want) {
  for (size_t o = 0; o < whole->graph.output_count; o++) {
    const int value = whole->graph.outputs[o];
    const float *got = icn_test_run_output(run, plan, (int)o);
    assert_non_null(got);
    assert_memory_equal(got, want[value], (size_t)icn_shape_elems(shape_of(whole, value)) * sizeof(float));
  }
}

void check_sliced_run(const builder *whole, const builder *sliced, const icn_plan *plan, uint32_t seed) {
  icn_error error = {ICN_OK, ""};
  const icn_allocator allocator = icn_allocator_default();
  icn_arena arena;
  float *inputs[BUILDER_MOST_INPUTS] = {NULL};
  const float **want = calloc(whole->graph.value_count, sizeof *want);
  icn_arena_init(&arena, &allocator);
  for (size_t i = 0; i < whole->graph.input_count; i++) {
    const size_t elems = (size_t)icn_shape_elems(shape_of(whole, whole->graph.inputs[i]));
    inputs[i] = malloc(elems * sizeof(float));
    for (size_t k = 0; k < elems; k++) inputs[i][k] = (float)((int)(icn_test_random(&seed) % 64) - 32) / 8;
    want[whole->graph.inputs[i]] = inputs[i];
  }
  assert_int_equal(icn_ref_run(&whole->graph, want, &arena, NULL, NULL, &error), ICN_OK);
  for (uint32_t order = 0; order < 2; order++) {
    icn_test_run run;
    const icn_status status =
        icn_test_run_plan(plan, &sliced->graph, (const float *const *)inputs, order == 0 ? 0 : seed + order, &run, &error);
    if (status != ICN_OK) fail_msg("%s", error.message);
    compare_outputs(whole, plan, &run, want);
    icn_test_run_fini(&run);
  }
  for (int i = 0; i < BUILDER_MOST_INPUTS; i++) free(inputs[i]);
  free(want);
  icn_arena_fini(&arena);
}

void check_all_ways(const builder *b, uint32_t seed) {
  const icn_plan_request requests[] = {{.why = false},
                                       {.keep_values = true, .why = true},
                                       {.disabled_passes = "concat_view,memory_reuse"},
                                       {.disabled_passes = "concat_view,reshape_view", .keep_values = true},
                                       {.disabled_passes = "all"}};
  for (size_t r = 0; r < sizeof requests / sizeof requests[0]; r++) {
    check_run(b, &icn_fake_plain, &requests[r], r % 2 == 0 ? ICN_DEVICE_CPU : ICN_DEVICE_GPU, seed);
    check_run(b, &icn_fake_two_launches, &requests[r], r % 2 == 0 ? ICN_DEVICE_CPU : ICN_DEVICE_GPU, seed);
    check_run(b, &icn_fake_compact, &requests[r], r % 2 == 0 ? ICN_DEVICE_CPU : ICN_DEVICE_GPU, seed);
    check_run(b, &icn_fake_model_order, &requests[r], r % 2 == 0 ? ICN_DEVICE_CPU : ICN_DEVICE_GPU, seed);
    check_run(b, &(icn_row_table){icn_row_at, icn_row_count()}, &requests[r], r % 2 == 0 ? ICN_DEVICE_CPU : ICN_DEVICE_GPU, seed);
  }
}
