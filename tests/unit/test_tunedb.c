/* The tuning database: reading what anybody may have put there, writing, merging; and what selection makes of it. */
#include <locale.h>

#include "row_space.h"
#include "row_table.h"
#include "support/icn_test.h"
#include "tunedb.h"

#define MACHINE "a CPU on a platform, 2 units of 16 lanes, a processor"
#define KEY     "conv 1x8x9x9 k32 r3x3 s1x1 p1,1 f32"

static icn_allocator allocator(void) { return icn_allocator_default(); }

static icn_tunedb parsed(const char *text, size_t bytes) {
  icn_tunedb db;
  icn_error error;
  const icn_allocator own = allocator();
  if (icn_tunedb_parse(&db, text, bytes, MACHINE, &own, &error) != ICN_OK) fail_msg("%s", error.message);
  return db;
}

/* A line of this version for this device with the middle fields given. */
static const char *line_of(const char *middle, char text[1024]) {
  snprintf(text, 1024, "%s\t%s\tdriver 1\t%s\t2026-01-01T00:00:00Z\n", "a CPU on *", middle, icn_version());
  return text;
}

static void good_lines_are_found_by_problem(void **state) {
  (void)state;
  char a[1024], b[1024], c[1024], text[4096];
  size_t count;
  snprintf(text, sizeof text, "# comment\n\n%s%s\r\n%s", line_of(KEY "\tconv_tile\t14,2,16\t120.5", a), line_of("other\tcopy\t0\t1", b),
           line_of(KEY "\twinograd_3x3\t4,9,3,16,-8\t99", c));
  char *end = strstr(text, "\n\r\n"); /* a line with CRLF */
  assert_non_null(end);
  memcpy(end, "\r\n\n", 3);
  icn_tunedb db = parsed(text, strlen(text));
  assert_int_equal(db.count, 3);
  assert_int_equal(db.damaged + db.other_device + db.other_version, 0);
  const icn_tune_row *rows = icn_tunedb_find(&db, KEY, &count);
  assert_int_equal(count, 2);
  assert_string_equal(rows[0].row, "winograd_3x3"); /* the fastest first */
  assert_true(rows[0].seconds == 99e-6);
  assert_int_equal(rows[0].config.value[4], -8);
  assert_int_equal(rows[0].config.value[5], 0);
  assert_true(rows[1].seconds > 120.49e-6 && rows[1].seconds < 120.51e-6);
  assert_null(icn_tunedb_find(&db, "conv", &count));
  assert_int_equal(count, 0);
  assert_null(icn_tunedb_find(NULL, KEY, &count));
  icn_tunedb_fini(&db);
  db = parsed(NULL, 0);
  assert_null(icn_tunedb_find(&db, KEY, &count));
  icn_tunedb_fini(&db);
}

static void bad_lines_are_counted_and_the_first_is_named(void **state) {
  (void)state;
  static const char *const MIDDLE[] = {
      KEY "\tconv_tile\t14,2,16,99999999999\t120.5", /* overflows */
      KEY "\tconv_tile\t1,2,3,4,5,6,7,8,9\t120.5",   /* one too many */
      KEY "\tconv_tile\t14;2\t120.5",
      KEY "\tconv_tile\t14,\t120.5",
      KEY "\tconv_tile\t-\t120.5",
      KEY "\tconv_tile\t14\t0", /* nothing takes no time */
      KEY "\tconv_tile\t14\t-1",
      KEY "\tconv_tile\t14\tnan",
      KEY "\tconv_tile\t14\t1e5",
      KEY "\tconv_tile\t14\t1,5",                     /* another locale's */
      KEY "\tconv_tile\t14\t99999999999999999999999", /* overflows */
      KEY "\tconv_tile\t14\t1.0000",
      KEY "\tconv tile\t14\t1",
      KEY "\tconv_tile\t14",  /* a field is missing */
      KEY "\tconv_tile\t\t1", /* empty */
      KEY "\tconv_tile\t14\t1\t1",
      KEY "\tconv_\033tile\t14\t1",
  };
  char line[1024], text[40000] = "", sentence[600];
  enum { BAD = sizeof MIDDLE / sizeof MIDDLE[0] };
  for (size_t i = 0; i < BAD; i++) strcat(text, line_of(MIDDLE[i], line));
  strcat(text, line_of(KEY "\tconv_tile\t14,2,16\t120.5", line));
  line[strlen(line) / 2] = '\0';
  strcat(text, line); /* cut off */
  icn_tunedb db = parsed(text, strlen(text));
  assert_int_equal(db.count, 1);
  assert_int_equal(db.damaged, BAD + 1);
  assert_int_equal(db.damaged_line, 1);
  assert_true(icn_tunedb_complaint(&db, "my file", sentence, sizeof sentence));
  assert_non_null(strstr(sentence, "'my file': 18 lines are not used, the first is line 1: its parameters are no numbers"));
  icn_tunedb_fini(&db);
}

static void lines_of_others_are_not_ours(void **state) {
  (void)state;
  char text[2048], sentence[600];
  snprintf(text, sizeof text, "another CPU on *\t%s\tcopy\t0\t1\td\t%s\tt\na CPU on *\t%s\tcopy\tof the future\t1\td\t99.0\tt\n", KEY,
           icn_version(), KEY);
  icn_tunedb db = parsed(text, strlen(text));
  assert_int_equal(db.count, 0);
  assert_int_equal(db.other_device, 1);
  assert_int_equal(db.other_version, 1);
  assert_false(icn_tunedb_complaint(&db, "file", sentence, sizeof sentence));
  icn_tunedb_fini(&db);
}

/* Only those for this device, and only as long as this version has no result of its own for their problem. */
static void lines_of_other_versions_are_named(void **state) {
  (void)state;
  char own[1024], text[4096], sentence[600];
  const char *old = "a CPU on *\t" KEY
                    "\tcopy\t0\t1\td\t0.0.9\tt\n"
                    "a CPU on *\t" KEY
                    "\tconv_tile\t0\t1\td\t0.0.8\tt\n"
                    "another on *\t" KEY
                    "\tcopy\t0\t1\td\t0.0.9\tt\n"
                    "a CPU on *\tother\tcopy\t0\t1\td\t0.0.9\tt\n";
  icn_tunedb db = parsed(old, strlen(old));
  assert_int_equal(db.other_version, 3);
  assert_int_equal(db.other_device, 1);
  assert_int_equal(db.outdated, 3);
  assert_true(icn_tunedb_outdated(&db, "my file", sentence, sizeof sentence));
  assert_string_equal(sentence, "tuning file 'my file': 3 lines of another version are not used: run 'clinception tune' again");
  icn_tunedb_fini(&db);
  snprintf(text, sizeof text, "%s%s", old, line_of(KEY "\tconv_tile\t14,2,16\t120.5", own));
  db = parsed(text, strlen(text));
  assert_int_equal(db.outdated, 1);
  assert_true(icn_tunedb_outdated(&db, "my file", sentence, sizeof sentence));
  assert_non_null(strstr(sentence, "1 line of another version is not used"));
  icn_tunedb_fini(&db);
  snprintf(text, sizeof text, "%s", line_of(KEY "\tconv_tile\t14,2,16\t120.5", own));
  db = parsed(text, strlen(text));
  assert_false(icn_tunedb_outdated(&db, "my file", sentence, sizeof sentence));
  icn_tunedb_fini(&db);
}

static void no_bytes_break_the_parser(void **state) {
  (void)state;
  uint32_t seed = 1;
  char line[1024], text[1100];
  static const char ODD[] = "\t\n\r,.-0129#\0\377 x";
  for (int round = 0; round < 20000; round++) {
    size_t length = strlen(line_of(KEY "\tconv_tile\t14,2,16\t120.5", line));
    memcpy(text, line, length);
    for (int k = 0; k < 1 + round % 4; k++) {
      seed = seed * 1664525U + 1013904223U;
      text[(seed >> 8) % length] = ODD[(seed >> 4) % (sizeof ODD - 1)];
    }
    length -= (seed >> 20) % 3 == 0 ? (seed >> 9) % length : 0;
    icn_tunedb db = parsed(text, length);
    for (size_t i = 0; i < db.count; i++) assert_true(db.rows[i].seconds > 0 && strlen(db.rows[i].key) < ICN_KEY_BYTES);
    icn_tunedb_fini(&db);
  }
}

static char *merged(const char *old, const char *added) {
  icn_text text;
  icn_error error;
  const icn_allocator own = allocator();
  icn_text_init(&text, &own);
  if (icn_tunedb_merge(old, strlen(old), added, &text, &error) != ICN_OK) fail_msg("%s", error.message);
  return text.data;
}

static void what_is_written_is_read_back(void **state) {
  (void)state;
  char line[ICN_TUNE_LINE_BYTES], text[ICN_TUNE_LINE_BYTES + 8];
  const char *device = "AMD [Radeon] RX*? on ROCm|x, 60 units of 1 lanes";
  const icn_tune_row row = {.key = KEY, .row = "conv_gpu", .config = {{64, 32}}, .seconds = 12.3456e-6};
  const icn_allocator own = allocator();
  icn_tunedb db;
  icn_error error;
  assert_true(icn_tunedb_line(device, "line\nbreak", "2026-11-22", &row, line));
  snprintf(text, sizeof text, "%s\n", line);
  char *file = merged("", text);
  assert_int_equal(icn_tunedb_parse(&db, file, strlen(file), device, &own, &error), ICN_OK);
  assert_int_equal(db.count, 1);
  assert_int_equal(db.rows[0].config.value[1], 32);
  assert_true(db.rows[0].seconds > 12.3459e-6 && db.rows[0].seconds < 12.3461e-6);
  icn_tunedb_fini(&db);
  assert_int_equal(icn_tunedb_parse(&db, file, strlen(file), "AMD Radeon RX on ROCm x, 60 units of 1 lanes", &own, &error), ICN_OK);
  assert_int_equal(db.count, 0);
  icn_tunedb_fini(&db);
  icn_release(&own, file);
}

static void merging_loses_nothing_and_keeps_the_newest(void **state) {
  (void)state;
  const icn_allocator own = allocator();
  const char *old =
      "# mine\n"
      "d2\tk\tr\t1\t5\tv\t0.0.1\t2020\n"
      "d\tk\tr\t1\t5\tv\t0.1.0\t2024\n"
      "d\tk\tr\t2\t4\tv\t0.1.0\t2025\n" /* a newer one of the same */
      "from the future\t1\t2\t3\t4\t5\t6\t7\t8\n"
      "d\tk\tr2\t1\t5\tv\t0.1.0\t2024\n";
  char *text = merged(old, "d\tk\tr2\t9\t9\tv\t0.1.0\t2023\nd\ta\tr\t1\t1\tv\t0.1.0\t2023\n");
  const char *expected =
      "# mine\n"
      "d\ta\tr\t1\t1\tv\t0.1.0\t2023\n"
      "d\tk\tr\t2\t4\tv\t0.1.0\t2025\n"
      "d\tk\tr2\t9\t9\tv\t0.1.0\t2023\n" /* what was measured now wins, whatever the clock */
      "d2\tk\tr\t1\t5\tv\t0.0.1\t2020\n"
      "from the future\t1\t2\t3\t4\t5\t6\t7\t8\n";
  assert_string_equal(strchr(text, '\n') + 1, expected);
  char *again = merged(text, "");
  assert_string_equal(again, text);
  icn_release(&own, again);
  icn_release(&own, text);
}

/* A row that was the fastest and computes wrongly since. */
static void a_wrong_row_replaces_its_result(void **state) {
  (void)state;
  char line[ICN_TUNE_LINE_BYTES], text[ICN_TUNE_LINE_BYTES + 8];
  const icn_allocator own = allocator();
  icn_tune_row row = {.key = KEY, .row = "conv_tile", .config = {{14, 2, 16}}, .seconds = 1e-6};
  assert_true(icn_tunedb_line(MACHINE, "d", "2026", &row, line));
  snprintf(text, sizeof text, "%s\n", line);
  char *before = merged("", text);
  icn_tunedb db = parsed(before, strlen(before));
  assert_int_equal(db.count, 1);
  icn_tunedb_fini(&db);
  row.seconds = 0;
  row.config.value[0] = 8;
  assert_true(icn_tunedb_line(MACHINE, "d", "2025", &row, line));
  snprintf(text, sizeof text, "%s\n", line);
  char *after = merged(before, text);
  db = parsed(after, strlen(after));
  assert_int_equal(db.count, 1);
  assert_true(db.rows[0].seconds == 0);
  assert_false(icn_tunedb_knows(&db, KEY));
  assert_int_equal(db.damaged, 0);
  icn_tunedb_fini(&db);
  icn_release(&own, before);
  icn_release(&own, after);
}

static void other_files_are_left_alone(void **state) {
  (void)state;
  icn_text text;
  icn_error error;
  const icn_allocator own = allocator();
  static const char BINARY[] = "# clinception tuning 1\n\0\0";
  icn_text_init(&text, &own);
  assert_int_equal(icn_tunedb_merge("dear diary\n", 11, "", &text, &error), ICN_FORMAT);
  assert_non_null(strstr(error.message, "no tuning file"));
  icn_text_fini(&text);
  icn_text_init(&text, &own);
  assert_int_equal(icn_tunedb_merge(BINARY, sizeof BINARY, "", &text, &error), ICN_FORMAT);
  icn_text_fini(&text);
}

static void keys_do_not_depend_on_the_locale(void **state) {
  (void)state;
  static const char *const LOCALES[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "fr_FR"};
  char before[ICN_KEY_BYTES], after[ICN_KEY_BYTES];
  icn_problem p;
  memset(&p, 0, sizeof p);
  const icn_shape shape = icn_shape_make(2, (const int64_t[]){3, 4});
  p.op = ICN_OP_UNARY;
  p.present = 1;
  p.in[0] = p.out = icn_view_dense(&shape);
  p.params.function = ICN_FN_CLIP;
  p.params.alpha = -0.5F;
  p.params.beta = 1.0F / 3.0F;
  p.epilogue.function = ICN_FN_LEAKY_RELU;
  p.epilogue.alpha = 1e-20F;
  (void)icn_problem_key(&p, before);
  assert_non_null(strstr(before, "(-0.5,0.333333343,0)"));
  assert_non_null(strstr(before, "leaky_relu(9.99999968e-21)"));
  bool found = false;
  for (size_t i = 0; i < sizeof LOCALES / sizeof LOCALES[0] && !found; i++) found = setlocale(LC_NUMERIC, LOCALES[i]) != NULL;
  if (!found) skip(); /* no locale with a decimal comma is installed */
  (void)icn_problem_key(&p, after);
  setlocale(LC_NUMERIC, "C");
  assert_string_equal(after, before);
}

/* ------------------------------------------------------------ selection */

static icn_problem conv(void) {
  icn_problem p;
  memset(&p, 0, sizeof p);
  const icn_shape x = icn_shape_make(4, (const int64_t[]){1, 8, 9, 9}), y = icn_shape_make(4, (const int64_t[]){1, 32, 9, 9}),
                  w = icn_shape_make(4, (const int64_t[]){32, 8, 3, 3});
  p.op = ICN_OP_CONV;
  p.params.groups = 1;
  for (int k = 0; k < 2; k++) {
    p.params.kernel[k] = 3;
    p.params.stride[k] = p.params.dilation[k] = p.params.pad_begin[k] = p.params.pad_end[k] = 1;
  }
  p.present = 3;
  p.constant = 2;
  p.in[0] = icn_view_device(&x, 0);
  p.in[1] = icn_view_dense(&w);
  p.out = icn_view_device(&y, 0);
  return p;
}

/* Selection with a file of one or two lines (the middle fields; NULL: none). */
static icn_choice chosen(const char *first, const char *second, const char *forced, char why_text[8192]) {
  const icn_row_table rows = {icn_row_at, icn_row_count()};
  const icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  const icn_problem problem = conv();
  const icn_allocator own = allocator();
  char a[1024] = "", b[1024] = "", text[2048], key[ICN_KEY_BYTES];
  icn_choice choice;
  icn_text why;
  icn_error error;
  assert_string_equal(icn_problem_key(&problem, key), KEY);
  if (first != NULL) line_of(first, a);
  if (second != NULL) line_of(second, b);
  snprintf(text, sizeof text, "%s%s", a, b);
  icn_tunedb db = parsed(text, strlen(text));
  icn_text_init(&why, &own);
  if (icn_select_tuned(&rows, &problem, &device, forced, &db, "layer", &choice, &why, &error) != ICN_OK) fail_msg("%s", error.message);
  if (why_text != NULL) snprintf(why_text, 8192, "%s", why.data);
  icn_text_fini(&why);
  icn_tunedb_fini(&db);
  return choice;
}

static void measured_wins_over_expected(void **state) {
  (void)state;
  char why[8192];
  const icn_choice untuned = chosen(NULL, NULL, NULL, NULL);
  assert_string_equal(untuned.rule, "cost");
  assert_false(untuned.tuned);
  icn_choice c = chosen(KEY "\tconv_tile\t9,3,16\t500", NULL, NULL, why);
  assert_string_equal(c.row->name, "conv_tile");
  assert_string_equal(c.rule, "tuned");
  assert_int_equal(c.config.value[0], 9);
  assert_true(c.cost_seconds > 499e-6 && c.cost_seconds < 501e-6);
  assert_non_null(strstr(why, "conv_tile: tuned here: measured 500.0 us"));
  c = chosen(KEY "\tconv_tile\t9,3,16\t500", KEY "\tconv_gpu\t32,64\t400", NULL, why);
  assert_string_equal(c.row->name, "conv_gpu"); /* the faster of the two, whatever the cost model thinks */
  assert_non_null(strstr(why, "conv_tile: tuned here: measured 500.0 us"));
}

static void forced_wins_over_measured(void **state) {
  (void)state;
  icn_choice c = chosen(KEY "\tconv_tile\t9,3,16\t500", NULL, "conv_direct", NULL);
  assert_string_equal(c.row->name, "conv_direct");
  assert_string_equal(c.rule, "forced");
  c = chosen(KEY "\tconv_tile\t9,3,16\t500", KEY "\tconv_gpu\t32,64\t400", "-conv_gpu", NULL);
  assert_string_equal(c.row->name, "conv_tile");
  assert_string_equal(c.rule, "tuned");
  c = chosen(KEY "\tconv_tile\t9,3,16\t500", NULL, "conv_tile", NULL);
  assert_string_equal(c.rule, "forced");
  assert_int_equal(c.config.value[0], 9); /* configured as measured */
}

static void what_does_not_hold_is_ignored_with_a_reason(void **state) {
  (void)state;
  static const struct {
    const char *middle, *reason;
  } BAD[] = {{KEY "\tconv_tile\t99,3,16\t1", "conv_tile: its tuning row is ignored, there is no tile of 99 rows"},
             {KEY "\tconv_tile\t9,3,4\t1", "vectors of 4 lanes, the device's have 16"},
             {KEY "\tconv_tile\t9,3,16,1\t1", "it has 3 parameters, not 4"},
             {KEY "\tconv_gpu\t128,128\t1", "there are no tiles of 128 x 128"},
             {KEY "\tconv_item\t4,2,12\t1", "with panels of 12"},
             {KEY "\tconv_subgroup\t8,2,16,1\t1", "conv_subgroup: declined, the device has no sub-groups"},
             {KEY "\twinograd_3x3\t5,14,2,16,14,1\t1", "there is no F(5, r)"},
             {KEY "\twinograd_3x3\t4,14,2,16,13,1\t1", "blocks of 13 tiles, from 14 to 64"},
             {KEY "\twinograd_3x3\t4,14,2,16,65,1\t1", "blocks of 65 tiles"},
             {KEY "\twinograd_3x3\t4,14,2,16,14,0\t1", "0 splits of 1 panels"},
             {KEY "\twinograd_3x3\t4,14,2,16,14,2147483647\t1", "2147483647 splits of 1 panels"},
             {KEY "\tconv_direct\t1\t1", "its parameters are not those that the row chooses here"},
             {KEY "\twinograd_5x5\t2,14,2,16,14,1\t1", "winograd_5x5: declined"},
             {KEY "\tno_such_row\t1\t1", "conv_direct"}};
  char why[8192];
  const icn_choice untuned = chosen(NULL, NULL, NULL, NULL);
  for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
    const icn_choice c = chosen(BAD[i].middle, NULL, NULL, why);
    if (strstr(why, BAD[i].reason) == NULL) fail_msg("'%s' is not in: %s", BAD[i].reason, why);
    assert_ptr_equal(c.row, untuned.row);
    assert_memory_equal(&c.config, &untuned.config, sizeof c.config);
    assert_string_equal(c.rule, "cost");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_lines_are_found_by_problem),
      cmocka_unit_test(bad_lines_are_counted_and_the_first_is_named),
      cmocka_unit_test(lines_of_others_are_not_ours),
      cmocka_unit_test(lines_of_other_versions_are_named),
      cmocka_unit_test(no_bytes_break_the_parser),
      cmocka_unit_test(what_is_written_is_read_back),
      cmocka_unit_test(merging_loses_nothing_and_keeps_the_newest),
      cmocka_unit_test(a_wrong_row_replaces_its_result),
      cmocka_unit_test(other_files_are_left_alone),
      cmocka_unit_test(keys_do_not_depend_on_the_locale),
      cmocka_unit_test(measured_wins_over_expected),
      cmocka_unit_test(forced_wins_over_measured),
      cmocka_unit_test(what_does_not_hold_is_ignored_with_a_reason),
  };
  return cmocka_run_group_tests_name("tunedb", tests, NULL, NULL);
}
