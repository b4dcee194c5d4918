/* The built-in networks through the public API: names, options, descriptions; loading them; misuse. */
#include "clinception/clinception.h"
#include "support/icn_test.h"
#include "support/safetensors_writer.h"

static int set_up(void **state) {
  static icn_context *context;
  icn_context_options options;
  icn_error error;
  icn_context_options_init(&options);
  options.opencl_library = "none";
  if (icn_context_create(&options, &context, &error) != ICN_OK) return -1;
  *state = context;
  return 0;
}

static int tear_down(void **state) {
  icn_context_destroy(*state);
  return 0;
}

/* Every network by its name in the list: described, loaded, and the two agree. */
static void every_network_is_described_and_loads(void **state) {
  for (size_t i = 0; i < icn_builtin_count(); i++) {
    char spec[200];
    icn_error error;
    icn_description *description = NULL;
    icn_model *model = NULL;
    snprintf(spec, sizeof spec, "builtin:%s:classes=12,width=0.1", icn_builtin_get_info(i).name);
    if (icn_builtin_describe(*state, spec, &description, &error) != ICN_OK) fail_msg("%s: %s", spec, error.message);
    if (icn_model_load(*state, spec, &model, &error) != ICN_OK) fail_msg("%s: %s", spec, error.message);
    const icn_builtin_layer first = icn_description_layer(description, 0);
    const icn_tensor_info input = icn_model_input(model, 0);
    assert_string_equal(first.name, input.name);
    assert_int_equal(first.rank, input.rank);
    assert_memory_equal(first.dim + 1, input.dim + 1, 3 * sizeof(int64_t));
    const icn_builtin_layer last = icn_description_layer(description, icn_description_layer_count(description) - 1);
    assert_string_equal(last.output, icn_model_output_name(model, 0));
    assert_int_equal(last.rank, 2);
    assert_int_equal(last.dim[1], 12);
    assert_true(last.parameters > 12);
    icn_model_destroy(model);
    icn_description_destroy(description);
  }
}

static void heads_for_training_are_further_outputs(void **state) {
  icn_error error;
  icn_model *model = NULL;
  assert_int_equal(icn_model_load(*state, "builtin:googlenet:width=0.1,aux=1", &model, &error), ICN_OK);
  assert_int_equal(icn_model_output_count(model), 3);
  assert_string_equal(icn_model_output_name(model, 0), "probabilities");
  assert_string_equal(icn_model_output_name(model, 1), "aux1_probabilities");
  assert_string_equal(icn_model_output_name(model, 2), "aux2_probabilities");
  icn_model_destroy(model);
}

/* The answer is the classifier's, not a head's. */
static void classify_takes_the_classifier(void **state) {
  static const uint8_t PICTURE[] = "P6 2 2 255 \x10\x20\x30\x40\x50\x60\x70\x80\x90\xa0\xb0\xc0";
  icn_class top[2][5];
  for (int aux = 0; aux < 2; aux++) {
    icn_error error;
    icn_model *model = NULL;
    icn_executor *executor = NULL;
    icn_image *image = NULL;
    size_t count = 5;
    const char *spec = aux == 0 ? "builtin:googlenet:width=0.1,input=48,classes=5" : "builtin:googlenet:width=0.1,input=48,classes=5,aux=1";
    if (icn_model_load(*state, spec, &model, &error) != ICN_OK) fail_msg("%s", error.message);
    icn_executor_options options;
    icn_executor_options_init(&options);
    assert_int_equal(icn_context_find_device(*state, "reference", &options.device, &error), ICN_OK);
    if (icn_executor_create(model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
    if (icn_image_load_memory(*state, PICTURE, sizeof PICTURE - 1, &image, &error) != ICN_OK) fail_msg("%s", error.message);
    if (icn_classify(executor, image, NULL, top[aux], &count, &error) != ICN_OK) fail_msg("%s", error.message);
    assert_int_equal(count, 5);
    icn_image_destroy(image);
    icn_executor_destroy(executor);
    icn_model_destroy(model);
  }
  for (int k = 0; k < 5; k++) {
    assert_int_equal(top[0][k].index, top[1][k].index);
    assert_true(top[0][k].score == top[1][k].score);
  }
}

static void descriptions_without_the_prefix(void **state) {
  icn_error error;
  icn_description *description = NULL;
  assert_int_equal(icn_builtin_describe(*state, "inception_v3", &description, &error), ICN_OK);
  uint64_t parameters = 0, multiply_adds = 0;
  for (size_t i = 0; i < icn_description_layer_count(description); i++) {
    const icn_builtin_layer layer = icn_description_layer(description, i);
    parameters += layer.parameters;
    multiply_adds += layer.multiply_adds;
  }
  assert_true(parameters == 23834568 && multiply_adds == 5713216096);
  const icn_builtin_layer none = icn_description_layer(description, icn_description_layer_count(description));
  assert_null(none.name);
  assert_int_equal(none.rank, 0);
  icn_description_destroy(description);
}

/* ------------------------------------------------------ weights from a file */

enum { CLASSES = 5, PIXELS = 3 * 48 * 48 };

static void write_file(const char *path, const void *data, size_t bytes) {
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0) fail_msg("cannot write '%s'", path);
}

static void run_once(icn_context *context, icn_model *model, float *probabilities) {
  icn_error error;
  icn_executor *executor = NULL;
  icn_executor_options options;
  float image[PIXELS];
  for (int i = 0; i < PIXELS; i++) image[i] = (float)(i * 37 % 101) / 101.0f;
  icn_executor_options_init(&options);
  assert_int_equal(icn_context_find_device(context, "reference", &options.device, &error), ICN_OK);
  if (icn_executor_create(model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_executor_run(executor, (const float *const[]){image}, (float *const[]){probabilities}, &error) != ICN_OK)
    fail_msg("%s", error.message);
  icn_executor_destroy(executor);
}

/* A network with the weights of a file computes what those weights say, to the last bit. */
static void weights_of_a_file_are_the_networks(void **state) {
  static const char PATH[] = "test_builtin_api.safetensors", SPEC[] = "builtin:googlenet_bn:width=0.1,input=48";
  icn_error error;
  icn_model *stored = NULL, *generated = NULL, *other = NULL;
  float results[3][CLASSES];
  assert_true(safetensors_write_network("googlenet_bn:width=0.1,input=48,classes=5,seed=9", PATH));
  if (icn_model_load_builtin(*state, SPEC, PATH, &stored, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(icn_model_load(*state, "builtin:googlenet_bn:width=0.1,input=48,classes=5,seed=9", &generated, &error), ICN_OK);
  assert_int_equal(icn_model_load_builtin(*state, "googlenet_bn:width=0.1,input=48,classes=5", NULL, &other, &error), ICN_OK);
  run_once(*state, stored, results[0]);
  run_once(*state, generated, results[1]);
  run_once(*state, other, results[2]);
  assert_memory_equal(results[0], results[1], sizeof results[0]);
  assert_memory_not_equal(results[0], results[2], sizeof results[0]);
  /* and so does the ONNX file that is written of it */
  static const char ONNX[] = "test_builtin_api.onnx";
  icn_model *read = NULL;
  if (icn_model_save_onnx(stored, ONNX, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_model_load(*state, ONNX, &read, &error) != ICN_OK) fail_msg("%s", error.message);
  run_once(*state, read, results[2]);
  assert_memory_equal(results[0], results[2], sizeof results[0]);
  assert_int_equal(icn_model_save_onnx(read, ONNX, &error), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "only built-in networks"));
  assert_int_equal(icn_model_save_onnx(stored, "not-there/model.onnx", &error), ICN_IO);
  assert_int_equal(icn_model_save_onnx(stored, NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_model_save_onnx(NULL, ONNX, NULL), ICN_ARGUMENT);
  icn_model_destroy(read);
  remove(ONNX);
  icn_model_destroy(stored);
  icn_model_destroy(generated);
  icn_model_destroy(other);
  remove(PATH);
}

static void weights_that_do_not_fit_are_explained(void **state) {
  static const char PATH[] = "test_builtin_api_bad.safetensors";
  icn_error error;
  icn_model *model = (icn_model *)(uintptr_t)1;
  assert_true(safetensors_write_network("googlenet_bn:width=0.1,classes=5", PATH));
  const struct {
    const char *network, *weights;
    icn_status status;
    const char *words;
  } cases[] = {
      {"builtin:inception_v3", PATH, ICN_FORMAT,
       "'test_builtin_api_bad.safetensors': the weights do not fit the built-in network inception_v3"},
      {"googlenet_bn:classes=5", PATH, ICN_FORMAT,
       "have another shape or type; other: conv1.conv.weight (6x3x7x7 of F32 instead of 64x3x7x7"},
      {"googlenet_bn:width=0.1,seed=2", PATH, ICN_ARGUMENT, "'googlenet_bn:width=0.1,seed=2': the option seed"},
      {"resnet", PATH, ICN_ARGUMENT, "there is no built-in network 'resnet'"},
      {"model.onnx", PATH, ICN_ARGUMENT, "there is no built-in network 'model.onnx'"},
      {"googlenet_bn", "not-there.safetensors", ICN_IO, "not-there.safetensors"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(icn_model_load_builtin(*state, cases[i].network, cases[i].weights, &model, &error), cases[i].status);
    if (strstr(error.message, cases[i].words) == NULL) fail_msg("'%s' is not in '%s'", cases[i].words, error.message);
    assert_null(model);
  }
  write_file(PATH, "", 0);
  assert_int_equal(icn_model_load_builtin(*state, "googlenet_bn", PATH, &model, &error), ICN_FORMAT);
  assert_non_null(strstr(error.message, "begins with 8 bytes"));
  write_file(PATH, "\x02\0\0\0\0\0\0\0{}", 10);
  assert_int_equal(icn_model_load_builtin(*state, "googlenet_bn", PATH, &model, &error), ICN_FORMAT);
  assert_non_null(strstr(error.message, "are missing"));
  remove(PATH);
  assert_int_equal(icn_model_load_builtin(NULL, "googlenet_bn", PATH, &model, &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "context is NULL"));
  assert_int_equal(icn_model_load_builtin(*state, NULL, PATH, &model, &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "network is NULL"));
  assert_int_equal(icn_model_load_builtin(*state, "googlenet_bn", PATH, NULL, NULL), ICN_ARGUMENT);
}

static void misuse_is_explained(void **state) {
  icn_error error;
  icn_description *description = (icn_description *)(uintptr_t)1;
  icn_model *model = NULL;
  assert_int_equal(icn_builtin_describe(NULL, "inception_v3", &description, &error), ICN_ARGUMENT);
  assert_null(description);
  assert_non_null(strstr(error.message, "context is NULL"));
  assert_int_equal(icn_builtin_describe(*state, NULL, &description, &error), ICN_ARGUMENT);
  assert_int_equal(icn_builtin_describe(*state, "inception_v3", NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_builtin_describe(*state, "model.onnx", &description, NULL), ICN_ARGUMENT);
  static const char *const BAD[] = {"resnet", "inception_v3:width=0", "inception_v3:input=30", "googlenet:classes=1000000000"};
  static const char *const WORDS[] = {"there are: googlenet", "from 0.01 to 4", "the smallest is input=75", "from 1 to 100000"};
  for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
    char spec[200];
    snprintf(spec, sizeof spec, "builtin:%s", BAD[i]);
    assert_int_equal(icn_builtin_describe(*state, spec, &description, &error), ICN_ARGUMENT);
    if (strstr(error.message, WORDS[i]) == NULL) fail_msg("%s", error.message);
    assert_int_equal(icn_model_load(*state, spec, &model, &error), ICN_ARGUMENT);
    if (strstr(error.message, WORDS[i]) == NULL) fail_msg("%s", error.message);
    assert_null(description);
    assert_null(model);
  }
  icn_description_destroy(NULL);
  assert_int_equal(icn_description_layer_count(NULL), 0);
  assert_null(icn_description_layer(NULL, 0).name);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_network_is_described_and_loads),
      cmocka_unit_test(heads_for_training_are_further_outputs),
      cmocka_unit_test(classify_takes_the_classifier),
      cmocka_unit_test(descriptions_without_the_prefix),
      cmocka_unit_test(weights_of_a_file_are_the_networks),
      cmocka_unit_test(weights_that_do_not_fit_are_explained),
      cmocka_unit_test(misuse_is_explained),
  };
  return cmocka_run_group_tests_name("builtin_api", tests, set_up, tear_down);
}
