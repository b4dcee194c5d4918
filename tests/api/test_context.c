/* Contexts without OpenCL, with a library that is none, without platforms; options, allocator, statuses. */

#include "base.h"
#include "os.h"
#include "support/icn_test.h"

static icn_context *create(const char *library) {
  icn_context_options options;
  icn_context *context = NULL;
  icn_error error;
  icn_context_options_init(&options);
  options.opencl_library = library;
  options.cache_dir = "none";
  if (icn_context_create(&options, &context, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(error.status, ICN_OK);
  assert_string_equal(error.message, "");
  return context;
}

/* Only the reference device is there, and it has to be asked for. */
static void assert_no_opencl(icn_context *context, const char *problem_part) {
  const icn_device *device = NULL;
  icn_error error;
  assert_int_equal(icn_context_device_count(context), 0);
  assert_null(icn_context_device(context, 0));
  const char *problem = icn_context_opencl_problem(context);
  if (strstr(problem, problem_part) == NULL) fail_msg("'%s' does not say '%s'", problem, problem_part);
  assert_int_equal(icn_context_find_device(context, NULL, &device, &error), ICN_NO_DEVICE);
  assert_int_equal(icn_context_find_device(context, "reference", &device, &error), ICN_OK);
  assert_int_equal(icn_device_get_info(device).kind, ICN_DEVICE_REFERENCE);
  icn_context_destroy(context);
}

static void none_switches_opencl_off(void **state) {
  (void)state;
  assert_no_opencl(create("none"), "switched off");
}

static void a_missing_library_is_named(void **state) {
  (void)state;
  assert_no_opencl(create("/no/such/libOpenCL.so"), "/no/such/libOpenCL.so");
}

static void a_library_without_opencl_is_refused(void **state) {
  (void)state;
#if defined(_WIN32)
  assert_no_opencl(create("kernel32.dll"), "clGetPlatformIDs");
#else
  assert_no_opencl(create("libm.so.6"), "clGetPlatformIDs");
#endif
}

static void a_file_that_is_no_library_is_refused(void **state) {
  (void)state;
  assert_int_equal(icn_os_write_file("not-a-library.so", "text", 4, NULL), ICN_OK);
  assert_no_opencl(create("./not-a-library.so"), "not-a-library.so");
  assert_true(icn_os_remove("not-a-library.so"));
}

static void options_are_checked(void **state) {
  (void)state;
  icn_context *context = NULL;
  icn_error error;
  icn_context_options options;
  assert_int_equal(icn_context_create(NULL, NULL, &error), ICN_ARGUMENT);
  memset(&options, 0, sizeof options);
  assert_int_equal(icn_context_create(&options, &context, &error), ICN_ARGUMENT);
  assert_null(context);
  assert_non_null(strstr(error.message, "icn_context_options_init"));
  icn_allocator half = {NULL, NULL, NULL};
  icn_context_options_init(&options);
  options.allocator = &half;
  assert_int_equal(icn_context_create(&options, &context, &error), ICN_ARGUMENT);
  assert_int_equal(icn_context_create(&options, &context, NULL), ICN_ARGUMENT);
  options.allocator = NULL;
  options.opencl_library = "none";
  options.struct_bytes = sizeof options.struct_bytes; /* an older caller: the fields behind are not looked at */
  assert_int_equal(icn_context_create(&options, &context, &error), ICN_OK);
  icn_context_destroy(context);
  icn_context_destroy(NULL);
}

typedef struct counting {
  icn_allocator inner;
  size_t alive, total, fail_at; /* the fail_at-th allocation fails (0: none) */
} counting;

static void *counting_allocate(void *user, size_t bytes) {
  counting *c = user;
  if (++c->total == c->fail_at) return NULL;
  c->alive++;
  return c->inner.allocate(c->inner.user, bytes);
}

static void counting_release(void *user, void *memory) {
  counting *c = user;
  if (memory != NULL) c->alive--;
  c->inner.release(c->inner.user, memory);
}

/* Every allocation of icn_context_create fails once. */
static void no_memory_is_a_status(void **state) {
  (void)state;
  for (size_t fail_at = 1;; fail_at++) {
    counting count = {icn_allocator_default(), 0, 0, fail_at};
    const icn_allocator allocator = {&count, counting_allocate, counting_release};
    icn_context_options options;
    icn_context *context = NULL;
    icn_error error;
    icn_context_options_init(&options);
    options.allocator = &allocator;
    const icn_status status = icn_context_create(&options, &context, &error);
    const bool failed = count.total >= fail_at;
    if (failed) assert_int_equal(status, ICN_NO_MEMORY);
    icn_context_destroy(context);
    assert_int_equal(count.alive, 0);
    if (!failed) break;
    assert_true(fail_at < 1000);
  }
}

static void names_are_there(void **state) {
  (void)state;
  assert_string_equal(icn_status_name(ICN_OK), "ICN_OK");
  assert_string_equal(icn_status_name(ICN_DEVICE_MEMORY), "ICN_DEVICE_MEMORY");
  assert_string_equal(icn_status_name(ICN_MISMATCH), "ICN_MISMATCH");
  assert_string_equal(icn_status_name((icn_status)99), "unknown status");
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", ICN_VERSION_MAJOR, ICN_VERSION_MINOR, ICN_VERSION_PATCH);
  assert_string_equal(icn_version(), version);
}

static void null_objects_have_nothing(void **state) {
  (void)state;
  assert_int_equal(icn_context_device_count(NULL), 0);
  assert_null(icn_context_device(NULL, 0));
  assert_string_equal(icn_context_opencl_problem(NULL), "");
  assert_string_equal(icn_device_get_info(NULL).name, "");
  icn_text_destroy(NULL, NULL);
}

/* An empty folder of drivers (ctest sets OCL_ICD_VENDORS for this run, see tests/sources.cmake). */
static void no_platform_is_a_sentence(void **state) {
  (void)state;
  assert_no_opencl(create(NULL), "OpenCL");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(none_switches_opencl_off),
      cmocka_unit_test(a_missing_library_is_named),
      cmocka_unit_test(a_library_without_opencl_is_refused),
      cmocka_unit_test(a_file_that_is_no_library_is_refused),
      cmocka_unit_test(options_are_checked),
      cmocka_unit_test(no_memory_is_a_status),
      cmocka_unit_test(names_are_there),
      cmocka_unit_test(null_objects_have_nothing),
  };
  const struct CMUnitTest without_platform[] = {cmocka_unit_test(no_platform_is_a_sentence)};
  if (getenv("ICN_TEST_NO_PLATFORM") != NULL) return cmocka_run_group_tests_name("context without platform", without_platform, NULL, NULL);
  return cmocka_run_group_tests_name("context", tests, NULL, NULL);
}
