/* icn_device_measure: plausible rates on every device, in well under two seconds, about the same twice. */

#include "clinception/clinception.h"
#include "os.h"
#include "support/icn_test.h"

static void rates_are_plausible(void **state) {
  (void)state;
  icn_error error;
  icn_context *context = NULL;
  if (icn_context_create(NULL, &context, &error) != ICN_OK) fail_msg("%s", error.message);
  const size_t count = icn_context_device_count(context);
  for (size_t d = 0; d < count; d++) {
    double flop = 0, bytes = 0;
    const double start = icn_os_seconds();
    if (icn_device_measure(context, icn_context_device(context, d), &flop, &bytes, &error) != ICN_OK) fail_msg("%s", error.message);
    printf("%s: %.1f GFLOP/s, %.1f GB/s, measured in %.2f s\n", icn_device_get_info(icn_context_device(context, d)).name, flop * 1e-9,
           bytes * 1e-9, icn_os_seconds() - start);
    assert_true(flop > 1e8 && flop < 1e16);
    assert_true(bytes > 1e8 && bytes < 1e14);
  }
  icn_context_destroy(context);
  if (count == 0) skip();
}

static void the_reference_and_null_are_refused(void **state) {
  (void)state;
  icn_error error;
  icn_context *context = NULL;
  const icn_device *reference = NULL;
  double flop, bytes;
  assert_int_equal(icn_context_create(NULL, &context, &error), ICN_OK);
  assert_int_equal(icn_context_find_device(context, "reference", &reference, &error), ICN_OK);
  assert_int_equal(icn_device_measure(context, reference, &flop, &bytes, &error), ICN_UNSUPPORTED);
  assert_int_equal(icn_device_measure(context, NULL, &flop, &bytes, &error), ICN_ARGUMENT);
  assert_int_equal(icn_device_measure(context, reference, NULL, &bytes, &error), ICN_ARGUMENT);
  icn_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rates_are_plausible),
      cmocka_unit_test(the_reference_and_null_are_refused),
  };
  return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
