/* Operator cases through parse, import and the plain C reference, with passes and without: the repository's own (tests/data/ops), and
 * ONNX's own node tests where ICN_CASES_DIR names a folder of them (cases.txt lists them; one folder each). No case may be wrong; declined
 * ones must name the operator.
 */
#include "support/icn_test.h"

#include "import_internal.h"
#include "support/onnx_case.h"

typedef struct tally {
  size_t right, folded, wrong, declined, failed;
} tally;

/* Every declined case names its node and operator: "node 'NAME' (OP): ...". */
static int names_operator(const char *text) { return strncmp(text, "node '", 6) == 0 && strstr(text, "): ") != NULL; }

/* ONNX wrote the expected values of this one by hand, with four digits. */
static double tolerance_of(const char *name) {
  return strcmp(name, "test_averagepool_2d_ceil_last_window_starts_on_pad") == 0 ? 1e-3 : 2e-5;
}

static tally run_cases(const char *folder, const char *disabled_passes) {
  tally t = {0, 0, 0, 0, 0};
  char path[1200];
  size_t count;
  snprintf(path, sizeof path, "%s/cases.txt", folder);
  char **names = onnx_case_list(path, &count);
  assert_non_null(names);
  for (size_t i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    case_result result = onnx_case_reference(path, disabled_passes, tolerance_of(names[i]));
    if (result.outcome == CASE_RIGHT && result.nodes == 0) t.folded++;
    if (result.outcome == CASE_RIGHT) t.right++;
    if (result.outcome == CASE_WRONG) t.wrong++;
    if (result.outcome == CASE_DECLINED && names_operator(result.text)) t.declined++;
    if (result.outcome == CASE_FAILED || (result.outcome == CASE_DECLINED && !names_operator(result.text))) t.failed++;
    static const char *const LABELS[] = {"right", "WRONG", "declined", "FAILED"};
    if (result.outcome != CASE_RIGHT) printf("  %-8s %s: %s\n", LABELS[result.outcome], names[i], result.text);
  }
  printf("operator cases, reference, passes %s, %s: %zu right (%zu of them folded at load), %zu wrong, %zu declined, %zu failed, of %zu\n",
         disabled_passes == NULL ? "on" : "off", folder, t.right, t.folded, t.wrong, t.declined, t.failed, count);
  onnx_case_free_list(names, count);
  return t;
}

static void test_own_cases(void **state) {
  (void)state;
  char folder[1024];
  assert_non_null(getenv("ICN_TEST_DATA"));
  snprintf(folder, sizeof folder, "%s/ops", getenv("ICN_TEST_DATA"));
  for (int passes = 0; passes < 2; passes++) {
    tally t = run_cases(folder, passes != 0 ? NULL : "all");
    assert_int_equal(t.wrong + t.declined + t.failed, 0);
    assert_true(t.right >= 100);
  }
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
  const char *folder = getenv("ICN_CASES_DIR");
  if (folder == NULL || folder[0] == '\0') {
    printf("ICN_CASES_DIR is not set: ONNX's own operator cases are not run\n");
    skip();
  }
  for (int passes = 0; passes < 2; passes++) {
    tally t = run_cases(folder, passes != 0 ? NULL : "all");
    assert_int_equal(t.wrong, 0);
    assert_int_equal(t.failed, 0);
    assert_true(t.right >= 450);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_own_cases), cmocka_unit_test(test_every_operator_has_a_case),
                                     cmocka_unit_test(test_onnx_cases)};
  return cmocka_run_group_tests_name("conformance", tests, NULL, NULL);
}
