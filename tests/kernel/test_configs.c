/* Configurations from anywhere on every row that can be tuned: those that a row takes must compute what the reference does, on a device.
 * And every case on the rows for GPUs with a depth in parts, which they choose by themselves only where a device is large.
 * ICN_TEST_CONFIGS: how many of each row (default 3: each may need a program of its own). ICN_TEST_ROWS = comma-separated row names
 * (default: all). */
#include "kernel_check.h"
#include "row_gpu_split.h"
#include "row_space.h"
#include "support/icn_test.h"

enum { TRIES_EACH = 100, MOST_PICKS = 5000, FAMILIES = 2 };
static const double MOST_FLOP = 1e8;
static const char *const FAMILY[FAMILIES] = {"conv", "matmul"};

typedef struct fixture {
  icn_context *context;
  icn_runtime *runtime;
  icn_case_list lists[FAMILIES];
  uint32_t seed;
  size_t taken, refused;
} fixture;

static uint32_t next_random(uint32_t *seed) {
  *seed = *seed * 1664525U + 1013904223U;
  return *seed >> 8;
}

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  *state = &f;
  f.seed = 1;
  assert_int_equal(icn_context_create(NULL, &f.context, &error), ICN_OK);
  for (int i = 0; i < FAMILIES; i++)
    if (icn_cases_make(FAMILY[i], NULL, &f.lists[i], &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_context_device_count(f.context) == 0) return 0;
  if (icn_runtime_create(f.context, icn_context_device(f.context, 0), NULL, &f.runtime, &error) != ICN_OK) fail_msg("%s", error.message);
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  for (int i = 0; i < FAMILIES; i++) icn_cases_free(&f->lists[i]);
  icn_runtime_destroy(f->runtime);
  icn_context_destroy(f->context);
  return 0;
}

/* Half of them small numbers all over, half of them a good configuration with one value changed. */
static icn_config any_config(fixture *f, const icn_row *row, const icn_problem *p, const icn_device_desc *device) {
  static const int32_t ODD[] = {-1, 0, 1, 2, 3, 4, 6, 7, 8, 9, 14, 16, 32, 33, 56, 63, 64, 65, 1 << 20, INT32_MAX};
  icn_config config;
  const size_t count = icn_row_space(row, p, device, 0, &config);
  (void)icn_row_space(row, p, device, next_random(&f->seed) % count, &config);
  const bool all = next_random(&f->seed) % 2 == 0;
  for (int i = 0; i < (all ? 6 : 1); i++)
    config.value[all ? (uint32_t)i : next_random(&f->seed) % 8] = ODD[next_random(&f->seed) % (sizeof ODD / sizeof ODD[0])];
  return config;
}

/* A small case in some layout that the row applies to. */
static const icn_case *any_case(fixture *f, const icn_row *row, icn_problem *problem) {
  const icn_case_list *list = &f->lists[row->op == ICN_OP_CONV ? 0 : 1];
  for (int pick = 0; pick < MOST_PICKS; pick++) {
    const icn_case *c = &list->cases[next_random(&f->seed) % list->count];
    const icn_case_layout layout = next_random(&f->seed) % 2 == 0 ? ICN_CASE_STRIDED : ICN_CASE_DENSE;
    if (c->problem.op != row->op || (c->flags & ICN_CASE_SPECIAL) != 0 || icn_problem_flop(&c->problem) > MOST_FLOP) continue;
    if (!icn_case_problem(c, layout, problem) || !icn_row_common_ok(problem, NULL)) continue;
    if (row->applies(problem, icn_runtime_desc(f->runtime), NULL)) return c;
  }
  return NULL;
}

/* False when the row does not take that. */
static bool try_one(fixture *f, const icn_row *row) {
  const icn_device_desc *device = icn_runtime_desc(f->runtime);
  icn_problem problem;
  icn_case_data data;
  icn_check_bounds bounds;
  icn_check_result result;
  icn_error error;
  const icn_case *c = any_case(f, row, &problem);
  if (c == NULL) return false;
  const icn_config config = any_config(f, row, &problem, device);
  if (!icn_row_takes(row, &problem, device, &config, NULL)) {
    f->refused++;
    return false;
  }
  f->taken++;
  memset(&bounds, 0, sizeof bounds);
  const icn_case_mode mode = icn_case_has_mode(c, ICN_CASE_EXACT) ? ICN_CASE_EXACT : ICN_CASE_RANDOM;
  if (icn_case_data_make(&data, c, mode, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  icn_kernel_check_config(f->runtime, device, row, &config, &problem, &data, &bounds, false, &result);
  icn_check_bounds_free(&bounds, &data);
  icn_case_data_free(&data);
  if (result.outcome == ICN_CHECK_RIGHT) return true;
  if (result.outcome == ICN_CHECK_DECLINED) return false; /* compiled, it is above the device's limits: the executor takes another */
  char key[ICN_KEY_BYTES];
  fail_msg("%s on %s with %d,%d,%d,%d,%d,%d: %s", row->name, icn_problem_key(&problem, key), (int)config.value[0], (int)config.value[1],
           (int)config.value[2], (int)config.value[3], (int)config.value[4], (int)config.value[5], result.text);
  return false;
}

static bool is_wanted(const icn_row *row, const icn_device_desc *device) {
  const char *list = getenv("ICN_TEST_ROWS");
  return icn_row_device_ok(row, device, NULL) && (list == NULL || *list == '\0' || icn_list_has(list, row->name));
}

static void what_a_row_takes_it_computes(void **state) {
  fixture *f = *state;
  if (f->runtime == NULL) skip();
  const icn_device_desc *device = icn_runtime_desc(f->runtime);
  const int wanted = getenv("ICN_TEST_CONFIGS") != NULL ? atoi(getenv("ICN_TEST_CONFIGS")) : 3;
  size_t rows = 0;
#define ICN_SPACE(name, space, valid)                                                                  \
  {                                                                                                    \
    const icn_row *row = icn_row_find(name);                                                           \
    const int most = is_wanted(row, device) ? wanted * TRIES_EACH : 0;                                 \
    int done = 0;                                                                                      \
    for (int tries = 0; tries < most && done < wanted; tries++) done += try_one(f, row);               \
    if (done < wanted && most > 0) print_message("%s: only %d configurations were run\n", name, done); \
    rows += done > 0;                                                                                  \
  }
#include "spaces.def"
#undef ICN_SPACE
  print_message("%zu rows: %zu configurations taken and right, %zu refused\n", rows, f->taken, f->refused);
  assert_true((rows >= 5 || getenv("ICN_TEST_ROWS") != NULL) && f->refused > f->taken);
}

/* The row's own tile with a depth in 2, 4 or 8 parts; false where the depth has not so many steps. */
static bool try_parts(fixture *f, const icn_row *row, icn_case *c, size_t number) {
  static const int32_t PARTS[] = {2, 8, 4};
  const icn_device_desc *device = icn_runtime_desc(f->runtime);
  icn_problem problem;
  icn_config config;
  icn_case_data data;
  icn_check_bounds bounds;
  icn_check_result result;
  icn_error error;
  char key[ICN_KEY_BYTES];
  c->problem.precision = number % 5 == 0 ? ICN_PRECISION_FP16W : ICN_PRECISION_FP32;
  if (c->problem.op != row->op || icn_problem_flop(&c->problem) > MOST_FLOP || !icn_row_common_ok(&c->problem, NULL)) return false;
  if (!icn_case_problem(c, number % 2 == 0 ? ICN_CASE_STRIDED : ICN_CASE_DENSE, &problem) || !row->applies(&problem, device, NULL))
    return false;
  row->configure(&problem, device, &config);
  config.value[ICN_SPLIT] = PARTS[number % 3];
  if (!icn_row_takes(row, &problem, device, &config, NULL)) return false;
  memset(&bounds, 0, sizeof bounds);
  const icn_case_mode mode = icn_case_has_mode(c, ICN_CASE_EXACT) && number % 4 < 2 ? ICN_CASE_EXACT : ICN_CASE_RANDOM;
  if (icn_case_data_make(&data, c, mode, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  icn_kernel_check_config(f->runtime, device, row, &config, &problem, &data, &bounds, true, &result);
  icn_check_bounds_free(&bounds, &data);
  icn_case_data_free(&data);
  if (result.outcome == ICN_CHECK_RIGHT || result.outcome == ICN_CHECK_DECLINED) return result.outcome == ICN_CHECK_RIGHT;
  fail_msg("%s on %s in %d parts: %s", row->name, icn_problem_key(&problem, key), (int)config.value[ICN_SPLIT], result.text);
  return false;
}

static void a_depth_in_parts_gives_what_the_whole_does(void **state) {
  static const struct {
    const char *row;
    size_t least; /* cases, on a device that takes it at all */
  } ROWS[] = {{"conv_gpu", 60}, {"conv_item", 60}, {"matmul_packed_gpu", 10}, {"matmul_item", 20}};
  fixture *f = *state;
  if (f->runtime == NULL) skip();
  for (size_t r = 0; r < sizeof ROWS / sizeof ROWS[0]; r++) {
    const icn_row *row = icn_row_find(ROWS[r].row);
    icn_case_list *list = &f->lists[row->op == ICN_OP_CONV ? 0 : 1];
    size_t done = 0, turned = 0;
    for (size_t i = 0; i < list->count; i++) {
      if (!try_parts(f, row, &list->cases[i], i)) continue;
      done++;
      turned += list->cases[i].problem.turned != 0 ? 1 : 0;
    }
    print_message("%s: %zu cases in parts, %zu with turned lines\n", row->name, done, turned);
    if (done < ROWS[r].least) fail_msg("%s: only %zu cases in parts", row->name, done);
    if (row->op == ICN_OP_CONV && turned == 0) fail_msg("%s: no turned line in parts", row->name);
  }
}

/* The case, small enough, for which the row has the most configurations. */
static icn_case *richest_case(fixture *f, const icn_row *row, icn_problem *problem) {
  const icn_device_desc *device = icn_runtime_desc(f->runtime);
  icn_case_list *list = &f->lists[row->op == ICN_OP_CONV ? 0 : 1];
  icn_case *best = NULL;
  size_t most = 0;
  for (size_t i = 0; i < list->count; i++) {
    icn_case *c = &list->cases[i];
    if (c->problem.op != row->op || (c->flags & ICN_CASE_SPECIAL) != 0 || icn_problem_flop(&c->problem) > MOST_FLOP) continue;
    if (!icn_case_problem(c, ICN_CASE_DENSE, problem) || !icn_row_common_ok(problem, NULL) || !row->applies(problem, device, NULL))
      continue;
    const size_t count = icn_row_space(row, problem, device, 0, NULL);
    if (count <= most) continue;
    most = count;
    best = c;
  }
  if (best != NULL) (void)icn_case_problem(best, ICN_CASE_DENSE, problem);
  return best;
}

/* Every tile of a row on one problem that has use for each of them; those with items of 8 rows in two parts, too. */
static size_t try_tiles(fixture *f, const icn_row *row, icn_case *c, const icn_problem *problem) {
  const icn_device_desc *device = icn_runtime_desc(f->runtime);
  icn_case_data data;
  icn_check_bounds bounds;
  icn_error error;
  size_t done = 0;
  memset(&bounds, 0, sizeof bounds);
  if (icn_case_data_make(&data, c, ICN_CASE_RANDOM, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  for (size_t i = 0; i < icn_row_space(row, problem, device, 0, NULL); i++) {
    icn_config config;
    icn_check_result result;
    (void)icn_row_space(row, problem, device, i, &config);
    const int32_t *v = config.value;
    if (v[ICN_SPLIT] > (v[ICN_GPU_ROWS] == 8 ? 2 : 0)) continue;
    icn_kernel_check_config(f->runtime, device, row, &config, problem, &data, &bounds, false, &result);
    if (result.outcome != ICN_CHECK_RIGHT && result.outcome != ICN_CHECK_DECLINED)
      fail_msg("%s %d,%d,%d,%d: %s", row->name, (int)v[0], (int)v[1], (int)v[2], (int)v[3], result.text);
    done += result.outcome == ICN_CHECK_RIGHT ? 1 : 0;
  }
  icn_check_bounds_free(&bounds, &data);
  icn_case_data_free(&data);
  return done;
}

static void every_tile_for_gpus_is_right(void **state) {
  static const struct {
    const char *row;
    size_t least; /* tiles, on a device that has room for them */
  } ROWS[] = {{"conv_gpu", 13}, {"matmul_packed_gpu", 13}, {"conv_item", 6}};
  fixture *f = *state;
  if (f->runtime == NULL) skip();
  for (size_t r = 0; r < sizeof ROWS / sizeof ROWS[0]; r++) {
    const icn_row *row = icn_row_find(ROWS[r].row);
    icn_problem problem;
    if (!is_wanted(row, icn_runtime_desc(f->runtime))) continue;
    icn_case *c = richest_case(f, row, &problem);
    if (c == NULL) fail_msg("%s: no case", row->name);
    const size_t done = try_tiles(f, row, c, &problem);
    print_message("%s: %zu tiles\n", row->name, done);
    if (done < ROWS[r].least) fail_msg("%s: only %zu tiles", row->name, done);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_a_row_takes_it_computes),
      cmocka_unit_test(a_depth_in_parts_gives_what_the_whole_does),
      cmocka_unit_test(every_tile_for_gpus_is_right),
  };
  return cmocka_run_group_tests_name("configs", tests, set_up, tear_down);
}
