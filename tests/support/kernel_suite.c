/* The driver of the kernel tests: cases x modes x layouts x devices x rows, with counts. */
#include "kernel_suite.h"

#include "icn_test.h"
#include "kernel_check.h"
#include "os.h"
#include "winograd_bound.h"

enum { MAX_DEVICES = 16, SHOWN_FAILURES = 5, ONCE_FLOP = 30000 };

/* ------------------------------------------------------------ devices */

/* With `one`: what a row is run on. */
typedef struct choice {
  bool made;
  size_t number; /* of the case */
  icn_case_layout layout;
  double size; /* what made it the smallest */
} choice;

typedef struct device_run {
  icn_runtime *runtime;
  const char *name;
  icn_device_desc described; /* as rows see it */
  size_t *ran, *declined;    /* a row each */
  size_t *refused;           /* of those declined: because of the limits of the compiled kernel */
  icn_reason *reason;
  choice *choices;
} device_run;

typedef struct driver {
  icn_context *context;
  device_run devices[MAX_DEVICES];
  int device_count;
  size_t failures;
  bool small, once, one;
} driver;

static bool device_wanted(const char *name) {
  const char *list = getenv("ICN_TEST_DEVICES");
  if (list == NULL || *list == '\0' || strcmp(list, "all") == 0) return true;
  while (*list != '\0') {
    char part[128];
    size_t length = strcspn(list, ",");
    snprintf(part, sizeof part, "%.*s", (int)length, list);
    if (length > 0 && strstr(name, part) != NULL) return true;
    list += length + (list[length] == ',' ? 1 : 0);
  }
  return false;
}

/* The description as ICN_TEST_PRETEND changes it. */
static icn_device_desc pretended(const icn_device_desc *own) {
  icn_device_desc device = *own;
  const char *list = getenv("ICN_TEST_PRETEND");
  if (icn_list_has(list, "vector4")) device.vector_width = 4;
  if (icn_list_has(list, "vector8")) device.vector_width = 8;
  if (icn_list_has(list, "vector16")) device.vector_width = 16;
  if (icn_list_has(list, "gpu")) {
    device.kind = ICN_DEVICE_GPU;
    device.local_is_real = true;
  }
  return device;
}

static void driver_open(driver *d) {
  icn_error error;
  memset(d, 0, sizeof *d);
  const char *which = getenv("ICN_TEST_CASES");
  d->once = which != NULL && strcmp(which, "once") == 0;
  d->one = which != NULL && strcmp(which, "one") == 0;
  d->small = d->once || (which != NULL && strcmp(which, "small") == 0);
  assert_int_equal(icn_context_create(NULL, &d->context, &error), ICN_OK);
  for (size_t i = 0; i < icn_context_device_count(d->context) && d->device_count < MAX_DEVICES; i++) {
    const icn_device *device = icn_context_device(d->context, i);
    const char *name = icn_device_get_info(device).name;
    if (!device_wanted(name)) continue;
    device_run *run = &d->devices[d->device_count++];
    run->name = name;
    run->ran = calloc(icn_row_count(), sizeof *run->ran);
    run->declined = calloc(icn_row_count(), sizeof *run->declined);
    run->refused = calloc(icn_row_count(), sizeof *run->refused);
    run->reason = calloc(icn_row_count(), sizeof *run->reason);
    run->choices = calloc(icn_row_count(), sizeof *run->choices);
    if (icn_runtime_create(d->context, device, NULL, &run->runtime, &error) != ICN_OK) fail_msg("%s: %s", name, error.message);
    run->described = pretended(icn_runtime_desc(run->runtime));
  }
}

static void driver_close(driver *d) {
  for (int i = 0; i < d->device_count; i++) {
    icn_runtime_destroy(d->devices[i].runtime);
    free(d->devices[i].ran);
    free(d->devices[i].declined);
    free(d->devices[i].refused);
    free(d->devices[i].reason);
    free(d->devices[i].choices);
  }
  icn_context_destroy(d->context);
}

/* ------------------------------------------------------------ running */

static bool row_wanted(const icn_row *row, icn_op op) {
  const char *list = getenv("ICN_TEST_ROWS");
  return row->op == op && (list == NULL || *list == '\0' || icn_list_has(list, row->name));
}

/* Small is good, but not so small that a kernel has nothing to do: results that are not exact, and fewer than 64 of them, come last. */
static double size_as_choice(const icn_case *c) {
  double size = icn_problem_flop(&c->problem) + icn_problem_bytes(&c->problem);
  if (!icn_case_has_mode(c, ICN_CASE_EXACT)) size += 1e18;
  if (icn_shape_elems(&c->problem.out.shape) < 64) size += 1e15;
  return size;
}

static void offer(device_run *device, const icn_problem *problem, const choice *offered) {
  for (size_t i = 0; i < icn_row_count(); i++) {
    const icn_row *row = icn_row_at(i);
    choice *best = &device->choices[i];
    if (!row_wanted(row, problem->op) || (best->made && best->size < offered->size)) continue;
    icn_reason *why = &device->reason[i];
    if (icn_row_common_ok(problem, why) && row->applies(problem, &device->described, why)) *best = *offered;
  }
}

/* Finds the smallest case of each row. */
static void choose_cases(driver *d, const icn_case_list *suite) {
  for (size_t number = 0; number < suite->count; number++) {
    const icn_case *c = &suite->cases[number];
    for (icn_case_layout layout = ICN_CASE_DENSE; layout < ICN_CASE_LAYOUTS; layout++) {
      icn_problem problem;
      if (!icn_case_problem(c, layout, &problem)) continue;
      const choice offered = {true, number, layout, size_as_choice(c)};
      for (int i = 0; i < d->device_count; i++) offer(&d->devices[i], &problem, &offered);
    }
  }
}

static bool is_chosen(const choice *chosen, size_t number, icn_case_layout layout) {
  return chosen->made && chosen->number == number && chosen->layout == layout;
}

static bool is_chosen_by_any(const driver *d, size_t number) {
  for (int i = 0; i < d->device_count; i++)
    for (size_t k = 0; k < icn_row_count(); k++)
      if (d->devices[i].choices[k].made && d->devices[i].choices[k].number == number) return true;
  return false;
}

static void run_rows(driver *d, device_run *device, size_t number, const icn_problem *problem, const icn_case_data *data,
                     icn_case_layout layout) {
  const icn_case *c = data->source;
  const bool twice = !d->once && (c->flags & ICN_CASE_LARGE) == 0;
  for (size_t i = 0; i < icn_row_count(); i++) {
    const icn_row *row = icn_row_at(i);
    if (!row_wanted(row, problem->op) || (d->one && !is_chosen(&device->choices[i], number, layout))) continue;
    icn_check_result result;
    const icn_check_outcome outcome = icn_kernel_check(device->runtime, &device->described, row, problem, data, twice, &result);
    if (outcome == ICN_CHECK_DECLINED) {
      icn_reason why;
      device->declined[i]++;
      if (icn_row_common_ok(problem, &why) && row->applies(problem, &device->described, &why)) device->refused[i]++;
      snprintf(device->reason[i].text, sizeof device->reason[i].text, "%.*s", ICN_REASON_BYTES - 1, result.text);
      continue;
    }
    device->ran[i]++;
    /* Plans are checked by what rows say of local memory. A GPU's driver may add some of its own, one for CPU devices has no reason to. */
    if (icn_runtime_desc(device->runtime)->kind == ICN_DEVICE_CPU && result.undeclared_local_bytes > 0)
      fail_msg("%s, row %s: its kernel takes %llu bytes more of local memory than its launch says", device->name, row->name,
               (unsigned long long)result.undeclared_local_bytes);
    if (outcome == ICN_CHECK_RIGHT) continue;
    char key[ICN_KEY_BYTES];
    if (d->failures++ < SHOWN_FAILURES || getenv("ICN_TEST_VERBOSE") != NULL)
      print_error("%s, row %s, %s, layout %s, %s values (seed %llu): %s\n", device->name, row->name, icn_problem_key(problem, key),
                  icn_case_layout_name(layout), icn_case_mode_name(data->mode), (unsigned long long)c->seed, result.text);
  }
}

/* ICN_TEST_PRECISION=fp16w: weights as halves, in the cases that have weights to pack. False: the case has none. */
static bool at_precision(icn_case *c) {
  const char *precision = getenv("ICN_TEST_PRECISION");
  if (precision == NULL) return true;
  const icn_op op = c->problem.op;
  if (strcmp(precision, "fp16w") != 0) fail_msg("ICN_TEST_PRECISION=%s", precision);
  if (op != ICN_OP_CONV && op != ICN_OP_CONV_TRANSPOSE && op != ICN_OP_MATMUL) return false;
  if (!icn_problem_is_constant(&c->problem, ICN_CONV_WEIGHT)) return false;
  c->problem.precision = ICN_PRECISION_FP16W;
  return true;
}

/* With `once`: one mode, one layout (the one with gaps), one run. With `one`: one mode, and the layout that was chosen. */
static void run_case(driver *d, const icn_case *given, size_t number) {
  icn_case changed = *given, *c = &changed;
  if (!at_precision(c)) return;
  for (icn_case_mode mode = 0; mode < ICN_CASE_MODES; mode++) {
    if (!icn_case_has_mode(c, mode)) continue;
    icn_case_data data;
    icn_error error;
    char key[ICN_KEY_BYTES];
    if (icn_case_data_make(&data, c, mode, NULL, &error) != ICN_OK) fail_msg("%s: %s", icn_problem_key(&c->problem, key), error.message);
    const bool only_strided = d->once && (c->flags & ICN_CASE_VIEWS_GIVEN) == 0;
    for (icn_case_layout layout = only_strided ? ICN_CASE_STRIDED : ICN_CASE_DENSE; layout < ICN_CASE_LAYOUTS; layout++) {
      icn_problem problem;
      if (!icn_case_problem(c, layout, &problem)) continue;
      for (int i = 0; i < d->device_count; i++) run_rows(d, &d->devices[i], number, &problem, &data, layout);
    }
    icn_case_data_free(&data);
    if (d->once || d->one) return;
  }
}

/* ------------------------------------------------------------ counting */

#define ICN_ROW(name, op, target, file, applies, configure, cost, pack_bytes, pack, emit, tolerance) file,
static const char *const row_files[] = {
#include "kernels.def"
};
#undef ICN_ROW

/* A row that ran nowhere is a failure, except one that calls a library, which may not be there, and one in an extension of OpenCL C that
 * the device does not have. */
static bool must_run(const device_run *device, size_t row) {
  return row_files[row][0] != '\0' && icn_row_device_ok(icn_row_at(row), &device->described, NULL);
}

static void report(driver *d, const char *family, uint32_t ops) {
  for (int i = 0; i < d->device_count; i++) {
    const device_run *device = &d->devices[i];
    for (size_t k = 0; k < icn_row_count(); k++) {
      const icn_row *row = icn_row_at(k);
      if ((ops >> row->op & 1U) == 0 || !row_wanted(row, row->op)) continue;
      const char *why = device->ran[k] > 0 && device->declined[k] == 0 ? "" : device->reason[k].text;
      print_message("%s on %s: row %s ran %zu, declined %zu%s%s\n", family, device->name, row->name, device->ran[k], device->declined[k],
                    why[0] != '\0' ? ", last: " : "", why);
      if (device->refused[k] > 0)
        print_message("  %zu of them because the compiled kernel is above the device's limits\n", device->refused[k]);
      if (device->ran[k] > 0 || device->refused[k] > 0 || d->small || !must_run(device, k)) continue;
      d->failures++;
      print_error("%s: row %s ran on no case\n", device->name, row->name);
    }
  }
}

static const char *suite_family;

static void rows_agree_with_the_reference(void **state) {
  (void)state;
  driver d;
  driver_open(&d);
  if (d.device_count == 0) {
    print_message("no OpenCL device: %s\n", icn_context_opencl_problem(d.context));
    driver_close(&d);
    skip();
  }
  icn_case_list suite;
  icn_error error;
  if (icn_cases_make(suite_family, NULL, &suite, &error) != ICN_OK) fail_msg("%s", error.message);
  size_t cases = 0;
  uint32_t ops = 0;
  double start = icn_os_seconds();
  if (d.one) choose_cases(&d, &suite);
  for (size_t i = 0; i < suite.count; i++) {
    if (d.small && (suite.cases[i].flags & ICN_CASE_LARGE) != 0) continue;
    if (d.once && icn_problem_flop(&suite.cases[i].problem) > ONCE_FLOP) continue;
    ops |= 1U << suite.cases[i].problem.op;
    if (d.one && !is_chosen_by_any(&d, i)) continue;
    run_case(&d, &suite.cases[i], i);
    cases++;
  }
  report(&d, suite_family, ops);
  print_message("%s: %zu cases of %zu on %d devices, %zu failures, %.1f s\n", suite_family, cases, suite.count, d.device_count, d.failures,
                icn_os_seconds() - start);
  icn_cases_free(&suite);
  size_t failures = d.failures;
  driver_close(&d);
  assert_true(cases > 0);
  if (failures > 0) fail_msg("%zu failures", failures);
}

/* What a kernel that is wrong in one bit looks like to the comparison: the lowest bit where results are exact, else one that no tolerance
 * covers. Once more, and it is right again. */
static void flip_bit(icn_case_data *data, const icn_row *row) {
  uint32_t bits;
  memcpy(&bits, data->want, sizeof bits);
  bits ^= data->mode == ICN_CASE_EXACT && !icn_row_is_winograd(row) ? 1U : 1U << 30;
  memcpy(data->want, &bits, sizeof bits);
}

/* True when a row applied on every device; each must have noticed that one bit of its output is wrong. */
static bool flipped_bit_is_noticed(driver *d, const icn_case *c) {
  icn_case_data data;
  icn_problem problem;
  icn_error error;
  int noticed = 0;
  const icn_case_mode mode = icn_case_has_mode(c, ICN_CASE_EXACT) ? ICN_CASE_EXACT : ICN_CASE_RANDOM;
  if (!icn_case_problem(c, ICN_CASE_DENSE, &problem) || icn_shape_elems(&problem.out.shape) == 0) return false;
  if (icn_case_data_make(&data, c, mode, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  for (int i = 0; i < d->device_count; i++) {
    for (size_t k = 0; k < icn_row_count(); k++) {
      const icn_row *row = icn_row_at(k);
      icn_check_result result;
      if (!row_wanted(row, problem.op)) continue;
      flip_bit(&data, row);
      const icn_check_outcome outcome =
          icn_kernel_check(d->devices[i].runtime, &d->devices[i].described, row, &problem, &data, false, &result);
      flip_bit(&data, row);
      if (outcome == ICN_CHECK_DECLINED) continue;
      if (outcome == ICN_CHECK_RIGHT) fail_msg("%s, row %s: a flipped bit was not noticed", d->devices[i].name, row->name);
      if (outcome != ICN_CHECK_WRONG || strstr(result.text, "element 0 (of ") == NULL)
        fail_msg("%s, row %s: %s", d->devices[i].name, row->name, result.text);
      noticed++;
      break;
    }
  }
  icn_case_data_free(&data);
  return noticed == d->device_count;
}

/* The harness itself: what it says about right kernels means nothing unless it finds a wrong one. */
static void a_wrong_bit_is_noticed_on_each_device(void **state) {
  (void)state;
  driver d;
  icn_case_list suite;
  icn_error error;
  bool noticed = false;
  driver_open(&d);
  if (icn_cases_make(suite_family, NULL, &suite, &error) != ICN_OK) fail_msg("%s", error.message);
  for (size_t i = 0; i < suite.count && d.device_count > 0 && !noticed; i++) {
    if ((suite.cases[i].flags & ICN_CASE_LARGE) == 0) noticed = flipped_bit_is_noticed(&d, &suite.cases[i]);
  }
  const bool no_device = d.device_count == 0;
  icn_cases_free(&suite);
  driver_close(&d);
  if (no_device) skip();
  assert_true(noticed);
}

int kernel_suite_main(const char *family) {
  suite_family = family;
  const struct CMUnitTest tests[] = {cmocka_unit_test(rows_agree_with_the_reference),
                                     cmocka_unit_test(a_wrong_bit_is_noticed_on_each_device)};
  return cmocka_run_group_tests_name(family, tests, NULL, NULL);
}
