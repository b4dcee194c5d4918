/* What the process grows by when an executor of the real model is there and has run, against the account: on a CPU device a buffer is
 * memory of this process. Linux only: /proc tells. */

#include <malloc.h>
#include <unistd.h>

#include "clinception/clinception.h"
#include "support/icn_test.h"

/* Freed memory that malloc keeps would be taken for memory that is still held, or hide new memory behind it: blocks of buffers are mappings
 * of their own here, which end when they are freed. */
static int set_up(void **state) {
  (void)state;
  mallopt(M_MMAP_THRESHOLD, 1 << 16);
  mallopt(M_TRIM_THRESHOLD, 1 << 16);
  return 0;
}

static uint64_t resident_bytes(void) {
  unsigned long long total = 0, resident = 0;
  malloc_trim(0);
  FILE *file = fopen("/proc/self/statm", "r");
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%llu %llu", &total, &resident), 2);
  fclose(file);
  return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Created and run once: every page that it has is touched then. */
static icn_executor *executor_that_ran(icn_model *model, const icn_executor_options *options) {
  icn_executor *executor = NULL;
  icn_error error;
  if (icn_executor_create(model, options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
  const icn_tensor_info in = icn_executor_input(executor, 0), out = icn_executor_output(executor, 0);
  size_t in_elems = 1, out_elems = 1;
  for (int k = 0; k < in.rank; k++) in_elems *= (size_t)in.dim[k];
  for (int k = 0; k < out.rank; k++) out_elems *= (size_t)out.dim[k];
  float *input = calloc(in_elems, sizeof *input), *output = calloc(out_elems, sizeof *output);
  const float *const inputs[] = {input};
  float *const outputs[] = {output};
  assert_true(input != NULL && output != NULL);
  if (icn_executor_run(executor, inputs, outputs, &error) != ICN_OK) fail_msg("%s", error.message);
  free(input);
  free(output);
  return executor;
}

/* The first executor is there only so that the second finds what stays: programs, threads, the pages of the model's file. */
static void compare(icn_model *model, const icn_device *device, int64_t batch) {
  icn_executor_options options;
  icn_memory_account account;
  icn_error error;
  icn_executor_options_init(&options);
  options.device = device;
  options.batch = batch;
  icn_memory_account_init(&account);
  icn_executor_destroy(executor_that_ran(model, &options));
  const uint64_t before = resident_bytes();
  icn_executor *executor = executor_that_ran(model, &options);
  const uint64_t grown = resident_bytes() - before;
  assert_int_equal(icn_executor_account(executor, &account, &error), ICN_OK);
  icn_executor_destroy(executor);
  const double part = (double)grown / (double)account.peak_bytes;
  print_message("batch %d: the account says %.2f MiB, resident memory grew by %.2f MiB (%+.2f %%)\n", (int)batch,
                (double)account.peak_bytes / 1048576, (double)grown / 1048576, (part - 1) * 100);
  assert_true(part > 0.95 && part < 1.05);
}

/* Runtimes that give buffers another memory than malloc's, or several devices of one driver: PoCL's is the one that is known. */
static const icn_device *pocl_device(const icn_context *context) {
  for (size_t d = 0; d < icn_context_device_count(context); d++) {
    const icn_device_info info = icn_device_get_info(icn_context_device(context, d));
    if (info.kind == ICN_DEVICE_CPU && strcmp(info.platform, "Portable Computing Language") == 0) return icn_context_device(context, d);
  }
  return NULL;
}

static void resident_memory_grows_by_the_account(void **state) {
  (void)state;
  char path[4096];
  icn_error error;
  icn_context *context = NULL;
  icn_model *model = NULL;
  if (icn_test_shared("models/inception_v3_moderation.onnx", path, sizeof path) == NULL) skip();
  assert_int_equal(icn_context_create(NULL, &context, &error), ICN_OK);
  const icn_device *device = pocl_device(context);
  if (device == NULL) {
    icn_context_destroy(context);
    skip();
  }
  if (icn_model_load(context, path, &model, &error) != ICN_OK) fail_msg("%s", error.message);
  compare(model, device, 1);
  compare(model, device, 8);
  icn_model_destroy(model);
  icn_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(resident_memory_grows_by_the_account)};
  return cmocka_run_group_tests_name("resident", tests, set_up, NULL);
}
