/* Plans and program sources without any OpenCL, from recorded devices; records that are damaged; misuse. */

#include "device_desc.h"
#include "support/api_model.h"
#include "support/icn_test.h"

typedef struct fixture {
  icn_context *context; /* without OpenCL */
  proto_writer file;
  icn_model *model;
  char *records[2]; /* a CPU's and a GPU's */
} fixture;

static const icn_input_shape SHAPE = {.name = "x", .rank = 4, .dim = {1, 3, 32, 32}};

static int set_up(void **state) {
  static fixture f;
  icn_context_options options;
  icn_error error;
  icn_context_options_init(&options);
  options.opencl_library = "none";
  if (icn_context_create(&options, &f.context, &error) != ICN_OK) fail_msg("%s", error.message);
  f.file = api_model_write();
  f.model = api_model_load(f.context, &f.file);
  const icn_device_kind kinds[] = {ICN_DEVICE_CPU, ICN_DEVICE_GPU};
  for (int i = 0; i < 2; i++) {
    const icn_allocator allocator = icn_allocator_default();
    const icn_device_desc desc = icn_device_desc_example(kinds[i]);
    icn_text text;
    icn_text_init(&text, &allocator);
    icn_device_desc_print(&desc, &text);
    f.records[i] = malloc(text.length + 1);
    assert_non_null(f.records[i]);
    memcpy(f.records[i], text.data, text.length + 1);
    icn_text_fini(&text);
  }
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  for (int i = 0; i < 2; i++) free(f->records[i]);
  icn_model_destroy(f->model);
  icn_context_destroy(f->context);
  proto_free(&f->file);
  return 0;
}

static icn_plan_options recorded(const fixture *f, int record) {
  icn_plan_options options;
  icn_plan_options_init(&options);
  options.device_text = f->records[record];
  options.shapes = &SHAPE;
  options.shape_count = 1;
  return options;
}

static void a_plan_needs_no_opencl(void **state) {
  const fixture *f = *state;
  char *plans[2] = {NULL, NULL};
  icn_error error;
  for (int i = 0; i < 2; i++) {
    const icn_plan_options options = recorded(f, i);
    if (icn_model_plan(f->model, &options, &plans[i], &error) != ICN_OK) fail_msg("%s", error.message);
    assert_non_null(strstr(plans[i], "conv1"));
    assert_non_null(strstr(plans[i], "softmax"));
  }
  assert_string_not_equal(plans[0], plans[1]); /* a CPU and a GPU want different rows */
  icn_plan_options options = recorded(f, 0);
  char *again = NULL, *why = NULL;
  assert_int_equal(icn_model_plan(f->model, &options, &again, &error), ICN_OK);
  assert_string_equal(plans[0], again);
  options.why = 1;
  assert_int_equal(icn_model_plan(f->model, &options, &why, &error), ICN_OK);
  assert_true(strlen(why) > strlen(again));
  for (int i = 0; i < 2; i++) icn_text_destroy(f->context, plans[i]);
  icn_text_destroy(f->context, again);
  icn_text_destroy(f->context, why);
}

typedef struct programs {
  size_t count;
  char seen[64][256];
} programs;

static void take_program(void *user, const char *file, const char *build_options, const char *source) {
  programs *p = user;
  char both[256];
  snprintf(both, sizeof both, "%s %s", file, build_options);
  for (size_t i = 0; i < p->count; i++) assert_string_not_equal(p->seen[i], both);
  assert_true(p->count < 64);
  memcpy(p->seen[p->count++], both, sizeof both);
  assert_non_null(strstr(build_options, "-cl-std=CL1.2"));
  assert_non_null(strstr(source, "__kernel"));
  assert_null(strstr(source, "#include \"")); /* complete: every include is expanded */
}

static void sources_are_complete_and_distinct(void **state) {
  const fixture *f = *state;
  icn_error error;
  for (int i = 0; i < 2; i++) {
    programs p = {0};
    const icn_plan_options options = recorded(f, i);
    if (icn_model_sources(f->model, &options, take_program, &p, &error) != ICN_OK) fail_msg("%s", error.message);
    assert_true(p.count >= 3);
  }
}

static void the_reference_runs_without_opencl(void **state) {
  const fixture *f = *state;
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_error error;
  float *image = calloc(3 * 32 * 32, sizeof *image), scores[10], *outputs[] = {scores, NULL};
  assert_non_null(image);
  const float *input = image;
  icn_executor_options_init(&options);
  options.shapes = &SHAPE;
  options.shape_count = 1;
  assert_int_equal(icn_executor_create(f->model, &options, &executor, &error), ICN_NO_DEVICE); /* never silently */
  assert_int_equal(icn_context_find_device(f->context, "reference", &options.device, &error), ICN_OK);
  if (icn_executor_create(f->model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_executor_run(executor, &input, outputs, &error) != ICN_OK) fail_msg("%s", error.message);
  double sum = 0;
  for (int i = 0; i < 10; i++) sum += scores[i];
  assert_true(sum > 0.9999 && sum < 1.0001);
  icn_executor_destroy(executor);
  free(image);
}

static void bad_records_and_misuse_are_refused(void **state) {
  const fixture *f = *state;
  icn_error error;
  char *text = NULL;
  icn_plan_options options = recorded(f, 0);
  options.device_text = "this is no record\n";
  assert_int_equal(icn_model_plan(f->model, &options, &text, &error), ICN_FORMAT);
  options.device_text = "";
  assert_int_equal(icn_model_plan(f->model, &options, &text, &error), ICN_FORMAT);
  options = recorded(f, 0);
  options.device_text = NULL; /* and there is no device */
  assert_int_equal(icn_model_plan(f->model, &options, &text, &error), ICN_NO_DEVICE);
  options = recorded(f, 0);
  options.batch = -1;
  assert_int_equal(icn_model_plan(f->model, &options, &text, &error), ICN_ARGUMENT);
  options = recorded(f, 0);
  options.struct_bytes = 0;
  assert_int_equal(icn_model_plan(f->model, &options, &text, &error), ICN_ARGUMENT);
  options = recorded(f, 0);
  options.forced_rows = "no_such_row";
  assert_int_equal(icn_model_plan(f->model, &options, &text, &error), ICN_ARGUMENT);
  options.forced_rows = NULL;
  options.disabled_passes = "no_such_pass";
  assert_int_equal(icn_model_plan(f->model, &options, &text, &error), ICN_ARGUMENT);
  options.disabled_passes = NULL;
  options.shape_count = 0; /* height and width stay open */
  assert_int_equal(icn_model_plan(f->model, &options, &text, &error), ICN_ARGUMENT);
  assert_int_equal(icn_model_plan(f->model, NULL, NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_model_sources(f->model, NULL, NULL, NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_device_record(NULL, f->context, &text, &error), ICN_ARGUMENT);
  assert_null(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plan_needs_no_opencl),
      cmocka_unit_test(sources_are_complete_and_distinct),
      cmocka_unit_test(the_reference_runs_without_opencl),
      cmocka_unit_test(bad_records_and_misuse_are_refused),
  };
  return cmocka_run_group_tests_name("plan_api", tests, set_up, tear_down);
}
