/* Tuning lines that come with the library: what they decide beside the user's own, where they are refused, and that those of
 * lib/tuning/shipped.txt can be used by this version. */
#include "glob.h"
#include "row_space.h"
#include "row_table.h"
#include "shipped.h"
#include "support/icn_test.h"
#include "support/network.h"

#define PATTERN "pthread-skylake-avx512-* on Portable Computing Language, 2 units of 16 lanes, *AuthenticAMD family 25 model 17"
#define MACHINE \
  "pthread-skylake-avx512-AMD EPYC on Portable Computing Language, 2 units of 16 lanes, AMD EPYC, AuthenticAMD family 25 model 17"
#define KEY "conv 1x8x9x9 k32 r3x3 s1x1 p1,1 f32"

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

/* Lines for KEY: "row\tparameters\ttime", separated by ';'. */
static const char *lines_of(const char *middles, const char *pattern, const char *version, char text[4096]) {
  size_t length = 0;
  text[0] = '\0';
  while (middles != NULL && *middles != '\0') {
    const size_t bytes = strcspn(middles, ";");
    length +=
        (size_t)snprintf(text + length, 4096 - length, "%s\t" KEY "\t%.*s\td\t%s\t2026-01-01\n", pattern, (int)bytes, middles, version);
    middles += bytes + (middles[bytes] == ';' ? 1 : 0);
  }
  return text;
}

static icn_tunedb database(const char *own, const char *shipped) {
  char text[4096];
  icn_tunedb db;
  icn_error error;
  const icn_allocator allocator = icn_allocator_default();
  (void)lines_of(own, MACHINE, icn_version(), text);
  if (icn_tunedb_parse(&db, text, strlen(text), MACHINE, &allocator, &error) != ICN_OK) fail_msg("%s", error.message);
  (void)lines_of(shipped, PATTERN, icn_version(), text);
  if (icn_tunedb_add_shipped(&db, text, strlen(text), MACHINE, &error) != ICN_OK) fail_msg("%s", error.message);
  return db;
}

/* What is chosen with these lines of the user's file and these shipped ones; `why` may be NULL. */
static icn_choice chosen(const char *own, const char *shipped, const char *forced, char why_text[8192]) {
  const icn_row_table rows = {icn_row_at, icn_row_count()};
  const icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  const icn_problem problem = conv();
  const icn_allocator allocator = icn_allocator_default();
  icn_choice choice;
  icn_text why;
  icn_error error;
  icn_tunedb db = database(own, shipped);
  icn_text_init(&why, &allocator);
  if (icn_select_tuned(&rows, &problem, &device, forced, &db, "layer", &choice, &why, &error) != ICN_OK) fail_msg("%s", error.message);
  if (why_text != NULL) snprintf(why_text, 8192, "%s", why.data);
  icn_text_fini(&why);
  icn_tunedb_fini(&db);
  return choice;
}

static void says(const char *text, const char *part) {
  if (strstr(text, part) == NULL) fail_msg("'%s' is not in: %s", part, text);
}

/* ------------------------------------------------------------- precedence */

static void forced_then_own_then_shipped_then_cost(void **state) {
  (void)state;
  char why[8192];
  const char *shipped = "conv_tile\t9,3,16\t500;conv_gpu\t32,64\t400";
  icn_choice c = chosen(NULL, NULL, NULL, why);
  assert_string_equal(c.rule, "cost");
  assert_false(c.shipped);
  c = chosen(NULL, shipped, NULL, why);
  assert_string_equal(c.row->name, "conv_gpu"); /* the faster of the two */
  assert_string_equal(c.rule, "shipped");
  assert_true(c.tuned && c.shipped);
  says(why, "conv_gpu: shipped tuning: measured 400.0 us");
  says(why, "conv_tile: shipped tuning: measured 500.0 us");
  /* What was measured here decides, however fast others were elsewhere, and in its own parameters. */
  c = chosen("conv_tile\t8,2,16\t900", shipped, NULL, why);
  assert_string_equal(c.row->name, "conv_tile");
  assert_string_equal(c.rule, "tuned");
  assert_int_equal(c.config.value[0], 8);
  assert_false(c.shipped);
  says(why, "conv_tile: tuned here: measured 900.0 us");
  says(why, "conv_gpu: shipped tuning: measured 400.0 us");
  /* A name decides over both; its parameters are the best that are known. */
  c = chosen("conv_gpu\t32,64\t900", shipped, "conv_tile", NULL);
  assert_string_equal(c.rule, "forced");
  assert_string_equal(c.row->name, "conv_tile");
  assert_int_equal(c.config.value[0], 9);
  c = chosen(NULL, shipped, "conv_direct", NULL);
  assert_string_equal(c.row->name, "conv_direct");
  c = chosen(NULL, shipped, "-conv_gpu", NULL);
  assert_string_equal(c.row->name, "conv_tile");
  assert_string_equal(c.rule, "shipped");
}

static void what_does_not_hold_gives_way(void **state) {
  (void)state;
  char why[8192];
  const icn_choice untuned = chosen(NULL, NULL, NULL, NULL);
  icn_choice c = chosen("conv_tile\t99,3,16\t1", "conv_tile\t9,3,16\t500", NULL, NULL); /* the user's is impossible */
  assert_string_equal(c.rule, "shipped");
  assert_int_equal(c.config.value[0], 9);
  static const struct {
    const char *shipped, *reason;
  } BAD[] = {{"conv_tile\t99,3,16\t1", "conv_tile: its tuning row is ignored, there is no tile of 99 rows"},
             {"conv_tile\t9,3,4\t1", "vectors of 4 lanes, the device's have 16"},
             {"conv_gpu\t2147483647,-2147483647\t1", "conv_gpu: its tuning row is ignored"},
             {"winograd_5x5\t2,14,2,16,14,1\t1", "winograd_5x5: declined"},
             {"no_such_row\t1\t1", "conv_direct"},
             {"conv_tile\t9,3,99999999999\t1", "conv_direct"},
             {"conv_tile\t9,3,16", "conv_direct"}};
  for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
    c = chosen(NULL, BAD[i].shipped, NULL, why);
    says(why, BAD[i].reason);
    assert_ptr_equal(c.row, untuned.row);
    assert_memory_equal(&c.config, &untuned.config, sizeof c.config);
    assert_string_equal(c.rule, "cost");
  }
}

static void a_row_that_is_wrong_here_is_not_shipped(void **state) {
  (void)state;
  char why[8192];
  icn_choice c = chosen("conv_tile\t8,2,16\twrong", "conv_tile\t9,3,16\t500;conv_gpu\t32,64\t600", NULL, why);
  assert_string_equal(c.row->name, "conv_gpu");
  assert_string_equal(c.rule, "shipped");
  says(why, "conv_tile: its tuning row is ignored, the tuner saw it compute wrongly here");
  c = chosen("conv_tile\t8,2,16\twrong", "conv_tile\t9,3,16\t500", NULL, NULL);
  assert_string_equal(c.rule, "cost");
  icn_tunedb db = database("conv_tile\t8,2,16\twrong", "conv_tile\t9,3,16\t500");
  assert_false(icn_tunedb_knows(&db, KEY)); /* neither is a measurement of the user's */
  db.without_shipped = true;
  size_t count;
  assert_non_null(icn_tunedb_find(&db, KEY, &count));
  assert_int_equal(count, 1);
  icn_tunedb_fini(&db);
}

/* -------------------------------------------------------------- elsewhere */

static void other_devices_refuse_them(void **state) {
  (void)state;
  static const char ALIKE[] =
      "pthread-skylake-avx512-AMD EPYC 9R14 96-Core Processor on Portable Computing Language, 2 units of 16 lanes, "
      "AMD EPYC 9R14 96-Core Processor, AuthenticAMD family 25 model 17";
  static const char *const OTHERS[] = {
      /* more units; AVX2; Zen 3; another maker with the same numbers; a newer PoCL; another runtime; unknown; a part of the text */
      "pthread-skylake-avx512-AMD EPYC on Portable Computing Language, 12 units of 16 lanes, AMD EPYC, AuthenticAMD family 25 model 17",
      "pthread-skylake-avx512-AMD EPYC on Portable Computing Language, 2 units of 8 lanes, AMD EPYC, AuthenticAMD family 25 model 17",
      "pthread-znver3-AMD EPYC on Portable Computing Language, 2 units of 16 lanes, AMD EPYC, AuthenticAMD family 25 model 17",
      "pthread-skylake-avx512-AMD EPYC on Portable Computing Language, 2 units of 16 lanes, AMD EPYC, AuthenticAMD family 25 model 1",
      "pthread-skylake-avx512-AMD EPYC on Portable Computing Language, 2 units of 16 lanes, AMD EPYC, AuthenticAMD family 25 model 171",
      "pthread-skylake-avx512-Some CPU on Portable Computing Language, 2 units of 16 lanes, Some CPU, GenuineIntel family 25 model 17",
      "cpu-skylake-avx512-AMD EPYC on Portable Computing Language, 2 units of 16 lanes, AMD EPYC, AuthenticAMD family 25 model 17",
      "AMD EPYC on Intel(R) OpenCL, 2 units of 16 lanes, AMD EPYC, AuthenticAMD family 25 model 17",
      "pthread-skylake-avx512-AMD EPYC on Portable Computing Language, 2 units of 16 lanes, unknown processor",
      "pthread-skylake-avx512-AMD EPYC on Portable Computing Language, 2 units of 16 lanes, AMD EPYC",
  };
  const icn_allocator allocator = icn_allocator_default();
  char text[4096];
  icn_error error;
  icn_tunedb db;
  (void)lines_of("conv_tile\t9,3,16\t500", PATTERN, icn_version(), text);
  for (size_t i = 0; i < 2 + sizeof OTHERS / sizeof OTHERS[0]; i++) {
    const char *device = i == 0 ? MACHINE : i == 1 ? ALIKE : OTHERS[i - 2];
    assert_int_equal(icn_tunedb_parse(&db, NULL, 0, device, &allocator, &error), ICN_OK);
    assert_int_equal(icn_tunedb_add_shipped(&db, text, strlen(text), device, &error), ICN_OK);
    if (db.count != (i < 2 ? 1u : 0u)) fail_msg("%zu lines for '%s'", db.count, device);
    assert_int_equal(db.other_device + db.other_version + db.damaged, 0);
    icn_tunedb_fini(&db);
  }
}

static void other_versions_do_not_count(void **state) {
  (void)state;
  const icn_allocator allocator = icn_allocator_default();
  char text[4096], sentence[600];
  icn_error error;
  icn_tunedb db;
  (void)lines_of("conv_tile\t9,3,16\t500", PATTERN, "0.0.9", text);
  assert_int_equal(icn_tunedb_parse(&db, NULL, 0, MACHINE, &allocator, &error), ICN_OK);
  assert_int_equal(icn_tunedb_add_shipped(&db, text, strlen(text), MACHINE, &error), ICN_OK);
  assert_int_equal(db.count, 0);
  assert_false(icn_tunedb_outdated(&db, "file", sentence, sizeof sentence)); /* no matter of the user's */
  icn_tunedb_fini(&db);
}

/* ---------------------------------------------------- what is in the library */

/* A pattern that only devices alike can have. Its own text is one: patterns of shipped lines have no sets and no alternatives. */
static void check_pattern(const char *pattern) {
  const char *platform = strstr(pattern, " on "), *units = strstr(pattern, " units of "), *lanes = strstr(pattern, " lanes");
  if (strpbrk(pattern, "[|") != NULL || pattern[0] == '!') fail_msg("shipped pattern '%s': a line for each alternative, please", pattern);
  if (platform == NULL || units == NULL || lanes == NULL || platform > units) fail_msg("shipped pattern '%s' is no device's", pattern);
  const bool cpu = lanes[6] != '\0', model = strstr(lanes, " family ") != NULL || strstr(lanes, " part ") != NULL;
  if (cpu && !model) fail_msg("shipped pattern '%s' says nothing about the processor's model", pattern);
  const char *star = strchr(cpu ? platform : pattern, '*');
  if (star != NULL && star < lanes) fail_msg("shipped pattern '%s' leaves open what the device is", pattern);
}

static icn_device_desc device_of(const char *pattern) {
  const char *lanes = strstr(pattern, " lanes"), *units = strstr(pattern, " units of ");
  icn_device_desc desc = icn_device_desc_example(lanes[6] != '\0' ? ICN_DEVICE_CPU : ICN_DEVICE_GPU);
  desc.vector_width = (uint32_t)strtoul(units + strlen(" units of "), NULL, 10);
  while (units > pattern && units[-1] >= '0' && units[-1] <= '9') units--;
  desc.compute_units = (uint32_t)strtoul(units, NULL, 10);
  return desc;
}

/* The lines of one device: all can be read, their rows exist, and some decide about a layer of the network. */
static void check_device(const char *text, const char *pattern, const test_network *network) {
  const icn_allocator allocator = icn_allocator_default();
  const icn_device_desc device = device_of(pattern);
  char sentence[600];
  icn_tunedb db;
  icn_plan plan;
  icn_error error;
  size_t used = 0;
  assert_int_equal(icn_tunedb_parse(&db, text, strlen(text), pattern, &allocator, &error), ICN_OK);
  if (icn_tunedb_complaint(&db, "shipped.txt", sentence, sizeof sentence)) fail_msg("%s", sentence);
  if (db.other_version > 0)
    fail_msg("%zu shipped lines are not of version %s: measure again or, where they hold still, tools/dev/ship_tuning.py --same",
             db.other_version, icn_version());
  for (size_t i = 0; i < db.count; i++) {
    bool known = false;
    for (size_t r = 0; r < icn_row_count(); r++) known = known || strcmp(icn_row_at(r)->name, db.rows[i].row) == 0;
    if (!known || db.rows[i].seconds <= 0) fail_msg("a shipped line names the row '%s'", db.rows[i].row);
  }
  icn_tunedb_fini(&db);
  assert_int_equal(icn_tunedb_parse(&db, NULL, 0, pattern, &allocator, &error), ICN_OK);
  assert_int_equal(icn_tunedb_add_shipped(&db, text, strlen(text), pattern, &error), ICN_OK);
  if (icn_plan_make(&network->graph, &device, &(icn_plan_request){.tuning = &db}, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
  for (size_t l = 0; l < plan.layer_count; l++) used += strcmp(plan.layers[l].choice.rule, "shipped") == 0;
  if (used == 0) fail_msg("no shipped line of '%s' is of use", pattern);
  icn_plan_fini(&plan);
  icn_tunedb_fini(&db);
}

static size_t check_lines(const char *text, const char *network_name) {
  char pattern[ICN_TUNE_DEVICE_BYTES] = "";
  icn_error error;
  size_t lines = 0;
  test_network network;
  for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
    const int length = (int)strcspn(line, "\t\r\n");
    if (line[0] == '#' || length == 0 || line[0] == '\r') continue;
    assert_true(length < (int)sizeof pattern);
    if (lines++ == 0 && test_network_load(network_name, 1, &network, &error) != ICN_OK) fail_msg("%s", error.message);
    if ((int)strlen(pattern) == length && strncmp(pattern, line, (size_t)length) == 0) continue;
    snprintf(pattern, sizeof pattern, "%.*s", length, line);
    check_pattern(pattern);
    check_device(text, pattern, &network);
  }
  if (lines > 0) test_network_unload(&network);
  return lines;
}

static void the_shipped_lines_can_be_used(void **state) {
  (void)state;
  assert_int_equal(strlen(icn_shipped_tuning), icn_shipped_tuning_bytes);
  assert_memory_equal(icn_shipped_tuning, "# clinception tuning 1", 22);
  print_message("shipped tuning: %zu lines\n", check_lines(icn_shipped_tuning, "builtin:inception_v3"));
}

/* The same check on lines that somebody could ship. */
static void a_filled_file_passes(void **state) {
  (void)state;
  static const char SMALL[] = "builtin:inception_v3:input=75,classes=10";
  const icn_device_desc device = device_of(PATTERN);
  char text[4096], key[ICN_KEY_BYTES];
  icn_error error;
  icn_plan plan;
  test_network network;
  assert_int_equal(test_network_load(SMALL, 1, &network, &error), ICN_OK);
  if (icn_plan_make(&network.graph, &device, NULL, &plan, &error) != ICN_OK) fail_msg("%s", error.message);
  const icn_plan_layer *layer = &plan.layers[0];
  for (size_t l = 0; l < plan.layer_count; l++)
    if (strcmp(plan.layers[l].choice.row->name, "conv_tile") == 0) layer = &plan.layers[l];
  const icn_config *c = &layer->choice.config;
  snprintf(text, sizeof text, "# clinception tuning 1\r\n# more\n\n" PATTERN "\t%s\t%s\t%d,%d,%d,%d,%d,%d\t12.5\t3.1\t%s\t2026-11-22\n",
           icn_problem_key(&layer->problem, key), layer->choice.row->name, (int)c->value[0], (int)c->value[1], (int)c->value[2],
           (int)c->value[3], (int)c->value[4], (int)c->value[5], icn_version());
  assert_int_equal(check_lines(text, SMALL), 1);
  icn_plan_fini(&plan);
  test_network_unload(&network);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forced_then_own_then_shipped_then_cost),
      cmocka_unit_test(what_does_not_hold_gives_way),
      cmocka_unit_test(a_row_that_is_wrong_here_is_not_shipped),
      cmocka_unit_test(other_devices_refuse_them),
      cmocka_unit_test(other_versions_do_not_count),
      cmocka_unit_test(the_shipped_lines_can_be_used),
      cmocka_unit_test(a_filled_file_passes),
  };
  return cmocka_run_group_tests_name("shipped_tuning", tests, NULL, NULL);
}
