/* `clinception report`: what it holds, that it makes a recorded device, and that it is whole and names what was running when a kernel is
 * wrong, a driver crashes or hangs, the user stops it, the disk is full. The fake vendor driver (tests/fault) does the wrong things: $F. */
#include "support/cli.h"

#include <cjson/cJSON.h>

/* Under the fake driver nothing is found in the cache, and nothing is left there. */
#define FAKE "CLINCEPTION_CACHE_DIR=none CLINCEPTION_CLBLAST_LIBRARY=none OPENCL_LAYERS=$F "

static char text[1 << 20];

/* As SUCCEEDS, but compilers inside the driver may say on standard error what they like. */
#define RUNS(...)                                                                                                     \
  do {                                                                                                                \
    const int code_ = sh(__VA_ARGS__);                                                                                \
    if (code_ != 0 || strstr(err, "clinception") != NULL) fail_msg("%s: exit code %d: %s", #__VA_ARGS__, code_, err); \
  } while (0)

/* Reads the report $D/NAME; it must be JSON. */
static cJSON *report_of(const char *name) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  read_text(path, text, sizeof text);
  cJSON *report = cJSON_Parse(text);
  if (report == NULL) fail_msg("%s is not JSON: %.300s", name, text);
  return report;
}

static const cJSON *member(const cJSON *object, const char *name) {
  const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);
  if (found == NULL) fail_msg("the report has no \"%s\"", name);
  return found;
}

static double number(const cJSON *object, const char *name) {
  assert_true(cJSON_IsNumber(member(object, name)));
  return member(object, name)->valuedouble;
}

static void assert_text(const cJSON *object, const char *name, const char *begins) {
  const char *value = cJSON_GetStringValue(member(object, name));
  if (value == NULL || strncmp(value, begins, strlen(begins)) != 0) fail_msg("\"%s\" is \"%s\", expected \"%s...\"", name, value, begins);
}

/* What is beside the report and not known: temporaries that were left. */
static void assert_nothing_is_left(void) { assert_int_equal(sh("ls $D | grep -c '\\.tmp$'"), 1); }

static const cJSON *row_of(const cJSON *report, const char *name) {
  const cJSON *row;
  cJSON_ArrayForEach(row, member(member(report, "kernel_cases"), "rows")) {
    if (strcmp(cJSON_GetStringValue(member(row, "row")), name) == 0) return row;
  }
  fail_msg("the report has no row %s", name);
  return NULL;
}

/* ------------------------------------------------------------ a whole report */

static void everything_is_in_it(void **state) {
  (void)state;
  RUNS("$T report --quick --device 0 -o $D/whole.json");
  assert_says("all right; the largest error is");
  assert_says("GFLOP/s");
  assert_nothing_is_left();
  cJSON *report = report_of("whole.json");
  assert_text(report, "format", "clinception report 1");
  assert_text(report, "state", "complete");
  assert_text(report, "extent", "quick");
  assert_string_equal(cJSON_GetStringValue(member(report, "running")), "");
  assert_text(member(report, "device"), "kind", "cpu");
  assert_true(number(member(report, "device"), "flop_per_second") > 1e8);
  assert_true(number(member(report, "device"), "bytes_per_second") > 1e8);
  assert_true(number(member(report, "device"), "launch_nanoseconds") > 0);
  assert_true(number(member(report, "opencl"), "MAX_COMPUTE_UNITS") >= 1);
  assert_text(member(report, "opencl"), "OPENCL_C_VERSION", "OpenCL C ");
  assert_true(strlen(cJSON_GetStringValue(member(member(report, "machine"), "system"))) > 3);
  const cJSON *cases = member(report, "kernel_cases"), *row, *bench;
  assert_true(number(cases, "cases") > 400);
  assert_true(number(cases, "runs") == number(cases, "right"));
  cJSON_ArrayForEach(row, member(cases, "rows")) {
    const char *name = cJSON_GetStringValue(member(row, "row")); /* CLBlast may not be there; some rows want larger cases */
    if (number(row, "runs") + number(row, "declined") == 0) fail_msg("row %s was not tried", name);
    if (strcmp(name, "conv_tile") == 0 || strcmp(name, "copy") == 0) assert_true(number(row, "runs") > 10);
    assert_true(number(row, "largest_error") <= 1);
  }
  int count = 0;
  cJSON_ArrayForEach(bench, member(report, "benchmarks")) {
    assert_true(number(bench, "seconds") > 0 && number(bench, "bytes_per_second") > 0 && number(bench, "error") <= 1);
    count++;
  }
  assert_int_equal(count, 16); /* one a class: lib/bench_classes.c */
  cJSON_Delete(report);
}

#define PYTHON "python3 $X/../../tools/dev/device_of_report.py"

static void a_recorded_device_is_made_of_it(void **state) {
  (void)state;
  static const char *const MODELS[] = {"$M/colours.onnx", "builtin:inception_v3"};
  if (sh("python3 -c 0") != 0) skip();
  SUCCEEDS(PYTHON " $D/whole.json --assumed -o $D/assumed.txt && " PYTHON " $D/whole.json >$D/measured.txt");
  for (size_t i = 0; i < 2; i++) { /* the same plan as on the device; behind an empty line it says there how to get measured rates */
    SUCCEEDS(
        "$T plan %s --device 0 >$D/here; $T plan %s --device-file $D/assumed.txt >$D/there; cmp -n $(wc -c <$D/there) $D/here $D/there",
        MODELS[i], MODELS[i]);
    SUCCEEDS("CLINCEPTION_OPENCL_LIBRARY=none $T plan %s --device-file $D/measured.txt", MODELS[i]);
    assert_says(", measured on the device");
  }
  assert_int_equal(sh(PYTHON " $D/assumed.txt"), 1); /* no JSON */
  assert_int_equal(sh("echo '{\"format\": \"clinception report 1\", \"device\": {}}' >$D/no; " PYTHON " $D/no"), 1);
  assert_non_null(strstr(err, "does not say name"));
  assert_int_equal(sh(PYTHON " $D/nothing -o $D/made.txt"), 1);
  assert_false(exists("made.txt"));
}

/* A device that is not here, through the report and back into its file. */
static void a_fake_device_comes_back_as_it_is(void **state) {
  (void)state;
  if (sh("python3 -c 0") != 0) skip();
  RUNS(FAKE "FAKE_DEVICE=$X/devices/gpu-small.txt $T report --quick --rows copy,copy_run4,pool_group -o $D/fake.json && " PYTHON
            " $D/fake.json --assumed | grep -v '^#' >$D/fake.txt");
  RUNS(FAKE
       "FAKE_DEVICE=$X/devices/gpu-small.txt $T devices --record $D/record.txt && "
       "sed -E 's/^(.*_per_second|launch_nanoseconds): .*/\\1: 0/' $D/record.txt | cmp - $D/fake.txt");
}

/* -------------------------------------------------------------- what is wrong */

static void a_wrong_kernel_is_named(void **state) {
  (void)state;
  assert_int_equal(sh(FAKE "FAKE_WRONG=softmax $T report --quick --rows softmax,softmax_run,copy -o $D/wrong.json"), 1);
  assert_says("softmax_run: softmax ");
  assert_non_null(strstr(err, "not everything was right on this device"));
  cJSON *report = report_of("wrong.json");
  assert_text(report, "state", "complete");
  assert_true(number(row_of(report, "softmax_run"), "wrong") > 0);
  assert_true(number(row_of(report, "copy"), "wrong") == 0 && number(row_of(report, "copy"), "right") > 0);
  assert_non_null(strstr(cJSON_GetStringValue(member(row_of(report, "softmax"), "first_problem")), ": got "));
  cJSON_Delete(report);
}

/* A row that does not build is tried three times, not for each case; the log has no path in it that could name a person. */
static void a_build_that_fails_is_told_without_names(void **state) {
  (void)state;
  assert_int_equal(sh(FAKE "FAKE_BUILD_FAILS=lrn FAKE_BUILD_LOG='/home/jane-doe/x/y.cl:3:1: error: jane-doe C:\\Users\\jane-doe\\z' "
                           "USER=jane-doe $T report --quick --rows lrn,lrn_run -o $D/build.json"),
                   1);
  cJSON *report = report_of("build.json");
  assert_true(number(row_of(report, "lrn_run"), "not_built") == 3);
  assert_true(cJSON_IsTrue(member(row_of(report, "lrn_run"), "given_up")));
  assert_non_null(strstr(text, "\"y.cl:3:1: error: ********")); /* a line of the log, and in the row's sentence */
  assert_non_null(strstr(text, " y.cl:3:1: error: ********"));
  assert_null(strstr(text, "jane"));
  char host[256] = "";
  assert_int_equal(gethostname(host, sizeof host - 1), 0);
  if (strlen(host) > 3) assert_null(strstr(text, host));
  cJSON_Delete(report);
}

static void a_call_that_fails_ends_nothing(void **state) {
  (void)state;
  assert_int_equal(sh(FAKE "FAKE_FAIL=clEnqueueNDRangeKernel:*:-5 $T report --quick --rows pad,copy -o $D/calls.json"), 1);
  cJSON *report = report_of("calls.json");
  assert_text(report, "state", "complete");
  assert_text(report, "measure_problem", "");
  assert_true(number(row_of(report, "pad"), "failed") == 3);
  cJSON_Delete(report);
}

static void a_crash_leaves_a_report_that_names_the_row(void **state) {
  (void)state;
  for (int compiler = 0; compiler < 2; compiler++) {
    const int code =
        sh(FAKE "%s=pad_run $T report --quick --rows pad,pad_run -o $D/crash.json", compiler ? "FAKE_CRASH_BUILD" : "FAKE_CRASH");
    assert_true(code > 2);
    assert_non_null(strstr(err, "clinception: the process crashed (SIGABRT) in kernel cases: row pad"));
    cJSON *report = report_of("crash.json");
    assert_text(report, "state", "crashed: SIGABRT");
    assert_text(report, "running", compiler ? "kernel cases: row pad" : "kernel cases: row pad_run on pad ");
    assert_true(number(member(report, "device"), "flop_per_second") > 0);
    cJSON_Delete(report);
    assert_nothing_is_left();
  }
  RUNS(FAKE "FAKE_CRASH=pad_run $T report --quick --rows pad,pad_run --skip pad_run -o $D/crash.json");
  cJSON *report = report_of("crash.json");
  assert_text(report, "state", "complete");
  assert_true(cJSON_IsTrue(member(row_of(report, "pad_run"), "skipped")));
  cJSON_Delete(report);
}

/* Ctrl-C is heeded between two kernels, and where a kernel never ends it still leaves a good file. */
static void it_can_be_interrupted(void **state) {
  (void)state;
  sh("timeout --foreground -s INT 3 $T report -o $D/stopped.json"); /* a full report takes longer */
  assert_non_null(strstr(err, "clinception: interrupted; '"));
  cJSON *report = report_of("stopped.json");
  assert_text(report, "state", "interrupted");
  assert_true(strlen(cJSON_GetStringValue(member(report, "running"))) > 0);
  cJSON_Delete(report);
  sh(FAKE "FAKE_HANG=pad_run timeout --foreground -s INT -k 1 8 $T report --quick --rows pad,pad_run -o $D/hung.json");
  report = report_of("hung.json");
  assert_text(report, "state", "interrupted: SIGINT");
  assert_text(report, "running", "kernel cases: row pad_run on pad ");
  cJSON_Delete(report);
  assert_nothing_is_left();
}

/* ------------------------------------------------------------------ bad input */

static void wrong_usage_and_places(void **state) {
  (void)state;
  FAILS(2, "-o FILE is missing", "$T report");
  FAILS(2, "option -o needs a value: -o FILE", "$T report -o");
  FAILS(2, "option -o is given twice", "$T report -o $D/a -o $D/b");
  FAILS(2, "exclude each other", "$T report -o $D/a --quick --full");
  FAILS(2, "'banana', which is no kernel row", "$T report -o $D/a --skip copy,banana");
  FAILS(2, "the reference is plain C", "$T report -o $D/a --device reference");
  FAILS(2, "only options", "$T report -o $D/a b");
  FAILS(1, "banana", "$T report -o $D/a --device banana");
  FAILS(1, "OpenCL", "CLINCEPTION_OPENCL_LIBRARY=none $T report -o $D/a");
  FAILS(1, "cannot write", "$T report --quick -o $D/nowhere/a");
  FAILS(1, "it is a folder", "$T report --quick -o $D");
  FAILS(1, "No space left", "$T report --quick -o /dev/full");
  FAILS(1, "cannot write", "ulimit -f 1; $T report --quick --rows pad -o $D/a"); /* larger than a file may be here */
  assert_false(exists("a"));
  assert_nothing_is_left();
}

/* A pipe gets the report once; standard output that cannot be written is an error as everywhere. */
static void it_goes_into_a_pipe(void **state) {
  (void)state;
  RUNS("mkfifo $D/pipe; cat $D/pipe >$D/piped.json & $T report --quick --rows pad -o $D/pipe; wait");
  cJSON *report = report_of("piped.json");
  assert_text(report, "state", "complete");
  cJSON_Delete(report);
  FAILS(1, "cannot write to standard output", "$T report --quick --rows pad -o $D/summary.json >/dev/full");
  cJSON_Delete(report_of("summary.json"));
}

static int begin(void **state) {
  (void)state;
  return cli_make_folder() ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  return cli_remove_folder();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(everything_is_in_it),
      cmocka_unit_test(a_recorded_device_is_made_of_it),
      cmocka_unit_test(a_fake_device_comes_back_as_it_is),
      cmocka_unit_test(a_wrong_kernel_is_named),
      cmocka_unit_test(a_build_that_fails_is_told_without_names),
      cmocka_unit_test(a_call_that_fails_ends_nothing),
      cmocka_unit_test(a_crash_leaves_a_report_that_names_the_row),
      cmocka_unit_test(it_can_be_interrupted),
      cmocka_unit_test(wrong_usage_and_places),
      cmocka_unit_test(it_goes_into_a_pipe),
  };
  return cmocka_run_group_tests_name("report", tests, begin, end);
}
