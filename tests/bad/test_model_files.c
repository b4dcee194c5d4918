/* Model files as the public API meets them: missing, of another kind, cut off, with weights in a second file that is absent, too short or
 * outside the model's folder. Nothing here needs OpenCL. */
#define _XOPEN_SOURCE 700
#include "support/icn_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "os.h"
#include "support/proto_writer.h"

static char folder[256];
static icn_context *context;
static icn_error error;

static const char *in_folder(const char *name) {
  static char paths[8][512];
  static int next;
  char *path = paths[next = (next + 1) % 8];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void write_file(const char *name, const void *data, size_t bytes) {
  if (icn_os_write_file(in_folder(name), data, bytes, &error) != ICN_OK) fail_msg("%s", error.message);
}

static int setup(void **state) {
  (void)state;
  icn_context_options options;
  icn_context_options_init(&options);
  options.opencl_library = "none";
  options.cache_dir = "none";
  snprintf(folder, sizeof folder, "test-models-%lu/inner", icn_os_process());
  if (!icn_os_make_folder(folder)) return -1;
  return icn_context_create(&options, &context, &error) == ICN_OK ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  char command[320];
  icn_context_destroy(context);
  snprintf(command, sizeof command, "rm -rf test-models-%lu", icn_os_process());
  return system(command);
}

/* Loading fails with this status, and the sentence has these words. */
static void expect_failure(const char *path, icn_status status, const char *words) {
  icn_model *model = NULL;
  icn_status got = icn_model_load(context, path, &model, &error);
  if (got != status) fail_msg("'%s': %s, not %s: %s", path, icn_status_name(got), icn_status_name(status), error.message);
  if (strstr(error.message, words) == NULL) fail_msg("'%s' is not in '%s'", words, error.message);
  assert_null(model);
}

/* y = x + w, with x and w of four values. The caller adds the data of w, which ends up as the first initializer. */
static proto_writer adding_model(proto_writer *w) {
  const int64_t four[1] = {4};
  model_writer model = model_begin(17);
  model_input(&model, "x", ONNX_FLOAT, 1, four);
  proto_sub(&model.graph, GRAPH_INITIALIZER, w);
  model_node(&model, "Add", "sum", "x,w", "y");
  model_output(&model, "y");
  return model_end(&model);
}

static void entry(proto_writer *tensor, const char *key, const char *value) {
  proto_writer pair = {0};
  proto_text(&pair, 1, key);
  proto_text(&pair, 2, value);
  proto_sub(tensor, TENSOR_EXTERNAL, &pair);
}

static proto_writer external_model(const char *location, const char *offset) {
  proto_writer w = tensor_begin("w", ONNX_FLOAT, 1, (const int64_t[]){4});
  entry(&w, "location", location);
  entry(&w, "offset", offset);
  proto_int(&w, TENSOR_LOCATION, 1);
  return adding_model(&w);
}

static void write_external_model(const char *location, const char *offset) {
  proto_writer file = external_model(location, offset);
  write_file("model.onnx", file.data, file.bytes);
  proto_free(&file);
}

static void run_adding_model(icn_model *model, const float *x, float *y) {
  icn_executor *executor = NULL;
  icn_executor_options options;
  icn_executor_options_init(&options);
  if (icn_context_find_device(context, "reference", &options.device, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_executor_create(model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_executor_run(executor, &x, &y, &error) != ICN_OK) fail_msg("%s", error.message);
  icn_executor_destroy(executor);
}

static void weights_beside_the_model_are_read(void **state) {
  (void)state;
  const float data[5] = {99, 10, 20, 30, 40}, x[4] = {1, 2, 3, 4}, sum[4] = {11, 22, 33, 44};
  float y[4] = {0};
  icn_model *model = NULL;
  assert_true(icn_os_make_folder(in_folder("weights")));
  write_file("weights/w.bin", data, sizeof data);
  write_external_model("weights/w.bin", "4");
  if (icn_model_load(context, in_folder("model.onnx"), &model, &error) != ICN_OK) fail_msg("%s", error.message);
  run_adding_model(model, x, y);
  assert_memory_equal(y, sum, sizeof y);
  icn_model_destroy(model);
}

static void weights_that_cannot_be_read_are_named(void **state) {
  (void)state;
  const float data[4] = {1, 2, 3, 4};
  char model[512];
  snprintf(model, sizeof model, "%s", in_folder("model.onnx"));
  write_file("w.bin", data, sizeof data);
  write_file("../secret.bin", data, sizeof data);
  write_external_model("absent.bin", "0");
  expect_failure(model, ICN_IO, "absent.bin");
  write_external_model("w.bin", "1");
  expect_failure(model, ICN_FORMAT, "initializer 'w': its data are 16 bytes at offset 1 of 'w.bin', which has only 16");
  write_file("empty.bin", "", 0);
  write_external_model("empty.bin", "0");
  expect_failure(model, ICN_FORMAT, "which has only 0");
  write_external_model("weights", "0");
  assert_true(icn_os_make_folder(in_folder("weights")));
  expect_failure(model, ICN_IO, "it is a folder");
  write_external_model("../secret.bin", "0");
  expect_failure(model, ICN_FORMAT, "'../secret.bin' is not inside the model's folder");
  write_external_model("/etc/passwd", "0");
  expect_failure(model, ICN_FORMAT, "'/etc/passwd' is not inside the model's folder");
  assert_int_equal(symlink("../secret.bin", in_folder("link.bin")), 0);
  write_external_model("link.bin", "0");
  expect_failure(model, ICN_FORMAT, "'link.bin' is a link that leaves the model's folder");
}

static void models_from_memory_have_no_folder(void **state) {
  (void)state;
  icn_model *model = NULL;
  proto_writer file = external_model("w.bin", "0");
  assert_int_equal(icn_model_load_memory(context, file.data, file.bytes, &model, &error), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "its data are in the file 'w.bin'"));
  assert_null(model);
  proto_free(&file);
}

static void files_that_are_no_models_are_named(void **state) {
  (void)state;
  expect_failure(in_folder("nothing.onnx"), ICN_IO, "No such file");
  expect_failure(folder, ICN_IO, "it is a folder");
  expect_failure("", ICN_IO, "No such file");
  write_file("bad.onnx", "", 0);
  expect_failure(in_folder("bad.onnx"), ICN_FORMAT, "empty");
  write_file("bad.onnx", "\xff\xd8\xff\xe0 a picture", 14);
  expect_failure(in_folder("bad.onnx"), ICN_FORMAT, "not an ONNX model: the file is a JPEG picture");
  write_file("bad.onnx", "Lorem ipsum dolor sit amet", 26);
  expect_failure(in_folder("bad.onnx"), ICN_FORMAT, "not an ONNX model: the file is text");
  write_file("bad.onnx", "\xb1\x0f\x9c\x22\xfe\x81\x03\x77\x1a\xd4\x50\xe9\x08\x00\xc3\x5b", 16);
  expect_failure(in_folder("bad.onnx"), ICN_FORMAT, "not an ONNX model");
  assert_int_equal(mkfifo(in_folder("pipe.onnx"), 0600), 0);
  expect_failure(in_folder("pipe.onnx"), ICN_IO, "not a regular file");
}

/* Root may read everything, so it becomes somebody else for the one call. */
static void a_file_that_may_not_be_read_is_named(void **state) {
  (void)state;
  char path[512];
  snprintf(path, sizeof path, "%s", in_folder("closed.onnx"));
  write_file("closed.onnx", "x", 1);
  assert_int_equal(chmod(path, 0), 0);
  bool is_root = geteuid() == 0;
  icn_model *model = NULL;
  if (is_root) assert_int_equal(seteuid(65534), 0);
  icn_status status = icn_model_load(context, path, &model, &error);
  if (is_root) assert_int_equal(seteuid(0), 0);
  assert_int_equal(status, ICN_IO);
  assert_non_null(strstr(error.message, "Permission denied"));
}

static void the_real_model_is_refused_wherever_it_is_cut_off(void **state) {
  (void)state;
  char path[512];
  icn_mapping mapping;
  if (icn_test_shared("models/inception_v3_moderation.onnx", path, sizeof path) == NULL) {
    print_message("the shared model is not there\n");
    skip();
  }
  assert_int_equal(icn_os_map(path, &mapping, &error), ICN_OK);
  for (uint64_t i = 0; i < 50; i++) {
    icn_model *model = NULL;
    size_t bytes = (size_t)(i < 25 ? mapping.bytes / 25 * i : mapping.bytes - 1 - (i - 25) * (i - 25) * (i - 25));
    if (icn_model_load_memory(context, mapping.data, bytes, &model, &error) == ICN_OK) fail_msg("accepted with %zu bytes", bytes);
    if (strlen(error.message) < 12) fail_msg("cut off at %zu bytes: '%s'", bytes, error.message);
    assert_null(model);
  }
  icn_os_unmap(&mapping);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(weights_beside_the_model_are_read),    cmocka_unit_test(weights_that_cannot_be_read_are_named),
      cmocka_unit_test(models_from_memory_have_no_folder),    cmocka_unit_test(files_that_are_no_models_are_named),
      cmocka_unit_test(a_file_that_may_not_be_read_is_named), cmocka_unit_test(the_real_model_is_refused_wherever_it_is_cut_off),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
