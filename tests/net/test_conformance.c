/* Operator cases, computed by the plain C reference and on every OpenCL device, with passes and without: the repository's own
 * (tests/data/ops), and ONNX's own node tests where ICN_CASES_DIR names a folder of them (cases.txt lists them; one folder each). No case
 * may be wrong; declined ones must name the operator. ICN_CASES_DEVICE limits the devices to one (what icn_context_find_device takes). */
#include "support/icn_test.h"

#include "import_internal.h"
#include "support/onnx_case.h"

typedef struct tally {
  size_t right, folded, typed, wrong, declined, failed;
} tally;

/* Every declined case names its node and operator: "node 'NAME' (OP): ...". */
static int names_operator(const char *text) { return strstr(text, "node '") != NULL && strstr(text, "): ") != NULL; }

/* ONNX typed inputs and expected values of this one by hand, with four decimals, and the values were computed before the inputs were
 * rounded (0.2841, where the typed inputs give 0.28404 in double): one unit of the fourth decimal is what it can tell. Counted apart. */
static bool is_typed_with_four_decimals(const char *name) {
  return strcmp(name, "test_averagepool_2d_ceil_last_window_starts_on_pad") == 0;
}

static case_tolerance tolerance_of(const char *name) {
  const case_tolerance computed = {2e-5, 1e-6}, rounded = {0, 1e-4};
  return is_typed_with_four_decimals(name) ? rounded : computed;
}

/* `device` NULL: the importer and the reference by themselves. */
static tally run_cases(icn_context *context, const icn_device *device, const char *folder, const char *disabled_passes) {
  static const char *const LABELS[] = {"right", "WRONG", "declined", "FAILED"};
  tally t = {0, 0, 0, 0, 0, 0};
  char path[1200];
  size_t count;
  const char *where = device == NULL ? "reference" : icn_device_get_info(device).name;
  snprintf(path, sizeof path, "%s/cases.txt", folder);
  char **names = onnx_case_list(path, &count);
  assert_non_null(names);
  for (size_t i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    const case_tolerance tolerance = tolerance_of(names[i]);
    case_result result = device == NULL ? onnx_case_reference(path, disabled_passes, tolerance)
                                        : onnx_case_device(context, device, path, disabled_passes, tolerance);
    if (result.outcome == CASE_DECLINED && !names_operator(result.text)) result.outcome = CASE_FAILED;
    if (result.outcome == CASE_RIGHT && result.nodes == 0) t.folded++;
    if (result.outcome == CASE_RIGHT) t.right++;
    if (result.outcome == CASE_RIGHT && is_typed_with_four_decimals(names[i])) t.typed++;
    if (result.outcome == CASE_WRONG) t.wrong++;
    if (result.outcome == CASE_DECLINED) t.declined++;
    if (result.outcome == CASE_FAILED) t.failed++;
    if (result.outcome != CASE_RIGHT) printf("  %-8s %s: %s\n", LABELS[result.outcome], names[i], result.text);
  }
  printf("== operator cases, %s, passes %s, %s: %zu right at 2e-5 (%zu computed, %zu folded at load)", where,
         disabled_passes == NULL ? "on" : "off", folder, t.right - t.typed, t.right - t.typed - t.folded, t.folded);
  if (t.typed != 0) printf(", %zu right to the four decimals that its values are typed with", t.typed);
  printf(", %zu wrong, %zu declined, %zu failed, of %zu\n", t.wrong, t.declined, t.failed, count);
  onnx_case_free_list(names, count);
  return t;
}

/* Runs `check` on the tally of every device; skips when there is none. */
static void on_every_device(const char *folder, bool without_passes, void (*check)(const tally *)) {
  icn_context *context;
  icn_error error;
  const icn_device *wanted = NULL;
  const char *name = getenv("ICN_CASES_DEVICE");
  assert_int_equal(icn_context_create(NULL, &context, &error), ICN_OK);
  if (name != NULL && icn_context_find_device(context, name, &wanted, &error) != ICN_OK) fail_msg("%s", error.message);
  size_t count = wanted != NULL ? 1 : icn_context_device_count(context);
  for (size_t i = 0; i < count; i++) {
    for (int passes = without_passes ? 0 : 1; passes < 2; passes++) {
      tally t = run_cases(context, wanted != NULL ? wanted : icn_context_device(context, i), folder, passes != 0 ? NULL : "all");
      check(&t);
    }
  }
  if (count == 0) printf("there is no OpenCL device: %s\n", icn_context_opencl_problem(context));
  icn_context_destroy(context);
  if (count == 0) skip();
}

static const char *own_folder(char *path, size_t bytes) {
  assert_non_null(getenv("ICN_TEST_DATA"));
  snprintf(path, bytes, "%s/ops", getenv("ICN_TEST_DATA"));
  return path;
}

/* Skips when ICN_CASES_DIR is not set. */
static const char *onnx_folder(void) {
  const char *folder = getenv("ICN_CASES_DIR");
  if (folder != NULL && folder[0] != '\0') return folder;
  printf("ICN_CASES_DIR is not set: ONNX's own operator cases are not run\n");
  skip();
  return NULL;
}

static void check_own(const tally *t) {
  assert_int_equal(t->wrong + t->declined + t->failed, 0);
  assert_true(t->right >= 180);
}

static void check_onnx(const tally *t) {
  assert_int_equal(t->wrong, 0);
  assert_int_equal(t->failed, 0);
  assert_true(t->right >= 450);
}

static void check_onnx_device(const tally *t) {
  check_onnx(t);
  assert_true(t->right - t->folded >= 400);
}

static void test_own_cases(void **state) {
  (void)state;
  char path[1024];
  for (int passes = 0; passes < 2; passes++) {
    tally t = run_cases(NULL, NULL, own_folder(path, sizeof path), passes != 0 ? NULL : "all");
    check_own(&t);
  }
}

static void test_own_cases_on_devices(void **state) {
  (void)state;
  char path[1024];
  on_every_device(own_folder(path, sizeof path), true, check_own);
}

/* Every operator of the importer's table has a case in the repository. */
static void test_every_operator_has_a_case(void **state) {
  (void)state;
  char path[1024], line[512];
  static char all[1 << 16];
  size_t length = 1;
  snprintf(path, sizeof path, "%s/ops/cases.txt", getenv("ICN_TEST_DATA"));
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  all[0] = ',';
  while (fgets(line, sizeof line, file) != NULL) { /* NAME<TAB>Op,Op */
    const char *ops = strchr(line, '\t');
    assert_non_null(ops);
    length += (size_t)snprintf(all + length, sizeof all - length, "%.*s,", (int)strcspn(ops + 1, "\r\n"), ops + 1);
    assert_true(length < sizeof all);
  }
  fclose(file);
  for (size_t i = 0; i < icn_import_row_count(); i++) {
    char wanted[80];
    snprintf(wanted, sizeof wanted, ",%s,", icn_import_row_at(i)->op);
    if (strstr(all, wanted) == NULL) fail_msg("tests/data/ops has no case for %s (tools/dev/make_cases.py)", icn_import_row_at(i)->op);
  }
}

static void test_onnx_cases(void **state) {
  (void)state;
  const char *folder = onnx_folder();
  for (int passes = 0; passes < 2; passes++) {
    tally t = run_cases(NULL, NULL, folder, passes != 0 ? NULL : "all");
    check_onnx(&t);
  }
}

static void test_onnx_cases_on_devices(void **state) {
  (void)state;
  on_every_device(onnx_folder(), false, check_onnx_device);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_own_cases),  cmocka_unit_test(test_own_cases_on_devices),  cmocka_unit_test(test_every_operator_has_a_case),
      cmocka_unit_test(test_onnx_cases), cmocka_unit_test(test_onnx_cases_on_devices),
  };
  return cmocka_run_group_tests_name("conformance", tests, NULL, NULL);
}
