/* Finding devices by what a person types; works on machines with and without devices. */

#include "clinception/clinception.h"
#include "context.h"
#include "support/icn_test.h"

/* A context whose list of devices is made up, so that every case is there on every machine. */
static icn_context *made_up_context(void) {
  static const struct {
    icn_device_kind kind;
    const char *name;
  } DEVICES[] = {
      {ICN_DEVICE_CPU, "Example Processor 9000"}, {ICN_DEVICE_GPU, "Example Graphics 1"}, {ICN_DEVICE_GPU, "Example Graphics 12"}};
  const size_t count = sizeof DEVICES / sizeof DEVICES[0];
  icn_context_options options;
  icn_context *context = NULL;
  icn_error error;
  icn_context_options_init(&options);
  options.opencl_library = "none";
  options.cache_dir = "none";
  if (icn_context_create(&options, &context, &error) != ICN_OK) fail_msg("%s", error.message);
  context->devices = icn_allocate_array(&context->allocator, count, sizeof *context->devices);
  assert_non_null(context->devices);
  context->device_count = count;
  for (size_t i = 0; i < count; i++) {
    context->devices[i].index = (int)i;
    context->devices[i].desc.kind = DEVICES[i].kind;
    snprintf(context->devices[i].desc.name, sizeof context->devices[i].desc.name, "%s", DEVICES[i].name);
  }
  return context;
}

static int found_index(const icn_context *context, const char *wanted) {
  const icn_device *device = NULL;
  icn_error error;
  if (icn_context_find_device(context, wanted, &device, &error) != ICN_OK)
    fail_msg("%s: %s", wanted == NULL ? "(default)" : wanted, error.message);
  assert_int_equal(error.status, ICN_OK);
  return icn_device_get_info(device).index;
}

static void devices_are_found(void **state) {
  (void)state;
  icn_context *context = made_up_context();
  assert_int_equal(found_index(context, NULL), 1);
  assert_int_equal(found_index(context, ""), 1);
  assert_int_equal(found_index(context, "0"), 0);
  assert_int_equal(found_index(context, "2"), 2);
  assert_int_equal(found_index(context, "cpu"), 0);
  assert_int_equal(found_index(context, "GPU"), 1);
  assert_int_equal(found_index(context, "processor"), 0);
  assert_int_equal(found_index(context, "GRAPHICS 12"), 2);
  assert_int_equal(found_index(context, "example graphics 1"), 1); /* the whole name wins */
  assert_int_equal(found_index(context, "Reference"), -1);
  icn_context_destroy(context);
}

static void failures_list_what_exists(void **state) {
  (void)state;
  icn_context *context = made_up_context();
  const icn_device *device = NULL;
  icn_error error;
  assert_int_equal(icn_context_find_device(context, "radeon", &device, &error), ICN_NO_DEVICE);
  assert_null(device);
  assert_string_equal(error.message,
                      "no device 'radeon'; there are: 0 'Example Processor 9000' (cpu), 1 'Example Graphics 1' (gpu), 2 'Example "
                      "Graphics 12' (gpu), reference");
  assert_int_equal(icn_context_find_device(context, "3", &device, &error), ICN_NO_DEVICE);
  assert_int_equal(icn_context_find_device(context, "99999999999999999999999999", &device, &error), ICN_NO_DEVICE);
  assert_int_equal(icn_context_find_device(context, "-1", &device, &error), ICN_NO_DEVICE);
  assert_int_equal(icn_context_find_device(context, "graphics", &device, &error), ICN_ARGUMENT);
  assert_null(device);
  assert_string_equal(
      error.message,
      "'graphics' fits several devices: 1 'Example Graphics 1' (gpu), 2 'Example Graphics 12' (gpu); say which by its number");
  assert_int_equal(icn_context_find_device(context, "cpu", NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_context_find_device(NULL, "cpu", &device, &error), ICN_ARGUMENT);
  char long_name[2000];
  memset(long_name, 'x', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  assert_int_equal(icn_context_find_device(context, long_name, &device, NULL), ICN_NO_DEVICE);
  icn_context_destroy(context);
}

static void the_default_is_never_the_reference(void **state) {
  (void)state;
  icn_context *context = made_up_context();
  const icn_device *device = NULL;
  icn_error error;
  context->device_count = 1;
  assert_int_equal(found_index(context, NULL), 0);
  assert_int_equal(icn_context_find_device(context, "gpu", &device, &error), ICN_NO_DEVICE);
  context->device_count = 0;
  assert_int_equal(icn_context_find_device(context, NULL, &device, &error), ICN_NO_DEVICE);
  assert_int_equal(icn_context_find_device(context, "cpu", &device, &error), ICN_NO_DEVICE);
  assert_int_equal(found_index(context, "reference"), -1);
  icn_context_destroy(context);
}

static void real_devices_are_found_by_index_and_name(void **state) {
  (void)state;
  icn_context *context = NULL;
  icn_error error;
  assert_int_equal(icn_context_create(NULL, &context, &error), ICN_OK);
  const size_t count = icn_context_device_count(context);
  for (size_t i = 0; i < count; i++) {
    char number[32];
    const icn_device *device = NULL;
    snprintf(number, sizeof number, "%zu", i);
    assert_int_equal(icn_context_find_device(context, number, &device, &error), ICN_OK);
    assert_ptr_equal(device, icn_context_device(context, i));
    const icn_device_info info = icn_device_get_info(device);
    assert_int_equal(info.index, i);
    assert_true(info.compute_units > 0 && info.global_bytes > 0 && info.max_allocation_bytes > 0);
    assert_true(strlen(info.name) > 0 && strncmp(info.version, "OpenCL ", 7) == 0);
  }
  assert_null(icn_context_device(context, count));
  icn_context_destroy(context);
  if (count == 0) skip();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(devices_are_found),
      cmocka_unit_test(failures_list_what_exists),
      cmocka_unit_test(the_default_is_never_the_reference),
      cmocka_unit_test(real_devices_are_found_by_index_and_name),
  };
  return cmocka_run_group_tests_name("device_find", tests, NULL, NULL);
}
