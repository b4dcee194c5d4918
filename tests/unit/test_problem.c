/* Problems made from nodes: views, keys, counts. */
#include "support/icn_test.h"

#include "problem.h"

static icn_shape shape4(int64_t n, int64_t c, int64_t h, int64_t w) { return icn_shape_make(4, (const int64_t[]){n, c, h, w}); }

static const float ZEROS[16];

/* One node over inputs of the given shapes; constants where the bit in `constant` is set. */
static icn_problem problem_of(icn_op op, const icn_shape *shapes, int count, unsigned constant, const icn_params *params, icn_shape out,
                              int part) {
  icn_allocator allocator = icn_allocator_default();
  icn_graph graph;
  icn_graph_init(&graph, &allocator);
  int inputs[8];
  for (int i = 0; i < count; i++) {
    if ((constant >> i & 1U) != 0) {
      inputs[i] = icn_graph_add_constant(&graph, NULL, &shapes[i], ICN_F32, ZEROS);
    } else {
      inputs[i] = icn_graph_add_value(&graph, NULL, &shapes[i], ICN_F32);
      graph.values[inputs[i]].is_input = true;
    }
  }
  icn_graph_add_node(&graph, op, "node", "", inputs, count, params, NULL, &out);
  icn_error error;
  assert_int_equal(icn_graph_validate(&graph, &error), ICN_OK);
  icn_problem problem = icn_problem_from_node(&graph, &graph.nodes[0], part);
  icn_graph_fini(&graph);
  return problem;
}

static void conv_has_key_and_counts(void **state) {
  (void)state;
  const icn_shape shapes[3] = {shape4(1, 192, 17, 17), shape4(192, 192, 1, 7), icn_shape_make(1, (const int64_t[]){192})};
  icn_params params = {.kernel = {1, 7}, .stride = {1, 1}, .dilation = {1, 1}, .pad_begin = {0, 3}, .pad_end = {0, 3}, .groups = 1};
  icn_problem p = problem_of(ICN_OP_CONV, shapes, 3, 6, &params, shape4(1, 192, 17, 17), 0);
  p.epilogue.function = ICN_FN_RELU;
  p.in[0] = icn_view_device(&shapes[0], 0);
  p.out = icn_view_device(&p.out.shape, 0);
  char key[ICN_KEY_BYTES];
  assert_string_equal(icn_problem_key(&p, key), "conv 1x192x17x17 k192 r1x7 s1x1 p0,3 bias relu f32");
  assert_true(icn_problem_flop(&p) == 2.0 * 192 * 289 * 192 * 7);
  assert_true(icn_problem_bytes(&p) == 4.0 * (2 * 192 * 289 + 192 * 192 * 7 + 192));
  p.out = icn_view_device(&p.out.shape, 768);
  p.out.offset = 192;
  assert_string_equal(icn_problem_key(&p, key), "conv 1x192x17x17 k192 r1x7 s1x1 p0,3 bias y:/768+192 relu f32");
  p.constant = 0;
  assert_non_null(strstr(icn_problem_key(&p, key), "w:var"));
}

static void concat_parts_tile_the_output(void **state) {
  (void)state;
  const icn_shape shapes[3] = {shape4(2, 3, 2, 2), shape4(2, 1, 2, 2), shape4(2, 4, 2, 2)};
  icn_params params = {.axis = 1};
  const int64_t offsets[3] = {0, 12, 16};
  for (int part = 0; part < 3; part++) {
    icn_problem p = problem_of(ICN_OP_CONCAT, shapes, 3, 0, &params, shape4(2, 8, 2, 2), part);
    assert_int_equal(p.op, ICN_OP_COPY);
    assert_true(icn_shape_equal(&p.in[0].shape, &p.out.shape));
    assert_int_equal(p.out.offset, offsets[part]);
    assert_int_equal(p.out.stride[0], 32);
    assert_int_equal(p.out.stride[1], 4);
  }
}

static void slice_transpose_expand_are_views(void **state) {
  (void)state;
  icn_shape in = icn_shape_make(2, (const int64_t[]){4, 6});
  icn_params slice = {.begin = {1, 5}, .step = {2, -2}};
  icn_problem p = problem_of(ICN_OP_SLICE, &in, 1, 0, &slice, icn_shape_make(2, (const int64_t[]){2, 3}), 0);
  assert_int_equal(p.in[0].offset, 1 * 6 + 5);
  assert_int_equal(p.in[0].stride[0], 12);
  assert_int_equal(p.in[0].stride[1], -2);
  icn_params transpose = {.perm = {1, 0}};
  p = problem_of(ICN_OP_TRANSPOSE, &in, 1, 0, &transpose, icn_shape_make(2, (const int64_t[]){6, 4}), 0);
  assert_int_equal(p.in[0].stride[0], 1);
  assert_int_equal(p.in[0].stride[1], 6);
  icn_shape column = icn_shape_make(2, (const int64_t[]){4, 1});
  icn_params none = {0};
  p = problem_of(ICN_OP_EXPAND, &column, 1, 0, &none, icn_shape_make(3, (const int64_t[]){2, 4, 3}), 0);
  assert_int_equal(p.in[0].stride[0], 0);
  assert_int_equal(p.in[0].stride[1], 1);
  assert_int_equal(p.in[0].stride[2], 0);
  p = problem_of(ICN_OP_RESHAPE, &in, 1, 0, &none, icn_shape_make(3, (const int64_t[]){2, 4, 3}), 0);
  assert_int_equal(p.in[0].shape.rank, 1);
  assert_int_equal(p.out.shape.dim[0], 24);
}

static void binary_inputs_are_broadcast(void **state) {
  (void)state;
  const icn_shape shapes[2] = {shape4(2, 3, 4, 5), icn_shape_make(3, (const int64_t[]){3, 1, 1})};
  icn_params params = {.function = ICN_FN_MUL};
  icn_problem p = problem_of(ICN_OP_BINARY, shapes, 2, 2, &params, shapes[0], 0);
  assert_true(icn_shape_equal(&p.in[1].shape, &shapes[0]));
  assert_int_equal(p.in[1].stride[0], 0);
  assert_int_equal(p.in[1].stride[1], 1);
  assert_int_equal(p.in[1].stride[3], 0);
  assert_true(icn_problem_bytes(&p) == 4.0 * (120 + 120 + 3));
}

/* Two problems that differ in one field have different keys. */
static void keys_tell_problems_apart(void **state) {
  (void)state;
  const icn_shape shapes[3] = {shape4(1, 8, 9, 9), shape4(8, 8, 3, 3), icn_shape_make(1, (const int64_t[]){8})};
  icn_params params = {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .pad_begin = {1, 1}, .pad_end = {1, 1}, .groups = 1};
  icn_problem base = problem_of(ICN_OP_CONV, shapes, 3, 6, &params, shape4(1, 8, 9, 9), 0);
  icn_problem v[13];
  for (int i = 0; i < 13; i++) v[i] = base;
  v[1].params.dilation[0] = 2;
  v[2].params.pad_end[1] = 2;
  v[3].params.groups = 8;
  v[4].present &= ~4U;
  v[5].epilogue = (icn_epilogue){ICN_FN_CLIP, 0.0F, 6.0F, 0};
  v[6].epilogue = (icn_epilogue){ICN_FN_CLIP, 0.0F, 1.0F, 0};
  v[7].in[0] = icn_view_device(&shapes[0], 0);
  v[8].in[0] = icn_view_device(&shapes[0], 16);
  v[9].in[0].stride[3] = -1;
  v[10].out.offset = 4;
  v[11].constant = 4;
  v[12].epilogue = (icn_epilogue){ICN_FN_CLIP, 0.0F, 6.0F, 4};
  char a[ICN_KEY_BYTES], b[ICN_KEY_BYTES];
  for (int i = 0; i < 13; i++) {
    for (int j = 0; j < i; j++) assert_string_not_equal(icn_problem_key(&v[i], a), icn_problem_key(&v[j], b));
  }
}

static void long_keys_end_in_a_hash(void **state) {
  (void)state;
  icn_problem p;
  memset(&p, 0, sizeof p);
  p.op = ICN_OP_BINARY;
  p.params.function = ICN_FN_ADD;
  p.present = 3;
  int64_t dims[8];
  for (int k = 0; k < 8; k++) dims[k] = 1000000000000LL + k;
  p.out.shape = p.in[0].shape = p.in[1].shape = icn_shape_make(8, dims);
  for (int k = 0; k < 8; k++) p.out.stride[k] = p.in[0].stride[k] = p.in[1].stride[k] = 1000000000000LL * (k + 2);
  char a[ICN_KEY_BYTES], b[ICN_KEY_BYTES];
  icn_problem_key(&p, a);
  p.out.stride[7]++;
  icn_problem_key(&p, b);
  assert_true(strlen(a) < ICN_KEY_BYTES && strchr(a, '#') != NULL);
  assert_string_not_equal(a, b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conv_has_key_and_counts),          cmocka_unit_test(concat_parts_tile_the_output),
      cmocka_unit_test(slice_transpose_expand_are_views), cmocka_unit_test(binary_inputs_are_broadcast),
      cmocka_unit_test(keys_tell_problems_apart),         cmocka_unit_test(long_keys_end_in_a_hash),
  };
  return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
