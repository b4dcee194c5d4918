/* What is right passes the self-test: built-in networks in batches, sliced and not, with every kind of row, and whatever the passes leave;
 * a false alarm would cost a user the fastest row. And a network that was tested runs as one that was not. */
#include <math.h>

#include "device.h"
#include "executor.h"
#include "kernels_embedded.h"
#include "os.h"
#include "support/icn_test.h"
#include "support/proto_writer.h"

typedef struct fixture {
  icn_context *context;
  icn_model *model;
  char warning[600]; /* the first, "" without */
} fixture;

static void keep_warning(void *user, icn_log_level level, const char *line) {
  fixture *f = user;
  (void)level;
  if (f->warning[0] == '\0' && strstr(line, "kernel row") != NULL) snprintf(f->warning, sizeof f->warning, "%s", line);
}

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  icn_context_options options;
  const icn_logger logger = {&f, ICN_LOG_WARNING, keep_warning};
  *state = &f;
  icn_context_options_init(&options);
  options.cache_dir = "none";
  options.logger = &logger;
  assert_int_equal(icn_context_create(&options, &f.context, &error), ICN_OK);
  if (icn_model_load(f.context, "builtin:inception_v3:input=107,classes=20", &f.model, &error) != ICN_OK) fail_msg("%s", error.message);
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  icn_model_destroy(f->model);
  icn_context_destroy(f->context);
  return 0;
}

static icn_executor *executor_of(fixture *f, const icn_executor_options *options) {
  icn_executor *executor = NULL;
  icn_error error;
  if (icn_executor_create(f->model, options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
  return executor;
}

static void right_kernels_pass(void **state) {
  static const struct {
    int64_t batch;
    const char *rows, *passes_off;
    icn_precision precision;
    int keep_values;
  } CASES[] = {
      {.batch = 1},
      {.batch = 8}, /* in slices */
      {.batch = 8, .passes_off = "slice_batch,merge_pairs"},
      {.batch = 5, .rows = "winograd_split", .precision = ICN_PRECISION_FP16W},
      {.batch = 3, .rows = "winograd_gpu,winograd_item,conv_gpu,matmul_gpu"},
      {.batch = 2, .rows = "-winograd*,conv_item,matmul_item,conv_first_gpu", .precision = ICN_PRECISION_FP16W},
      {.batch = 2, .rows = "winograd_s2d,conv_gpu", .passes_off = "concat_view,reshape_view"},
      {.batch = 2, .passes_off = "all"},
      {.batch = 2, .keep_values = 1},
  };
  fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    icn_executor_options options;
    icn_executor_options_init(&options);
    options.device = icn_context_device(f->context, 0);
    options.batch = CASES[i].batch;
    options.forced_rows = CASES[i].rows;
    options.disabled_passes = CASES[i].passes_off;
    options.precision = CASES[i].precision;
    options.keep_values = CASES[i].keep_values;
    options.self_test = ICN_SELF_TEST_ALWAYS;
    icn_executor_destroy(executor_of(f, &options));
    if (f->warning[0] != '\0') fail_msg("case %zu: %s", i, f->warning);
  }
}

static void a_test_leaves_no_trace(void **state) {
  enum { SIZE = 107, CLASSES = 20 };
  fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  float *image = malloc(3 * SIZE * SIZE * sizeof *image), scores[2][CLASSES];
  assert_non_null(image);
  for (int i = 0; i < 3 * SIZE * SIZE; i++) image[i] = (float)(i * 7919 % 1000) / 1000;
  for (int n = 0; n < 2; n++) {
    icn_executor_options options;
    icn_error error;
    const float *inputs[] = {image};
    float *outputs[] = {scores[n]};
    icn_executor_options_init(&options);
    options.device = icn_context_device(f->context, 0);
    options.self_test = n == 0 ? ICN_SELF_TEST_OFF : ICN_SELF_TEST_ALWAYS;
    icn_executor *executor = executor_of(f, &options);
    assert_int_equal(icn_executor_run(executor, inputs, outputs, &error), ICN_OK);
    icn_executor_destroy(executor);
  }
  assert_memory_equal(scores[0], scores[1], sizeof scores[0]);
  free(image);
}

/* ------------------------------------------------------------ swapped operands */

/* The library's kernels in a folder; in elementwise.cl `planted` stands behind its includes. */
static void write_kernels(const char *folder, const char *planted) {
  static const char BEHIND[] = "#include \"loop.clh\"";
  icn_error error;
  assert_true(icn_os_make_folder(folder));
  for (size_t i = 0; i < icn_kernel_source_count; i++) {
    char path[600], *text = malloc(icn_kernel_sources[i].bytes + strlen(planted) + 3);
    assert_non_null(text);
    const char *from = icn_kernel_sources[i].text;
    const char *at = strcmp(icn_kernel_sources[i].name, "elementwise.cl") == 0 ? strstr(from, BEHIND) : NULL;
    const size_t before = at == NULL ? 0 : (size_t)(at - from) + sizeof BEHIND - 1;
    const size_t length =
        (size_t)sprintf(text, "%.*s%s%s%s", (int)before, from, before > 0 ? "\n" : "", before > 0 ? planted : "", from + before);
    snprintf(path, sizeof path, "%s/%s", folder, icn_kernel_sources[i].name);
    assert_int_equal(icn_os_write_file(path, text, length, &error), ICN_OK);
    free(text);
  }
}

static void remove_kernels(const char *folder) {
  for (size_t i = 0; i < icn_kernel_source_count; i++) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, icn_kernel_sources[i].name);
    assert_true(icn_os_remove(path));
  }
  (void)icn_os_remove(folder);
}

/* y = a - b with those kernels. */
static icn_status make_difference(const char *folder, icn_error *error) {
  icn_context *context = NULL;
  icn_model *network = NULL;
  icn_executor *executor = NULL;
  icn_context_options context_options;
  icn_executor_options options;
  model_writer model = model_begin(13);
  model_input(&model, "a", ONNX_FLOAT, 4, (const int64_t[]){1, 3, 20, 20});
  model_input(&model, "b", ONNX_FLOAT, 4, (const int64_t[]){1, 3, 20, 20});
  model_node(&model, "Sub", "difference", "a,b", "y");
  model_output(&model, "y");
  proto_writer file = model_end(&model);
  icn_context_options_init(&context_options);
  context_options.cache_dir = "none";
  context_options.kernel_dir = folder;
  icn_executor_options_init(&options);
  options.self_test = ICN_SELF_TEST_ALWAYS;
  icn_status status = icn_context_create(&context_options, &context, error);
  if (status == ICN_OK) status = icn_model_load_memory(context, file.data, file.bytes, &network, error);
  if (status == ICN_OK) status = icn_executor_create(network, &options, &executor, error);
  icn_executor_destroy(executor);
  icn_model_destroy(network);
  icn_context_destroy(context);
  proto_free(&file);
  return status;
}

/* Operands hold different values: one that is read in place of the other is noticed. */
static void operands_are_told_apart(void **state) {
  static const char *const PLANTED[] = {"#define icn_binary(x, b, function) icn_binary(b, x, function)",
                                        "#define icn_binary(x, b, function) icn_binary(x, x, function)", ""};
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  for (size_t i = 0; i < sizeof PLANTED / sizeof PLANTED[0]; i++) {
    char folder[64];
    icn_error error;
    icn_error_clear(&error);
    snprintf(folder, sizeof folder, "self-test-kernels-%lu", icn_os_process());
    write_kernels(folder, PLANTED[i]);
    const icn_status status = make_difference(folder, &error);
    remove_kernels(folder);
    const icn_status expected = PLANTED[i][0] == '\0' ? ICN_OK : ICN_MISMATCH;
    if (status != expected) fail_msg("'%s': status %d: %s", PLANTED[i], (int)status, error.message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(right_kernels_pass),
      cmocka_unit_test(a_test_leaves_no_trace),
      cmocka_unit_test(operands_are_told_apart),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
