/* Loops over views: merging, broadcasting, order; how work is cut into items and groups. */

#include "row_support.h"
#include "support/icn_test.h"

enum { LAST = ICN_LOOP_RANK - 1 };

static icn_view dense(int rank, const int64_t *dim) {
  icn_shape shape = icn_shape_make(rank, dim);
  return icn_view_dense(&shape);
}

static icn_loop loop_of(const icn_shape *shape, const icn_view *a, const icn_view *b) {
  const icn_view *views[] = {a, b};
  return icn_loop_make(shape, views, b == NULL ? 1 : 2);
}

static void dense_views_become_one_dim(void **state) {
  (void)state;
  icn_view view = dense(4, (const int64_t[]){2, 1, 3, 5});
  icn_loop loop = loop_of(&view.shape, &view, &view);
  assert_int_equal(loop.rank, 1);
  assert_int_equal(loop.dim[LAST], 30);
  assert_int_equal(loop.stride[1][LAST], 1);
  assert_int_equal(loop.dim[LAST - 1], 1);
  assert_int_equal(icn_loop_elems(&loop), 30);
}

static void layout_changes_keep_three_dims(void **state) {
  (void)state;
  icn_view model = dense(4, (const int64_t[]){2, 3, 5, 7});
  icn_view device = icn_view_device(&model.shape, 0);
  icn_loop loop = loop_of(&model.shape, &device, &model); /* to NHWC: n, pixel, c */
  assert_int_equal(loop.rank, 3);
  assert_int_equal(loop.dim[LAST], 3);
  assert_int_equal(loop.dim[LAST - 1], 35);
  assert_int_equal(loop.dim[LAST - 2], 2);
  assert_int_equal(loop.stride[0][LAST], 1);
  assert_int_equal(loop.stride[1][LAST], 35);
  icn_loop outer = icn_loop_outer(&loop);
  assert_int_equal(outer.rank, 2);
  assert_int_equal(outer.dim[LAST], 35);
  assert_int_equal(outer.stride[1][LAST - 1], 105);
  assert_int_equal(icn_loop_elems(&outer), 70);
}

static void repeated_dims_have_stride_0(void **state) {
  (void)state;
  icn_view out = dense(3, (const int64_t[]){4, 3, 17}), row = dense(1, (const int64_t[]){17}), column = dense(2, (const int64_t[]){3, 1});
  icn_loop loop = loop_of(&out.shape, &out, &row);
  assert_int_equal(loop.rank, 2); /* the two outer dims are one: the row repeats in both */
  assert_int_equal(loop.dim[LAST - 1], 12);
  assert_int_equal(loop.stride[1][LAST - 1], 0);
  assert_true(icn_loop_has_runs(&loop, 2, 17, NULL));
  assert_false(icn_loop_has_runs(&loop, 2, 18, NULL));
  loop = loop_of(&out.shape, &out, &column);
  assert_int_equal(loop.rank, 3);
  assert_int_equal(loop.stride[1][LAST - 1], 1);
  assert_int_equal(loop.stride[1][LAST], 0);
}

static void masked_dims_are_left_out(void **state) {
  (void)state;
  icn_view view = dense(4, (const int64_t[]){2, 3, 5, 7});
  const icn_view *views[] = {&view};
  icn_loop loop = icn_loop_make_masked(&view.shape, 0xC, views, 1);
  assert_int_equal(icn_loop_elems(&loop), 35);
  assert_int_equal(loop.rank, 1);
  loop = icn_loop_make_masked(&view.shape, 0x5, views, 1);
  assert_int_equal(loop.rank, 2);
  assert_int_equal(loop.stride[0][LAST], 7);
  loop = icn_loop_make_masked(&view.shape, 0, views, 1);
  assert_int_equal(loop.rank, 1);
  assert_int_equal(icn_loop_elems(&loop), 1);
}

static void runs_say_why_not(void **state) {
  (void)state;
  icn_view out = dense(2, (const int64_t[]){6, 32}), in = out;
  in.stride[1] = 2;
  in.stride[0] = 64;
  icn_loop loop = loop_of(&out.shape, &out, &in);
  icn_reason why;
  assert_false(icn_loop_has_runs(&loop, 2, 16, &why));
  assert_string_equal(why.text, "input 0 has stride 2 along the output's runs");
  loop = loop_of(&out.shape, &in, &out);
  assert_false(icn_loop_has_runs(&loop, 2, 16, &why));
  assert_string_equal(why.text, "the output has no runs of adjacent elements");
}

/* Every element of every run belongs to exactly one item. */
static void cuts_cover_everything(void **state) {
  (void)state;
  for (int64_t run = 1; run < 70; run += 7)
    for (int64_t outer = 1; outer < 300; outer += 13)
      for (int vector = 4; vector <= 16; vector *= 4) {
        icn_run_cut cut = icn_run_cut_make(run, outer, vector, 64);
        assert_int_equal(cut.chunk % vector, 0);
        assert_true(cut.rows >= 1 && cut.rows <= outer);
        assert_true(icn_div_up(run, cut.chunk) * cut.chunk >= run);
        assert_true(cut.chunk * cut.rows <= (cut.chunk > 64 ? cut.chunk : 64));
      }
}

static void ranges_keep_the_device_limits(void **state) {
  (void)state;
  icn_device_desc device = icn_device_desc_example(ICN_DEVICE_GPU);
  icn_launch launch;
  for (uint64_t limit = 1; limit <= 256; limit *= 4) {
    device.max_work_group = limit;
    memset(&launch, 0, sizeof launch);
    icn_launch_items(&launch, &device, 1000);
    assert_int_equal(launch.global[0] % launch.local[0], 0);
    assert_true(launch.global[0] >= 1000 && launch.local[0] <= limit);
    icn_launch_grid(&launch, &device, 64, true, 5, 100, 3);
    assert_true(launch.local[0] * launch.local[1] <= limit);
    assert_true(launch.global[0] >= 5 && launch.global[1] >= 100);
    assert_int_equal(launch.global[2], 3);
    icn_launch_grid(&launch, &device, 64, false, 5, 100, 3);
    assert_int_equal(launch.local[1], 1);
    assert_int_equal(launch.global[1], 100);
  }
}

static double unary_cost(icn_function function) {
  const icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  const icn_row *row = icn_row_find("unary");
  icn_problem problem;
  icn_config config;
  memset(&problem, 0, sizeof problem);
  memset(&config, 0, sizeof config);
  problem.op = ICN_OP_UNARY;
  problem.present = 1;
  problem.params.function = function;
  problem.in[0] = problem.out = dense(1, (const int64_t[]){1 << 20});
  assert_non_null(row);
  return row->cost(&problem, &device, &config);
}

static void one_instruction_functions_are_cheap(void **state) {
  (void)state;
  static const icn_function cheap[] = {ICN_FN_ABS, ICN_FN_NEG, ICN_FN_FLOOR, ICN_FN_CEIL, ICN_FN_SQUARE, ICN_FN_SIGN, ICN_FN_ROUND};
  for (size_t i = 0; i < sizeof cheap / sizeof cheap[0]; i++) {
    assert_true(unary_cost(cheap[i]) == unary_cost(ICN_FN_ABS));
    assert_true(unary_cost(cheap[i]) < unary_cost(ICN_FN_EXP));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dense_views_become_one_dim),
      cmocka_unit_test(layout_changes_keep_three_dims),
      cmocka_unit_test(repeated_dims_have_stride_0),
      cmocka_unit_test(masked_dims_are_left_out),
      cmocka_unit_test(runs_say_why_not),
      cmocka_unit_test(cuts_cover_everything),
      cmocka_unit_test(ranges_keep_the_device_limits),
      cmocka_unit_test(one_instruction_functions_are_cheap),
  };
  return cmocka_run_group_tests_name("row_loops", tests, NULL, NULL);
}
