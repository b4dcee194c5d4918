/* Tuning lines as programs meet them: those that come with the library, the user's file above them, what turns either off, lines of other
 * versions. The shipped lines are made up here, for the device at hand: another row for every problem than selection takes by itself. */
#include "context.h"
#include "device_facts.h"
#include "row_space.h"
#include "support/api_model.h"
#include "support/icn_test.h"
#include "tune.h"
#include "tune_file.h"

enum { EDGE = 17, IMAGE = 3 * EDGE * EDGE };

static const icn_input_shape SHAPE = {.name = "x", .rank = 4, .dim = {1, 3, EDGE, EDGE}};
static char lines[1 << 16]; /* a result for each problem */
static const char USERS_FILE[] = "test-tuning.txt";

/* Keeps the warnings. */
static char warnings[4096];
static void keep(void *user, icn_log_level level, const char *line) {
  (void)user;
  if (level == ICN_LOG_WARNING && strlen(warnings) + strlen(line) + 2 < sizeof warnings) strcat(strcat(warnings, line), "\n");
}

typedef struct fixture {
  icn_context *context;
  proto_writer file;
  icn_model *model;
  const icn_device *device;
} fixture;

/* A context that reads `tune_file`, and below it `lines` if it reads shipped ones at all. */
static fixture open_with(const char *tune_file) {
  static const icn_logger LOGGER = {NULL, ICN_LOG_WARNING, keep};
  fixture f;
  icn_error error;
  icn_context_options options;
  icn_context_options_init(&options);
  options.tune_file = tune_file;
  options.logger = &LOGGER;
  warnings[0] = '\0';
  if (icn_context_create(&options, &f.context, &error) != ICN_OK) fail_msg("%s", error.message);
  if (f.context->shipped != NULL) {
    f.context->shipped = lines;
    f.context->shipped_bytes = strlen(lines);
  }
  f.file = api_model_write();
  f.model = api_model_load(f.context, &f.file);
  if (icn_context_find_device(f.context, NULL, &f.device, &error) != ICN_OK) fail_msg("%s", error.message);
  return f;
}

static void close_it(fixture *f) {
  icn_model_destroy(f->model);
  icn_context_destroy(f->context);
  proto_free(&f->file);
}

static icn_plan_options plan_options(const fixture *f) {
  icn_plan_options options;
  icn_plan_options_init(&options);
  options.device = f->device;
  options.shapes = &SHAPE;
  options.shape_count = 1;
  options.why = 1;
  return options;
}

static char *plan_of(const fixture *f, const icn_plan_options *options) {
  char *text = NULL;
  icn_error error;
  if (icn_model_plan(f->model, options, &text, &error) != ICN_OK) fail_msg("%s", error.message);
  return text;
}

static void plan_says(const fixture *f, const char *part, bool expected) {
  const icn_plan_options options = plan_options(f);
  char *text = plan_of(f, &options);
  if ((strstr(text, part) != NULL) != expected) fail_msg("'%s' should %sbe in: %s", part, expected ? "" : "not ", text);
  icn_text_destroy(f->context, text);
}

static void write_file(const char *text) {
  icn_error error;
  if (icn_os_write_file(USERS_FILE, text, strlen(text), &error) != ICN_OK) fail_msg("%s", error.message);
}

/* ------------------------------------------------------------ what is shipped */

/* The slowest row that applies, as it configures itself, which nobody would expect. */
static const icn_row *unlikely_row(const icn_tune_problem *p, const icn_device_desc *device, icn_config *config) {
  const icn_row *found = NULL;
  double most = 0;
  for (size_t r = 0; r < icn_row_count(); r++) {
    const icn_row *row = icn_row_at(r);
    icn_config own;
    if (row == p->row || row->op != p->problem.op || !icn_row_common_ok(&p->problem, NULL) || !row->applies(&p->problem, device, NULL))
      continue;
    (void)icn_row_space(row, &p->problem, device, 0, &own);
    const double cost = row->cost(&p->problem, device, &own);
    if (!(cost > most) || !icn_row_takes(row, &p->problem, device, &own, NULL)) continue;
    most = cost;
    *config = own;
    found = row;
  }
  return found;
}

static int make_lines(void **state) {
  (void)state;
  fixture f = open_with("none");
  const icn_plan_options options = plan_options(&f);
  const icn_device_desc *desc = icn_device_description(f.device);
  char device[ICN_TUNE_DEVICE_BYTES], line[ICN_TUNE_LINE_BYTES];
  icn_tune_problem *problems;
  icn_error error;
  size_t count, length = 0;
  if (icn_tune_problems(f.model, &options, &problems, &count, &error) != ICN_OK) fail_msg("%s", error.message);
  (void)icn_tuning_device(desc, true, device);
  for (size_t i = 0; i < count; i++) {
    icn_tune_row result = {.key = problems[i].key, .seconds = 1e-3};
    const icn_row *row = unlikely_row(&problems[i], desc, &result.config);
    if (row == NULL) continue;
    result.row = row->name;
    assert_true(icn_tunedb_line(device, "driver", "2026-01-01", &result, line));
    assert_true(length + strlen(line) + 2 < sizeof lines);
    length += (size_t)snprintf(lines + length, sizeof lines - length, "%s\n", line);
  }
  assert_true(length > 0);
  icn_release(&f.context->allocator, problems);
  close_it(&f);
  return 0;
}

static int remove_file(void **state) {
  (void)state;
  icn_os_remove(USERS_FILE);
  return 0;
}

static void shipped_lines_decide(void **state) {
  (void)state;
  fixture f = open_with("shipped");
  plan_says(&f, "shipped tuning: measured 1000.0 us", true);
  plan_says(&f, "tuned here", false);
  assert_string_equal(warnings, "");
  /* A device of another machine is not like this one. */
  icn_device_desc other = *icn_device_description(f.device);
  icn_text text;
  icn_text_init(&text, &f.context->allocator);
  icn_plan_options options = plan_options(&f);
  other.compute_units++;
  icn_device_desc_print(&other, &text);
  options.device = NULL;
  options.device_text = text.data;
  char *plan = plan_of(&f, &options);
  assert_null(strstr(plan, "shipped"));
  icn_text_destroy(f.context, plan);
  icn_text_fini(&text);
  close_it(&f);
}

static void they_can_be_turned_off(void **state) {
  (void)state;
  fixture f = open_with("none");
  assert_null(f.context->shipped);
  plan_says(&f, "shipped", false);
  close_it(&f);
  write_file("");
  f = open_with(USERS_FILE);
  plan_says(&f, "shipped tuning", true);
  close_it(&f);
}

/* Selection takes by name what it would not take, and the results are those of the reference. */
static void results_stay_right(void **state) {
  (void)state;
  fixture f = open_with("shipped");
  float image[IMAGE], scores[2][API_MODEL_CLASSES], features[2][20];
  const float *images[] = {image};
  size_t taken = 0;
  icn_error error;
  api_fill(image, IMAGE, 7);
  for (int i = 0; i < 2; i++) {
    icn_executor_options options;
    icn_executor *executor = NULL;
    float *outputs[] = {scores[i], features[i]};
    icn_executor_options_init(&options);
    options.shapes = &SHAPE;
    options.shape_count = 1;
    options.device = f.device;
    if (i == 1) assert_int_equal(icn_context_find_device(f.context, "reference", &options.device, &error), ICN_OK);
    if (icn_executor_create(f.model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
    for (size_t l = 0; i == 0 && l < icn_executor_layer_count(executor); l++) {
      char part[ICN_KEY_BYTES + 100];
      const icn_layer_info layer = icn_executor_layer(executor, l);
      snprintf(part, sizeof part, "\t%s\t%s\t", layer.problem, layer.row);
      taken += strstr(lines, part) != NULL;
    }
    if (icn_executor_run(executor, images, outputs, &error) != ICN_OK) fail_msg("%s", error.message);
    icn_executor_destroy(executor);
  }
  assert_true(taken > 0);
  assert_true(api_difference(scores[0], scores[1], API_MODEL_CLASSES) < 1e-4);
  assert_true(api_difference(features[0], features[1], 20) < 1e-4);
  close_it(&f);
}

static void the_users_file_stands_above(void **state) {
  (void)state;
  write_file(lines);
  fixture f = open_with(USERS_FILE);
  plan_says(&f, "tuned here: measured 1000.0 us", true);
  plan_says(&f, "shipped tuning", false);
  close_it(&f);
}

/* ------------------------------------------------------------ other versions */

static void lines_of_other_versions_are_one_warning(void **state) {
  (void)state;
  char *old = malloc(sizeof lines + 100);
  assert_non_null(old);
  size_t count = 0, length = 0;
  for (const char *at = lines; *at != '\0'; at += strcspn(at, "\n") + 1, count++) { /* the field before the last */
    const char *end = at + strcspn(at, "\n"), *date = end, *version;
    while (date[-1] != '\t') date--;
    for (version = date - 1; version[-1] != '\t'; version--) {
    }
    length +=
        (size_t)snprintf(old + length, sizeof lines + 100 - length, "%.*s0.0.9\t%.*s\n", (int)(version - at), at, (int)(end - date), date);
  }
  write_file(old);
  free(old);
  char expected[200];
  snprintf(expected, sizeof expected, "tuning file '%s': %zu line%s of another version %s not used: run 'clinception tune' again\n",
           USERS_FILE, count, count == 1 ? "" : "s", count == 1 ? "is" : "are");
  fixture f = open_with(USERS_FILE);
  plan_says(&f, "shipped tuning", true); /* they are of this one */
  plan_says(&f, "tuned here", false);
  assert_string_equal(warnings, expected); /* once */
  close_it(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shipped_lines_decide),
      cmocka_unit_test(they_can_be_turned_off),
      cmocka_unit_test(results_stay_right),
      cmocka_unit_test(the_users_file_stands_above),
      cmocka_unit_test(lines_of_other_versions_are_one_warning),
  };
  return cmocka_run_group_tests_name("tuning", tests, make_lines, remove_file);
}
