/* `clinception tune` as a person meets it, on small models and small budgets: the file, what plans make of it, bad files, bad places, two
 * tuners at once, Ctrl-C. What is faster is not judged here. */
#define _XOPEN_SOURCE 700
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os.h"
#include "support/icn_test.h"
#include "tune_file.h"

#define SMALL "builtin:inception_v3:input=75,classes=10"

static char folder[256], out[1 << 20], err[1 << 16];

static void read_text(const char *name, char *text, size_t bytes) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  text[file == NULL ? 0 : fread(text, 1, bytes - 1, file)] = '\0';
  if (file != NULL) fclose(file);
}

/* Runs a shell command in which $T is the tool, $D the folder for files, $M the tiny models; its exit code. */
static int sh(const char *command) {
  char line[6000];
  const char *tool = getenv("ICN_TOOL") != NULL ? getenv("ICN_TOOL") : "./clinception";
  snprintf(line, sizeof line, "T='%s'; D='%s'; M='%s/tool'; { %s ; } >'%s/out' 2>'%s/err'", tool, folder, getenv("ICN_TEST_DATA"), command,
           folder, folder);
  const int result = system(line);
  read_text("out", out, sizeof out);
  read_text("err", err, sizeof err);
  assert_true(WIFEXITED(result));
  return WEXITSTATUS(result);
}

static void succeeds(const char *command) {
  const int code = sh(command);
  if (code != 0) fail_msg("%s: exit code %d: %s", command, code, err);
}

/* One sentence on standard error with `part` in it. */
static void fails(int expected, const char *part, const char *command) {
  const int code = sh(command);
  if (code != expected) fail_msg("%s: exit code %d, expected %d: %s", command, code, expected, err);
  const char *end = strchr(err, '\n');
  if (strncmp(err, "clinception: ", 13) != 0 || end == NULL || end[1] != '\0') fail_msg("%s: not one sentence: '%s'", command, err);
  if (strstr(err, part) == NULL) fail_msg("%s: '%s' does not say '%s'", command, err, part);
}

static void says(const char *text, const char *part) {
  if (strstr(text, part) == NULL) fail_msg("'%s' is not in: %s", part, text);
}

static size_t count_of(const char *text, const char *part) {
  size_t count = 0;
  for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) count++;
  return count;
}

static int make_folder(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/clinception-tune-XXXXXX");
  return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command);
}

static void a_model_is_tuned_and_plans_show_it(void **state) {
  (void)state;
  succeeds("$T tune $M/colours.onnx --budget 4 --out $D/t.txt");
  says(out, "configurations tried");
  says(out, "written to");
  read_text("t.txt", out, sizeof out);
  says(out, "# clinception tuning 1");
  succeeds("CLINCEPTION_TUNE_FILE=$D/t.txt $T plan $M/colours.onnx --why");
  says(out, "tuned here: measured");
  says(out, " tuned ");
  assert_string_equal(err, "");
  succeeds("CLINCEPTION_TUNE_FILE=$D/t.txt $T check $M/colours.onnx");
  succeeds("CLINCEPTION_TUNE_FILE=none $T plan $M/colours.onnx --why");
  assert_int_equal(count_of(out, "tuned"), 0);
  /* A second run goes on with what is missing, and leaves what is there unless it is asked. */
  succeeds("cp $D/t.txt $D/before; $T tune $M/colours.onnx --budget 1 --out $D/t.txt");
  says(out, "and left as they are (--fresh measures them again)");
  succeeds("$T tune $M/colours.onnx --budget 4 --out $D/t.txt --fresh --json");
  says(out, "\"tuned_seconds\"");
  says(out, "\"parameters\"");
  succeeds("test $(wc -l <$D/t.txt) -ge $(wc -l <$D/before) && tail -n +2 $D/t.txt | LC_ALL=C sort -c");
}

static void all_networks_are_one_piece_of_work(void **state) {
  (void)state;
  succeeds("$T tune --all $M/nan.onnx --dry-run --out $D/all.txt");
  says(out, "builtin:inception_v3, batch 1: ");
  says(out, "builtin:inception_v3, batch 8: ");
  says(out, "builtin:googlenet_bn, batch 1: ");
  says(out, "builtin:googlenet_bn, batch 8: ");
  assert_int_equal(count_of(out, "nan.onnx"), 1); /* a model that fixes its batch */
  succeeds("$T tune --all " SMALL " " SMALL " --batch 1 --dry-run --json --out $D/all.txt");
  assert_int_equal(count_of(out, "\"batch\""), 4);
  assert_int_equal(count_of(out, "\"added\":\t0"), 1); /* what is there twice is measured once */
  fails(2, "--shape belongs to one model", "$T tune --all --shape 1x3x99x99 --out $D/all.txt");
  fails(1, "nowhere.onnx", "$T tune --all nowhere.onnx --dry-run --out $D/all.txt");
  /* One budget; what it was enough for is kept, and the next run leaves it. */
  succeeds("$T tune --all $M/colours.onnx --batch 1 --budget 8 --out $D/all.txt");
  says(out, "configurations tried");
  says(out, "the budget of 8 s is shorter");
  succeeds("$T tune --all $M/colours.onnx --batch 1 --dry-run --out $D/all.txt");
  says(out, " already, and left as they are");
  succeeds("$T tune --all $M/colours.onnx --batch 1 --dry-run --fresh --out $D/all.txt");
  says(out, " already\n");
  succeeds("$T plan builtin:inception_v3 --tuning $D/all.txt --why && $T check $M/colours.onnx --tuning $D/all.txt");
}

static void little_or_no_time_is_said(void **state) {
  (void)state;
  succeeds("$T tune " SMALL " --dry-run --out $D/none.txt");
  says(out, "a dry run, nothing was measured");
  says(out, "winograd_3x3");
  succeeds("$T tune " SMALL " --budget 0 --json --out $D/none.txt");
  says(out, "\"candidates\"");
  succeeds("$T tune " SMALL " --budget 0 --out $D/none.txt");
  says(out, "a budget of 0, nothing was measured");
  succeeds("$T tune " SMALL " --budget 0.001 --out $D/none.txt; test ! -e $D/none.txt");
  says(out, "nothing could be compared: the budget of 0.001 s is shorter");
  fails(2, "--budget expects a number from 0", "$T tune " SMALL " --budget -1");
  fails(2, "--budget expects a number from 0", "$T tune " SMALL " --budget soon");
}

static void wrong_usage_is_explained(void **state) {
  (void)state;
  succeeds("$T tune --help");
  says(out, "never chosen");
  says(out, "CLINCEPTION_TUNE_FILE");
  says(out, "--all");
  says(out, "--fresh");
  fails(2, "expected one model or --all", "$T tune");
  fails(2, "expected one model or --all", "$T tune a.onnx b.onnx");
  fails(2, "name one OpenCL device", "$T tune " SMALL " --device reference --out $D/x");
  fails(2, "would go nowhere", "CLINCEPTION_TUNE_FILE=none $T tune " SMALL);
  fails(2, "would go nowhere", "CLINCEPTION_TUNE_FILE=shipped $T tune " SMALL);
  fails(2, "--rows and --exact", "$T tune " SMALL " --exact --out $D/x");
}

static void bad_places_are_one_sentence(void **state) {
  (void)state;
  fails(1, "cannot write", "$T tune $M/colours.onnx --budget 2 --out /proc/tuning.txt");
  fails(1, "its folder cannot be made", "echo >$D/file; $T tune $M/colours.onnx --budget 2 --out $D/file/tuning.txt");
  fails(1, "it is a folder", "mkdir -p $D/dir; $T tune $M/colours.onnx --budget 2 --out $D/dir");
  succeeds(
      "echo 'dear diary' >$D/diary; $T tune $M/colours.onnx --budget 2 --out $D/diary && exit 1; grep -q 'no tuning file' $D/err; "
      "test \"$(cat $D/diary)\" = 'dear diary' && test ! -e $D/diary.lock");
}

static void a_corrupt_file_costs_a_warning(void **state) {
  (void)state;
  succeeds(
      "$T tune $M/colours.onnx --budget 2 --out $D/c.txt; head -c $(($(wc -c <$D/c.txt) - 20)) $D/c.txt >$D/cut.txt; "
      "head -c 3000 /dev/urandom >>$D/cut.txt");
  succeeds("CLINCEPTION_TUNE_FILE=$D/cut.txt $T check $M/colours.onnx");
  assert_int_equal(count_of(err, "warning: tuning file"), 1);
  succeeds("CLINCEPTION_TUNE_FILE=$D/dir2 $T check $M/colours.onnx && mkdir $D/dir2");
  succeeds("CLINCEPTION_TUNE_FILE=$D/dir2 $T check $M/colours.onnx");
  says(err, "it is a folder");
}

/* Said once, by whatever reads the file; the tuner puts it right. */
static void lines_of_another_version_are_a_warning(void **state) {
  (void)state;
  succeeds(
      "$T tune $M/colours.onnx --budget 4 --out $D/new.txt; "
      "awk -F'\\t' 'BEGIN{OFS=FS} /^#/{print;next} {$7=\"0.0.1\"; print}' $D/new.txt >$D/old.txt");
  succeeds("$T plan $M/colours.onnx --why --tuning $D/old.txt");
  assert_int_equal(count_of(err, "of another version"), 1);
  says(err, "run 'clinception tune' again");
  assert_int_equal(count_of(out, "tuned here"), 0);
  succeeds("CLINCEPTION_TUNE_FILE=$D/old.txt $T bench $M/colours.onnx --repeat 1");
  assert_int_equal(count_of(err, "of another version"), 1);
  succeeds("$T plan $M/colours.onnx --tuning none && $T plan $M/colours.onnx --tuning shipped");
  assert_string_equal(err, "");
  succeeds("$T tune $M/colours.onnx --budget 4 --out $D/old.txt");
  says(err, "of another version");
  succeeds("$T plan $M/colours.onnx --why --tuning $D/old.txt");
  says(out, "tuned here: measured");
}

/* Rows with parameters from nowhere, for this very device: the results are the reference's. */
static void impossible_parameters_change_no_result(void **state) {
  (void)state;
  succeeds("$T tune $M/colours.onnx --budget 4 --out $D/g.txt");
  succeeds(
      "awk -F'\\t' 'BEGIN{OFS=FS} /^#/{print;next} {n++; "
      "$4=(n%4==0)?\"2147483647,-2147483647\":(n%4==1)?\"0\":(n%4==2)?\"64,64,64,64,64,64,64,64\":$4; "
      "$5=\"0.001\"; print}' $D/g.txt >$D/h.txt");
  succeeds("CLINCEPTION_TUNE_FILE=$D/h.txt $T plan $M/colours.onnx --why");
  says(out, "its tuning row is ignored");
  succeeds("CLINCEPTION_TUNE_FILE=$D/h.txt $T check $M/colours.onnx");
  says(out, ": ok");
}

static void two_tuners_lose_nothing(void **state) {
  (void)state;
  succeeds("$T tune $M/colours.onnx --budget 2 --out $D/two.txt & $T tune $M/sums.onnx --budget 2 --out $D/two.txt & wait");
  read_text("two.txt", out, sizeof out);
  says(out, "\tconv ");
  says(out, "\tbinary ");
}

/* What the script makes of results is what lib/tunedb.h says of shipped lines, and counts on the device it was measured on. */
static void results_become_shipped_lines(void **state) {
  (void)state;
  char version[64];
  succeeds("$T --version");
  assert_int_equal(sscanf(out, "%*s %63[0-9.]", version), 1);
  setenv("V", version, 1);
  succeeds(
      "N='pthread-skylake-avx512-AMD EPYC on Portable Computing Language, 2 units of 16 lanes, AMD EPYC'; M2=', AuthenticAMD family 25 "
      "model 17'; "
      "G='Some GPU on Some Platform, 60 units of 1 lanes'; line() { printf '%s\t%s\t%s\t1,2\t%s\tdriver 1\t%s\t2026-11-22T10:00:00Z\n' "
      "\"$@\"; }; "
      "{ line \"$N$M2\" k2 conv_tile 30 $V; line \"$N$M2\" k1 conv_tile 9.5 $V; line \"$N$M2\" k1 conv_gpu 12 $V; "
      "line \"$N$M2\" k1 winograd_3x3 7.25 $V; line \"$N$M2\" k1 winograd_gpu 8 $V; line \"$N$M2\" k3 conv_tile wrong $V; "
      "line \"$N$M2\" k3 conv_gpu 5 0.0.9; line \"$N\" k4 conv_gpu 5 $V; line \"$G\" k1 conv_gpu 5 $V; } >$D/a.txt; "
      "line \"$N$M2\" k2 conv_gpu 10 $V >$D/b.txt; $M/../../../tools/dev/ship_tuning.py $D/a.txt $D/b.txt -o $D/s.txt; tail -n +2 "
      "$D/s.txt");
  char expected[2000];
  static const char CPU[] =
      "pthread-skylake-avx512-* on Portable Computing Language, 2 units of 16 lanes, *AuthenticAMD family 25 model 17";
  snprintf(expected, sizeof expected,
           "Some GPU on Some Platform, 60 units of 1 lanes\tk1\tconv_gpu\t1,2\t5\tdriver 1\t%s\t2026-11-22\n"
           "%s\tk1\tconv_tile\t1,2\t9.5\tdriver 1\t%s\t2026-11-22\n"
           "%s\tk1\twinograd_3x3\t1,2\t7.25\tdriver 1\t%s\t2026-11-22\n"
           "%s\tk2\tconv_gpu\t1,2\t10\tdriver 1\t%s\t2026-11-22\n",
           version, CPU, version, CPU, version, CPU, version);
  assert_string_equal(out, expected);
  says(err, "1 lines left out: computed wrongly");
  says(err, "1 lines left out: of another version");
  says(err, "1 lines left out: of a device whose processor's model is not known");
  /* Its own output changes nothing. */
  succeeds("$M/../../../tools/dev/ship_tuning.py $D/s.txt -o $D/s2.txt; cmp $D/s.txt $D/s2.txt");
  assert_int_equal(sh("echo 'dear diary' >$D/diary2; $M/../../../tools/dev/ship_tuning.py $D/diary2 -o $D/s2.txt"), 1);
  says(err, "none of a tuning file");
}

/* Many at once, each line of its own. */
static void writers_take_turns(void **state) {
  (void)state;
  enum { WRITERS = 4, LINES = 25 };
  char path[600], line[200];
  pid_t child[WRITERS];
  snprintf(path, sizeof path, "%s/many/deep/tuning.txt", folder);
  for (int w = 0; w < WRITERS; w++) {
    child[w] = fork();
    assert_true(child[w] >= 0);
    if (child[w] > 0) continue;
    const icn_allocator allocator = icn_allocator_default();
    bool good = icn_tuning_check_path(path, NULL) == ICN_OK;
    for (int i = 0; i < LINES && good; i++) {
      snprintf(line, sizeof line, "device %d\tproblem %d\trow\t0\t1\tdriver\t0.1.0\tdate\n", w, i);
      good = icn_tuning_store(path, line, &allocator, NULL) == ICN_OK;
    }
    _exit(good ? 0 : 1);
  }
  for (int w = 0; w < WRITERS; w++) {
    int result;
    assert_int_equal(waitpid(child[w], &result, 0), child[w]);
    assert_int_equal(result, 0);
  }
  read_text("many/deep/tuning.txt", out, sizeof out);
  assert_int_equal(count_of(out, "\n"), WRITERS * LINES + 1);
  succeeds("test $(ls $D/many/deep | wc -l) = 1"); /* no lock, no temporary */
}

static void an_interrupt_keeps_what_is_done(void **state) {
  (void)state;
  /* As soon as something is written. */
  const int code = sh("$T tune " SMALL
                      " --budget 600 --out $D/int.txt & P=$!; "
                      "for i in $(seq 3000); do test -s $D/int.txt && break; sleep 0.1; done; kill -TERM $P; wait $P");
  assert_int_equal(code, 1);
  says(err, "interrupted; what was measured until then is kept");
  says(out, "configurations tried");
  succeeds("CLINCEPTION_TUNE_FILE=$D/int.txt $T plan " SMALL " --why");
  says(out, "tuned here: measured");
}

static void an_interrupt_of_all_keeps_what_is_done(void **state) {
  (void)state;
  const int code =
      sh("$T tune --all $M/colours.onnx --batch 1 --budget 600 --out $D/ctrlc.txt & P=$!; "
         "for i in $(seq 3000); do test -s $D/ctrlc.txt && break; sleep 0.1; done; kill -TERM $P; wait $P");
  assert_int_equal(code, 1);
  says(err, "interrupted; what was measured until then is kept");
  says(out, "configurations tried");
  succeeds("$T tune --all $M/colours.onnx --batch 1 --dry-run --out $D/ctrlc.txt");
  says(out, "known to");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_model_is_tuned_and_plans_show_it),
      cmocka_unit_test(all_networks_are_one_piece_of_work),
      cmocka_unit_test(little_or_no_time_is_said),
      cmocka_unit_test(wrong_usage_is_explained),
      cmocka_unit_test(bad_places_are_one_sentence),
      cmocka_unit_test(a_corrupt_file_costs_a_warning),
      cmocka_unit_test(lines_of_another_version_are_a_warning),
      cmocka_unit_test(impossible_parameters_change_no_result),
      cmocka_unit_test(two_tuners_lose_nothing),
      cmocka_unit_test(results_become_shipped_lines),
      cmocka_unit_test(writers_take_turns),
      cmocka_unit_test(an_interrupt_keeps_what_is_done),
      cmocka_unit_test(an_interrupt_of_all_keeps_what_is_done),
  };
  return cmocka_run_group_tests_name("tune", tests, make_folder, remove_folder);
}
