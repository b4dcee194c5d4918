/* Parts of a problem: every kernel case's reference agrees with that of boxes cut out of it, in both layouts. And the check that stands on
 * them: it takes what is right, and finds what is wrong. */
#include <math.h>

#include "cases.h"
#include "part_check.h"
#include "problem_part.h"
#include "ref.h"
#include "support/icn_test.h"

static const double MOST_FLOP = 2e6;

static uint32_t next_random(uint32_t *seed) {
  *seed = *seed * 1664525U + 1013904223U;
  return *seed >> 8;
}

/* A case's tensors where the views of its problem want them. */
typedef struct stage {
  icn_problem problem;
  icn_case_data data;
  float *base[ICN_MAX_INPUTS], *out;
} stage;

static void scatter(const icn_view *view, const float *dense, float *base) {
  int64_t index[ICN_MAX_RANK] = {0}, at = view->offset;
  for (int64_t i = 0; i < icn_shape_elems(&view->shape); i++) {
    memcpy(&base[at], &dense[i], sizeof *base);
    for (int k = view->shape.rank - 1; k >= 0; k--) {
      at += view->stride[k];
      if (++index[k] < view->shape.dim[k]) break;
      at -= view->stride[k] * view->shape.dim[k];
      index[k] = 0;
    }
  }
}

static float *room_for(const icn_view *view, const float *dense) {
  float *base = calloc((size_t)icn_view_extent(view) + 1, sizeof *base);
  assert_non_null(base);
  scatter(view, dense, base);
  return base;
}

/* False for a case without this layout, without elements, or one that takes long. */
static bool stage_open(stage *s, const icn_case *c, icn_case_layout layout, double most_flop) {
  icn_error error;
  memset(s, 0, sizeof *s);
  if (icn_problem_flop(&c->problem) > most_flop || (double)icn_shape_elems(&c->problem.out.shape) > most_flop / 10) return false;
  if (!icn_case_problem(c, layout, &s->problem) || icn_shape_elems(&c->problem.out.shape) == 0) return false;
  if (icn_case_data_make(&s->data, c, ICN_CASE_RANDOM, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  for (int i = 0; i < ICN_MAX_INPUTS; i++)
    if (icn_problem_has(&s->problem, i)) s->base[i] = room_for(&s->problem.in[i], s->data.input[i]);
  s->out = room_for(&s->problem.out, s->data.want);
  return true;
}

static void stage_close(stage *s) {
  for (int i = 0; i < ICN_MAX_INPUTS; i++) free(s->base[i]);
  free(s->out);
  icn_case_data_free(&s->data);
}

/* ------------------------------------------------------------------- parts */

static icn_box random_box(const icn_shape *shape, uint32_t *seed) {
  icn_box box;
  memset(&box, 0, sizeof box);
  for (int k = 0; k < shape->rank; k++) {
    box.first[k] = (int64_t)(next_random(seed) % (uint32_t)shape->dim[k]);
    box.count[k] = 1 + (int64_t)(next_random(seed) % (uint32_t)icn_min64(shape->dim[k] - box.first[k], 3));
  }
  box.slack = (int64_t)(next_random(seed) % 3);
  return box;
}

/* The reference of the part, written where the whole's own result stands, gives the same bits. */
static size_t try_box(stage *s, icn_box box, const char *name) {
  icn_problem part;
  icn_error error;
  const void *in[ICN_MAX_INPUTS];
  for (int i = 0; i < ICN_MAX_INPUTS; i++) in[i] = s->base[i];
  icn_problem_part(&s->problem, &box, &part);
  const size_t elems = (size_t)icn_view_extent(&s->problem.out), count = (size_t)icn_shape_elems(&part.out.shape);
  float *out = malloc((elems + 1) * sizeof *out);
  assert_non_null(out);
  for (size_t i = 0; i < elems; i++) out[i] = s->out[i];
  assert_true(count > 0);
  int64_t wanted = 1;
  for (int k = 0; k < part.out.shape.rank; k++) {
    assert_int_equal(part.out.shape.dim[k], box.count[k]);
    assert_true(box.first[k] >= 0 && box.first[k] + box.count[k] <= s->problem.out.shape.dim[k]);
    wanted *= box.count[k];
  }
  assert_int_equal(wanted, count);
  float *dense = malloc(count * sizeof *dense);
  assert_non_null(dense);
  for (size_t i = 0; i < count; i++) dense[i] = NAN;
  scatter(&part.out, dense, out); /* what the part does not write is seen */
  if (icn_ref_compute(&part, in, out, NULL, &error) != ICN_OK) fail_msg("%s: %s", name, error.message);
  for (size_t i = 0; i < elems; i++) {
    const bool same = out[i] == s->out[i] || (isnan(out[i]) && isnan(s->out[i]));
    if (!same) fail_msg("%s: element %zu is %g in the part, %g in the whole", name, i, (double)out[i], (double)s->out[i]);
  }
  free(dense);
  free(out);
  return count;
}

static void parts_are_what_the_whole_is(void **state) {
  (void)state;
  uint32_t seed = 7;
  size_t boxes = 0, cut = 0;
  for (size_t family = 0; icn_case_family(family) != NULL; family++) {
    icn_case_list list;
    icn_error error;
    if (icn_cases_make(icn_case_family(family), NULL, &list, &error) != ICN_OK) fail_msg("%s", error.message);
    for (size_t i = 0; i < list.count; i++) {
      for (icn_case_layout layout = ICN_CASE_DENSE; layout < ICN_CASE_LAYOUTS; layout++) {
        stage s;
        char key[ICN_KEY_BYTES];
        if (!stage_open(&s, &list.cases[i], layout, MOST_FLOP)) continue;
        (void)icn_problem_key(&s.problem, key);
        for (int n = 0; n < 6; n++, boxes++)
          cut += try_box(&s, random_box(&s.problem.out.shape, &seed), key) < (size_t)icn_shape_elems(&s.problem.out.shape);
        stage_close(&s);
      }
    }
    icn_cases_free(&list);
  }
  print_message("%zu boxes, %zu of them a part\n", boxes, cut);
  assert_true(boxes > 2000 && cut * 10 > boxes * 7);
}

/* ------------------------------------------------------------------- check */

static icn_part_check checked(const stage *s, const icn_row *row, const icn_config *config) {
  icn_part_check check;
  icn_error error;
  const icn_allocator allocator = icn_allocator_default();
  const void *in[ICN_MAX_INPUTS];
  for (int i = 0; i < ICN_MAX_INPUTS; i++) in[i] = s->base[i];
  if (icn_check_parts(&s->problem, row, config, in, s->out, &allocator, &check, &error) != ICN_OK) fail_msg("%s", error.message);
  return check;
}

/* Any row of the operation: its tolerance is what counts. */
static const icn_row *row_of(icn_op op) {
  for (size_t i = 0; i < icn_row_count(); i++)
    if (icn_row_at(i)->op == op && strncmp(icn_row_at(i)->name, "winograd", 8) != 0) return icn_row_at(i);
  return NULL;
}

static void what_the_reference_computes_is_right(void **state) {
  (void)state;
  const icn_config config = {{0}};
  size_t seen = 0, compared = 0;
  for (size_t family = 0; icn_case_family(family) != NULL; family++) {
    icn_case_list list;
    icn_error error;
    if (icn_cases_make(icn_case_family(family), NULL, &list, &error) != ICN_OK) fail_msg("%s", error.message);
    for (size_t i = 0; i < list.count; i++) {
      stage s;
      const icn_row *row = row_of(list.cases[i].problem.op);
      if (row == NULL || !stage_open(&s, &list.cases[i], ICN_CASE_DENSE, MOST_FLOP)) continue;
      const icn_part_check check = checked(&s, row, &config);
      if (check.wrong) fail_msg("%s", check.text);
      assert_true(check.compared > 0 && check.part <= 1);
      compared += check.compared;
      seen++;
      stage_close(&s);
    }
    icn_cases_free(&list);
  }
  print_message("%zu cases, %zu elements compared\n", seen, compared);
  assert_true(seen > 500);
}

static icn_case_list one_conv(int64_t channels, int64_t size) {
  icn_case_list list;
  icn_params params;
  memset(&list, 0, sizeof list);
  memset(&params, 0, sizeof params);
  list.allocator = icn_allocator_default();
  params.groups = 1;
  for (int k = 0; k < 2; k++) {
    params.kernel[k] = 3;
    params.stride[k] = params.dilation[k] = params.pad_begin[k] = params.pad_end[k] = 1;
  }
  (void)icn_case_add_conv(&list, 1, channels, size, size, 32, &params, 0);
  return list;
}

/* In a problem that is too large to be compared as a whole: everything that a broken kernel does to more than a few elements. */
static void what_kernels_do_wrong_is_found(void **state) {
  (void)state;
  enum { SIZE = 24, OC = 32 };
  icn_case_list list = one_conv(48, SIZE);
  const icn_config direct = {{0}}, winograd = {{4}};
  const icn_row *rows[2] = {icn_row_find("conv_direct"), icn_row_find("winograd_3x3")};
  stage s;
  assert_true(stage_open(&s, &list.cases[0], ICN_CASE_DENSE, 1e9));
  const size_t elems = (size_t)icn_view_extent(&s.problem.out);
  float *right = malloc(elems * sizeof *right);
  assert_non_null(right);
  memcpy(right, s.out, elems * sizeof *right);
  for (int r = 0; r < 2; r++) {
    assert_non_null(rows[r]);
    const icn_config *config = r == 0 ? &direct : &winograd;
    for (int how = 0; how < 9; how++) {
      memcpy(s.out, right, elems * sizeof *right);
      for (size_t i = 0; i < elems; i++) { /* NHWC */
        const size_t oc = i % OC, x = i / OC % SIZE, y = i / OC / SIZE;
        const bool hit[] = {false,         i == elems / 3, i == elems / 2, oc == 17, oc % 16 == 15,
                            y == SIZE - 1, x % 8 == 7,     x < 4 && y < 4, oc >= 24};
        if (!hit[how]) continue;
        if (how == 1)
          s.out[i] = NAN;
        else if (how == 2)
          memcpy(&s.out[i], &(uint32_t){ICN_UNWRITTEN}, 4);
        else
          s.out[i] += 0.1F; /* results are about 7 */
      }
      const icn_part_check check = checked(&s, rows[r], config);
      if (check.wrong != (how > 0)) fail_msg("row %s, kind %d: %s", rows[r]->name, how, check.wrong ? check.text : "not found");
      assert_true(how == 0 || strstr(check.text, "element ") != NULL);
      assert_true(how != 2 || strstr(check.text, "was not written") != NULL);
      assert_true(check.elements == elems && check.compared < elems);
    }
  }
  free(right);
  stage_close(&s);
  icn_cases_free(&list);
}

/* Of sums that overflow nobody knows more than that they do; one that was never written is wrong all the same. */
static void sums_that_overflow_are_no_alarm(void **state) {
  (void)state;
  const icn_config config = {{0}};
  icn_case_list list = one_conv(48, 24);
  stage s;
  assert_true(stage_open(&s, &list.cases[0], ICN_CASE_DENSE, 1e9));
  const size_t weights = (size_t)icn_view_extent(&s.problem.in[ICN_CONV_WEIGHT]), elems = (size_t)icn_view_extent(&s.problem.out);
  float *weight = malloc(weights * sizeof *weight);
  assert_non_null(weight);
  float *given = s.base[ICN_CONV_WEIGHT];
  for (size_t i = 0; i < weights; i++) weight[i] = i % 2 == 0 ? 3e38F : -3e38F;
  s.base[ICN_CONV_WEIGHT] = weight;
  for (int how = 0; how < 3; how++) {
    for (size_t i = 0; i < elems; i++) {
      s.out[i] = how == 0 ? INFINITY : 1;
      if (how == 2 && i % 7 == 0) memcpy(&s.out[i], &(uint32_t){ICN_UNWRITTEN}, 4);
    }
    const icn_part_check check = checked(&s, icn_row_find("conv_direct"), &config);
    if (check.wrong != (how > 0)) fail_msg("kind %d: %s", how, check.wrong ? check.text : "not found");
  }
  s.base[ICN_CONV_WEIGHT] = given;
  free(weight);
  stage_close(&s);
  icn_cases_free(&list);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_are_what_the_whole_is),
      cmocka_unit_test(what_the_reference_computes_is_right),
      cmocka_unit_test(what_kernels_do_wrong_is_found),
      cmocka_unit_test(sums_that_overflow_are_no_alarm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
