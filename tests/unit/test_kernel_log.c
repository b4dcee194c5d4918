/* What is known of kernels: reading what anybody may have put there, entries on one thing, crashes and their strikes, dates. */
#include "kernel_log.h"
#include "support/icn_test.h"

#define HASH  "0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffff"
#define NOW   "2026-11-23T15:00:00Z"

static icn_kernel_log parsed(const char *text, size_t bytes) {
  icn_kernel_log log;
  icn_error error;
  const icn_allocator allocator = icn_allocator_default();
  icn_kernel_log_init(&log, &allocator);
  if (icn_kernel_log_parse(&log, text, bytes, &error) != ICN_OK) fail_msg("%s", error.message);
  return log;
}

static void put(icn_kernel_log *log, icn_kernel_state state, const char *row, const char *kernel, const char *process, const char *date) {
  icn_error error;
  const icn_kernel_entry entry = {.state = state,
                                  .device = "a GPU",
                                  .driver = "1.0",
                                  .library = "0.1.0",
                                  .row = row,
                                  .config = "4,9",
                                  .problem = "conv 1x8x9x9",
                                  .kernel = kernel,
                                  .process = process,
                                  .date = date};
  if (icn_kernel_log_put(log, &entry, &error) != ICN_OK) fail_msg("%s", error.message);
}

static icn_text printed(const icn_kernel_log *log) {
  icn_text text;
  const icn_allocator allocator = icn_allocator_default();
  icn_text_init(&text, &allocator);
  icn_kernel_log_print(log, &text);
  assert_false(text.failed);
  return text;
}

static void what_is_written_is_read_back(void **state) {
  (void)state;
  icn_kernel_log log = parsed(NULL, 0);
  put(&log, ICN_KERNEL_RIGHT, "conv_tile", HASH, NULL, NOW);
  put(&log, ICN_KERNEL_WRONG, "pool", OTHER, "", NOW);
  put(&log, ICN_KERNEL_RUNNING, "softmax", NULL, "12.34.boot", NOW);
  put(&log, ICN_KERNEL_CRASHED, "copy", NULL, "12.34.boot", NOW);
  put(&log, ICN_KERNEL_CRASHED_TWICE, "lrn", NULL, NULL, NOW);
  log.entries[1].note = "a\ttab and a\nline";
  put(&log, ICN_KERNEL_WRONG, "pool", OTHER, "", NOW); /* in place of the one before */
  icn_text text = printed(&log);
  icn_kernel_log again = parsed(text.data, text.length);
  assert_int_equal(again.count, 5);
  assert_int_equal(again.damaged, 0);
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(again.entries[i].state, log.entries[i].state);
    assert_string_equal(again.entries[i].row, log.entries[i].row);
    assert_string_equal(again.entries[i].process, log.entries[i].process);
    assert_string_equal(again.entries[i].date, NOW);
  }
  assert_string_equal(icn_kernel_log_tested(&again, HASH)->row, "conv_tile");
  assert_int_equal(icn_kernel_log_tested(&again, OTHER)->state, ICN_KERNEL_WRONG);
  assert_null(icn_kernel_log_tested(&again, "-"));
  icn_text_fini(&text);
  icn_kernel_log_fini(&again);
  icn_kernel_log_fini(&log);
}

static void control_characters_become_blanks(void **state) {
  (void)state;
  icn_error error;
  icn_kernel_log log = parsed(NULL, 0);
  const icn_kernel_entry entry = {
      .state = ICN_KERNEL_RIGHT, .device = "a\tGPU\n", .driver = "\x01", .row = "copy", .kernel = HASH, .date = NOW};
  assert_int_equal(icn_kernel_log_put(&log, &entry, &error), ICN_OK);
  icn_text text = printed(&log);
  icn_kernel_log again = parsed(text.data, text.length);
  assert_int_equal(again.count, 1);
  assert_int_equal(again.damaged, 0);
  assert_string_equal(again.entries[0].device, "a GPU ");
  icn_text_fini(&text);
  icn_kernel_log_fini(&again);
  icn_kernel_log_fini(&log);
}

static void damaged_lines_are_skipped_and_counted(void **state) {
  (void)state;
  static const char *const LINES[] = {
      "right",
      "right\tGPU\t1\t0.1.0\tcopy\t0\tcopy 1\t" HASH "\t-\t" NOW,             /* cut off */
      "right\tGPU\t1\t0.1.0\tcopy\t0\tcopy 1\t" HASH "\t-\t" NOW "\t-\tmore", /* one too many */
      "right\tGPU\t1\t0.1.0\tcopy\t0\tcopy 1\t" HASH "\t-\t2026-13-01T00:00:00Z\t-",
      "right\tGPU\t1\t0.1.0\tcopy\t0\tcopy 1\t" HASH "\t-\tyesterday\t-",
      "right\tGPU\t1\t0.1.0\tcopy\t0\tcopy 1\t0123\t-\t" NOW "\t-",
      "right\tGPU\t1\t0.1.0\t../copy\t0\tcopy 1\t" HASH "\t-\t" NOW "\t-",
      "right\tGPU\t\t0.1.0\tcopy\t0\tcopy 1\t" HASH "\t-\t" NOW "\t-",
      "good\tGPU\t1\t0.1.0\tcopy\t0\tcopy 1\t" HASH "\t-\t" NOW "\t-",
      "right\tG\033PU\t1\t0.1.0\tcopy\t0\tcopy 1\t" HASH "\t-\t" NOW "\t-",
      "refused\tGPU\t1\t0.1.0\tcopy\t0\tcopy 1\tno hash\t-\t" NOW "\t-",
  };
  enum { BAD = sizeof LINES / sizeof LINES[0] };
  char text[4096] = "# a comment\n\n", sentence[500];
  for (size_t i = 0; i < BAD; i++) {
    strcat(text, LINES[i]);
    strcat(text, "\n");
  }
  strcat(text, "right\tGPU\t1\t0.1.0\tcopy\t0\tcopy 1\t" HASH "\t-\t" NOW "\t-\r\n");
  icn_kernel_log log = parsed(text, strlen(text));
  assert_int_equal(log.count, 1);
  assert_int_equal(log.damaged, BAD);
  assert_int_equal(log.damaged_line, 3);
  assert_true(icn_kernel_log_complaint(&log, "kernels.txt", sentence, sizeof sentence));
  assert_non_null(strstr(sentence, "11 lines are skipped, the first is line 3: it is cut off"));
  icn_kernel_log_fini(&log);
  log = parsed("right\0\0\n", 8);
  assert_int_equal(log.damaged, 1);
  icn_kernel_log_fini(&log);
}

/* Any byte of a good file changed, and the file cut off anywhere: nothing worse than lines that are skipped. */
static void no_byte_is_an_error(void **state) {
  (void)state;
  icn_kernel_log log = parsed(NULL, 0);
  put(&log, ICN_KERNEL_RIGHT, "conv_tile", HASH, NULL, NOW);
  put(&log, ICN_KERNEL_CRASHED, "copy", NULL, "12.34.boot", NOW);
  icn_text text = printed(&log);
  for (size_t i = 0; i < text.length; i++) {
    static const char BYTES[] = {'\0', '\t', '\n', '#', (char)0xFF, '9'};
    for (size_t b = 0; b < sizeof BYTES; b++) {
      const char kept = text.data[i];
      text.data[i] = BYTES[b];
      icn_kernel_log other = parsed(text.data, text.length);
      assert_true(other.count <= 3);
      icn_kernel_log_fini(&other);
      text.data[i] = kept;
    }
    icn_kernel_log part = parsed(text.data, i);
    assert_true(part.count + part.damaged <= 2);
    icn_kernel_log_fini(&part);
  }
  icn_text_fini(&text);
  icn_kernel_log_fini(&log);
}

static void two_strikes_last(void **state) {
  (void)state;
  icn_error error;
  icn_kernel_log log = parsed(NULL, 0);
  put(&log, ICN_KERNEL_RUNNING, "copy", NULL, "1.1.a", NOW);
  assert_false(icn_kernel_is_out(&log.entries[0], NOW));
  assert_int_equal(icn_kernel_log_strike(&log, 0, NOW, &error), ICN_OK);
  assert_int_equal(log.count, 1);
  assert_int_equal(log.entries[0].state, ICN_KERNEL_CRASHED);
  assert_true(icn_kernel_is_out(&log.entries[0], NOW));
  assert_true(icn_kernel_is_out(&log.entries[0], "2026-11-24T14:59:59Z"));
  assert_false(icn_kernel_is_out(&log.entries[0], "2026-11-24T15:00:00Z")); /* another chance */
  assert_false(icn_kernel_is_out(&log.entries[0], "2026-11-21T15:00:00Z")); /* the clock was put back */
  put(&log, ICN_KERNEL_RUNNING, "copy", NULL, "2.2.a", "2026-11-25T15:00:00Z");
  assert_int_equal(log.count, 2);
  assert_int_equal(icn_kernel_log_strike(&log, 1, "2026-11-25T16:00:00Z", &error), ICN_OK);
  assert_int_equal(log.count, 1);
  assert_int_equal(log.entries[0].state, ICN_KERNEL_CRASHED_TWICE);
  assert_true(icn_kernel_is_out(&log.entries[0], "2036-11-25T16:00:00Z"));
  put(&log, ICN_KERNEL_RUNNING, "pool", NULL, "2.2.a", NOW); /* another row begins anew */
  assert_int_equal(icn_kernel_log_strike(&log, 1, NOW, &error), ICN_OK);
  assert_int_equal(log.entries[1].state, ICN_KERNEL_CRASHED);
  icn_kernel_log_remove(&log, 0);
  assert_string_equal(log.entries[0].row, "pool");
  icn_kernel_log_fini(&log);
}

/* Somebody who does not want to wait for a compiler has not found a broken kernel; twice at the same one is taken for it. */
static void a_refusal_lasts_a_day(void **state) {
  (void)state;
  icn_kernel_log log = parsed(NULL, 0);
  put(&log, ICN_KERNEL_REFUSED, "conv_tile", HASH, NULL, NOW);
  assert_int_equal(icn_kernel_log_tested(&log, HASH)->state, ICN_KERNEL_REFUSED);
  assert_true(icn_kernel_is_out(&log.entries[0], NOW));
  assert_false(icn_kernel_is_out(&log.entries[0], "2036-11-25T16:00:00Z"));
  put(&log, ICN_KERNEL_CRASHED, "conv_tile", NULL, NULL, NOW); /* of the row: another matter */
  assert_int_equal(log.count, 2);
  put(&log, ICN_KERNEL_RIGHT, "conv_tile", HASH, NULL, NOW); /* built after all */
  assert_int_equal(log.count, 2);
  assert_int_equal(icn_kernel_log_tested(&log, HASH)->state, ICN_KERNEL_RIGHT);
  icn_kernel_log_fini(&log);
}

static void the_compiler_has_two_tries(void **state) {
  (void)state;
  static const icn_kernel_state AFTER[] = {ICN_KERNEL_STOPPED, ICN_KERNEL_CRASHED, ICN_KERNEL_CRASHED_TWICE, ICN_KERNEL_CRASHED_TWICE};
  icn_error error;
  icn_kernel_log log = parsed(NULL, 0);
  for (int i = 0; i < 4; i++) {
    put(&log, ICN_KERNEL_RUNNING, "copy", NULL, "1.1.a", NOW);
    log.entries[log.count - 1].note = ICN_KERNEL_BUILDING;
    assert_int_equal(icn_kernel_log_strike(&log, log.count - 1, NOW, &error), ICN_OK);
    assert_int_equal(log.count, 1);
    assert_int_equal(log.entries[0].state, AFTER[i]);
    assert_int_equal(icn_kernel_is_out(&log.entries[0], NOW), i > 0);
  }
  icn_kernel_log_remove(&log, 0);
  put(&log, ICN_KERNEL_STOPPED, "copy", NULL, NULL, NOW);
  put(&log, ICN_KERNEL_RUNNING, "copy", NULL, "1.1.a", NOW); /* and now at its first run */
  assert_int_equal(icn_kernel_log_strike(&log, 1, NOW, &error), ICN_OK);
  assert_int_equal(log.entries[0].state, ICN_KERNEL_CRASHED);
  icn_kernel_log_fini(&log);
}

static void the_oldest_tests_are_forgotten(void **state) {
  (void)state;
  icn_kernel_log log = parsed(NULL, 0);
  put(&log, ICN_KERNEL_CRASHED, "lrn", NULL, NULL, NOW);
  for (unsigned i = 0; i < ICN_KERNEL_LINES + 10; i++) {
    char hash[ICN_KERNEL_HASH_BYTES];
    snprintf(hash, sizeof hash, "%032x", i);
    put(&log, ICN_KERNEL_RIGHT, "copy", hash, NULL, NOW);
  }
  icn_text text = printed(&log);
  icn_kernel_log again = parsed(text.data, text.length);
  assert_int_equal(again.count, ICN_KERNEL_LINES + 1);
  assert_null(icn_kernel_log_tested(&again, "00000000000000000000000000000009"));
  assert_non_null(icn_kernel_log_tested(&again, "0000000000000000000000000000000a"));
  icn_text_fini(&text);
  icn_kernel_log_fini(&again);
  icn_kernel_log_fini(&log);
}

static void dates_are_seconds(void **state) {
  (void)state;
  assert_int_equal(icn_date_seconds("1970-01-01T00:00:00Z"), 0);
  assert_int_equal(icn_date_seconds("2000-02-29T12:34:56Z"), 951827696);
  assert_int_equal(icn_date_seconds("2026-11-23T15:00:00Z"), 1795446000);
  static const char *const BAD[] = {"",
                                    "-",
                                    "2026-11-23",
                                    "2026-11-23 15:00:00Z",
                                    "2026-00-23T15:00:00Z",
                                    "2026-11-32T15:00:00Z",
                                    "2026-1a-23T15:00:00Z",
                                    "2026-11-23T15:00:00Zz"};
  for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) assert_int_equal(icn_date_seconds(BAD[i]), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read_back),
      cmocka_unit_test(control_characters_become_blanks),
      cmocka_unit_test(damaged_lines_are_skipped_and_counted),
      cmocka_unit_test(no_byte_is_an_error),
      cmocka_unit_test(two_strikes_last),
      cmocka_unit_test(a_refusal_lasts_a_day),
      cmocka_unit_test(the_compiler_has_two_tries),
      cmocka_unit_test(the_oldest_tests_are_forgotten),
      cmocka_unit_test(dates_are_seconds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
