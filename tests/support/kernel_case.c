/* The list of cases and the driver: cases x modes x layouts x devices x rows, with counts. */
#include "kernel_case.h"

#include "icn_test.h"
#include "kernel_run.h"
#include "os.h"

struct kernel_suite {
  kernel_case *cases;
  size_t count, capacity;
};

enum { LAYOUTS = 2, MODES = 2, MAX_DEVICES = 16, SHOWN_FAILURES = 5, ONCE_FLOP = 30000 };
static const char *const LAYOUT_NAMES[] = {"dense", "strided"}, *const MODE_NAMES[] = {"exact", "random"};

/* ------------------------------------------------------------ building cases */

kernel_case *kernel_suite_add(kernel_suite *suite, icn_op op, unsigned flags) {
  if (suite->count == suite->capacity) {
    suite->capacity = suite->capacity * 2 + 64;
    suite->cases = realloc(suite->cases, suite->capacity * sizeof *suite->cases);
    if (suite->cases == NULL) abort();
  }
  kernel_case *c = &suite->cases[suite->count++];
  memset(c, 0, sizeof *c);
  c->problem.op = op;
  c->flags = flags;
  c->problem.params.groups = 1;
  for (int axis = 0; axis < 2; axis++)
    c->problem.params.kernel[axis] = c->problem.params.stride[axis] = c->problem.params.dilation[axis] = 1;
  return c;
}

void kernel_case_input(kernel_case *c, int input, int rank, const int64_t *dim) {
  icn_shape shape = icn_shape_make(rank, dim);
  c->problem.present |= 1U << input;
  c->problem.in[input] = icn_view_dense(&shape);
}

void kernel_case_constant(kernel_case *c, int input, int rank, const int64_t *dim) {
  kernel_case_input(c, input, rank, dim);
  c->problem.constant |= 1U << input;
}

void kernel_case_output(kernel_case *c, int rank, const int64_t *dim) {
  icn_shape shape = icn_shape_make(rank, dim);
  c->problem.out = icn_view_dense(&shape);
}

int64_t kernel_window_output(const icn_params *params, int axis, int64_t in) {
  int64_t padded = in + params->pad_begin[axis] + params->pad_end[axis];
  return (padded - params->dilation[axis] * (params->kernel[axis] - 1) - 1) / params->stride[axis] + 1;
}

kernel_case *kernel_suite_add_conv(kernel_suite *suite, int64_t n, int64_t c, int64_t h, int64_t w, int64_t oc, const icn_params *params,
                                   unsigned flags) {
  kernel_case *made = kernel_suite_add(suite, ICN_OP_CONV, flags);
  made->problem.params = *params;
  kernel_case_input(made, ICN_CONV_X, 4, (const int64_t[]){n, c, h, w});
  kernel_case_constant(made, ICN_CONV_WEIGHT, 4, (const int64_t[]){oc, c / params->groups, params->kernel[0], params->kernel[1]});
  kernel_case_constant(made, ICN_CONV_BIAS, 1, (const int64_t[]){oc});
  kernel_case_output(made, 4, (const int64_t[]){n, oc, kernel_window_output(params, 0, h), kernel_window_output(params, 1, w)});
  return made;
}

/* An activation in the device's layout: dense, or with room between pixels (channel c0 of a wider tensor), or further into its buffer. */
static icn_view device_view(const icn_shape *shape, int layout, int salt) {
  icn_view view = icn_view_device(shape, shape->rank == 4 && layout == 1 ? shape->dim[1] + 5 + 3 * salt : 0);
  if (layout == 1) view.offset = 3 + salt;
  return view;
}

bool kernel_case_layout(const kernel_case *c, int layout, icn_problem *problem) {
  *problem = c->problem;
  if ((c->flags & KERNEL_VIEWS_GIVEN) != 0) return layout == 0;
  for (int i = 0; i < ICN_MAX_INPUTS; i++)
    if (icn_problem_has(problem, i) && !icn_problem_is_constant(problem, i))
      problem->in[i] = device_view(&c->problem.in[i].shape, layout, i);
  problem->out = device_view(&c->problem.out.shape, layout, 1);
  return true;
}

/* ------------------------------------------------------------ devices */

typedef struct device_run {
  icn_runtime *runtime;
  const char *name;
  size_t *ran, *declined; /* a row each */
  icn_reason *reason;
} device_run;

typedef struct driver {
  icn_context *context;
  device_run devices[MAX_DEVICES];
  int device_count;
  size_t failures;
  bool small, once;
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

static void driver_open(driver *d) {
  icn_error error;
  memset(d, 0, sizeof *d);
  const char *which = getenv("ICN_TEST_CASES");
  d->once = which != NULL && strcmp(which, "once") == 0;
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
    run->reason = calloc(icn_row_count(), sizeof *run->reason);
    if (icn_runtime_create(d->context, device, NULL, &run->runtime, &error) != ICN_OK) fail_msg("%s: %s", name, error.message);
  }
}

static void driver_close(driver *d) {
  for (int i = 0; i < d->device_count; i++) {
    icn_runtime_destroy(d->devices[i].runtime);
    free(d->devices[i].ran);
    free(d->devices[i].declined);
    free(d->devices[i].reason);
  }
  icn_context_destroy(d->context);
}

/* ------------------------------------------------------------ running */

static bool row_wanted(const icn_row *row, icn_op op) {
  const char *list = getenv("ICN_TEST_ROWS");
  return row->op == op && (list == NULL || *list == '\0' || icn_list_has(list, row->name));
}

static void run_rows(driver *d, device_run *device, const icn_problem *problem, const kernel_data *data, int layout) {
  const icn_device_desc described = kernel_device(device->runtime);
  for (size_t i = 0; i < icn_row_count(); i++) {
    const icn_row *row = icn_row_at(i);
    if (!row_wanted(row, problem->op)) continue;
    icn_reason why;
    snprintf(why.text, sizeof why.text, "(no reason given)");
    if (!icn_row_common_ok(problem, &why) || !row->applies(problem, &described, &why)) {
      device->declined[i]++;
      device->reason[i] = why;
      continue;
    }
    device->ran[i]++;
    kernel_failure failure;
    if (kernel_run_row(device->runtime, row, problem, data, &failure)) continue;
    char key[ICN_KEY_BYTES];
    if (d->failures++ < SHOWN_FAILURES || getenv("ICN_TEST_VERBOSE") != NULL)
      print_error("%s, row %s, %s, layout %s, %s values (seed %llu): %s\n", device->name, row->name, icn_problem_key(problem, key),
                  LAYOUT_NAMES[layout], MODE_NAMES[data->mode], (unsigned long long)data->seed, failure.text);
  }
}

/* With `once`: one mode, one layout (the one with gaps), one run. */
static void run_case(driver *d, const kernel_case *c, uint64_t seed) {
  for (int mode = 0; mode < MODES; mode++) {
    bool no_exact = (c->flags & (KERNEL_NO_EXACT | KERNEL_SPECIAL)) != 0 || !kernel_case_is_exact(&c->problem);
    if (mode == KERNEL_EXACT && no_exact) continue;
    kernel_data data;
    icn_error error;
    char key[ICN_KEY_BYTES];
    if (!kernel_data_make(&data, c, (kernel_mode)mode, seed, &error)) fail_msg("%s: %s", icn_problem_key(&c->problem, key), error.message);
    data.once = d->once;
    for (int layout = d->once && (c->flags & KERNEL_VIEWS_GIVEN) == 0 ? 1 : 0; layout < LAYOUTS; layout++) {
      icn_problem problem;
      if (!kernel_case_layout(c, layout, &problem)) continue;
      for (int i = 0; i < d->device_count; i++) run_rows(d, &d->devices[i], &problem, &data, layout);
    }
    kernel_data_free(&data);
    if (d->once) return;
  }
}

/* ------------------------------------------------------------ counting */

#define ICN_ROW(name, op, target, file, applies, configure, cost, pack_bytes, pack, emit, tolerance) file,
static const char *const row_files[] = {
#include "kernels.def"
};
#undef ICN_ROW

/* A row that ran nowhere is a failure, except one that calls a library, which may not be there. */
static bool must_run(size_t row) { return row_files[row][0] != '\0'; }

static void report(driver *d, const char *family, uint32_t ops) {
  for (int i = 0; i < d->device_count; i++) {
    const device_run *device = &d->devices[i];
    for (size_t k = 0; k < icn_row_count(); k++) {
      const icn_row *row = icn_row_at(k);
      if ((ops >> row->op & 1U) == 0 || !row_wanted(row, row->op)) continue;
      print_message("%s on %s: row %s ran %zu, declined %zu%s%s\n", family, device->name, row->name, device->ran[k], device->declined[k],
                    device->declined[k] > 0 ? ", last: " : "", device->reason[k].text);
      if (device->ran[k] > 0 || d->small || !must_run(k)) continue;
      d->failures++;
      print_error("%s: row %s ran on no case\n", device->name, row->name);
    }
  }
}

static const char *suite_family;
static void (*suite_add_cases)(kernel_suite *suite);

static void rows_agree_with_the_reference(void **state) {
  (void)state;
  driver d;
  driver_open(&d);
  if (d.device_count == 0) {
    print_message("no OpenCL device: %s\n", icn_context_opencl_problem(d.context));
    driver_close(&d);
    skip();
  }
  kernel_suite suite = {NULL, 0, 0};
  suite_add_cases(&suite);
  size_t cases = 0;
  uint32_t ops = 0;
  double start = icn_os_seconds();
  for (size_t i = 0; i < suite.count; i++) {
    if (d.small && (suite.cases[i].flags & KERNEL_LARGE) != 0) continue;
    if (d.once && icn_problem_flop(&suite.cases[i].problem) > ONCE_FLOP) continue;
    ops |= 1U << suite.cases[i].problem.op;
    run_case(&d, &suite.cases[i], 1000 + i);
    cases++;
  }
  report(&d, suite_family, ops);
  print_message("%s: %zu cases of %zu on %d devices, %zu failures, %.1f s\n", suite_family, cases, suite.count, d.device_count, d.failures,
                icn_os_seconds() - start);
  free(suite.cases);
  size_t failures = d.failures;
  driver_close(&d);
  assert_true(cases > 0);
  if (failures > 0) fail_msg("%zu failures", failures);
}

void kernel_suite_each(void (*add_cases)(kernel_suite *suite), void (*visit)(const kernel_case *c, void *user), void *user) {
  kernel_suite suite = {NULL, 0, 0};
  add_cases(&suite);
  for (size_t i = 0; i < suite.count; i++) visit(&suite.cases[i], user);
  free(suite.cases);
}

/* True when a row applied on every device; each must have noticed that one bit of its output is wrong. */
static bool flipped_bit_is_noticed(driver *d, const kernel_case *c) {
  kernel_data data;
  icn_problem problem;
  icn_error error;
  int noticed = 0;
  const bool exact = (c->flags & (KERNEL_NO_EXACT | KERNEL_SPECIAL)) == 0 && kernel_case_is_exact(&c->problem);
  if (!kernel_case_layout(c, 0, &problem) || icn_shape_elems(&problem.out.shape) == 0) return false;
  if (!kernel_data_make(&data, c, exact ? KERNEL_EXACT : KERNEL_RANDOM, 1, &error)) fail_msg("%s", error.message);
  data.once = data.flipped = true;
  for (int i = 0; i < d->device_count; i++) {
    const icn_device_desc described = kernel_device(d->devices[i].runtime);
    for (size_t k = 0; k < icn_row_count(); k++) {
      const icn_row *row = icn_row_at(k);
      kernel_failure failure = {""};
      icn_reason why;
      if (!row_wanted(row, problem.op) || !icn_row_common_ok(&problem, &why) || !row->applies(&problem, &described, &why)) continue;
      if (kernel_run_row(d->devices[i].runtime, row, &problem, &data, &failure))
        fail_msg("%s, row %s: a flipped bit was not noticed", d->devices[i].name, row->name);
      if (strstr(failure.text, "element 0 (of ") == NULL) fail_msg("%s, row %s: %s", d->devices[i].name, row->name, failure.text);
      noticed++;
      break;
    }
  }
  kernel_data_free(&data);
  return noticed == d->device_count;
}

/* The harness itself: what it says about right kernels means nothing unless it finds a wrong one. */
static void a_wrong_bit_is_noticed_on_each_device(void **state) {
  (void)state;
  driver d;
  kernel_suite suite = {NULL, 0, 0};
  bool noticed = false;
  driver_open(&d);
  suite_add_cases(&suite);
  for (size_t i = 0; i < suite.count && d.device_count > 0 && !noticed; i++) {
    if ((suite.cases[i].flags & KERNEL_LARGE) == 0) noticed = flipped_bit_is_noticed(&d, &suite.cases[i]);
  }
  const bool no_device = d.device_count == 0;
  free(suite.cases);
  driver_close(&d);
  if (no_device) skip();
  assert_true(noticed);
}

int kernel_suite_main(const char *family, void (*add_cases)(kernel_suite *suite)) {
  suite_family = family;
  suite_add_cases = add_cases;
  const struct CMUnitTest tests[] = {cmocka_unit_test(rows_agree_with_the_reference),
                                     cmocka_unit_test(a_wrong_bit_is_noticed_on_each_device)};
  return cmocka_run_group_tests_name(family, tests, NULL, NULL);
}
