/* The account of device memory (icn_memory_account) against what a driver counts: every byte of every clCreateBuffer of an executor, on a
 * CPU, whose weights lie in slabs, and on what poses as a GPU, where each is a buffer. */

#include "fault/fake_test.h"
#include "support/api_model.h"
#include "support/network.h"

enum { INCEPTION, GOOGLENET, NETWORK_COUNT };

typedef struct counted {
  fake_driver *driver; /* NULL: no OpenCL here */
  test_network googlenet;
  icn_context *context;
  icn_model *model;
} counted;

static int set_up(void **state) {
  static counted c;
  char path[4096];
  icn_error error;
  *state = &c;
  snprintf(path, sizeof path, "%s/exported/tv_googlenet.dynamo.onnx", getenv("ICN_TEST_DATA"));
  if (test_network_load(path, 1, &c.googlenet, &error) != ICN_OK) fail_msg("%s", error.message);
  icn_context *context = NULL;
  assert_int_equal(icn_context_create(NULL, &context, &error), ICN_OK);
  if (icn_context_device_count(context) > 0) c.driver = fake_driver_open();
  icn_context_destroy(context);
  return 0;
}

static int tear_down(void **state) {
  counted *c = *state;
  test_network_unload(&c->googlenet);
  return 0;
}

/* `recorded`: a file of tests/data/devices to pose as, or NULL for the device as it is. */
static void open_model(counted *c, int network, const char *recorded) {
  char path[4096];
  icn_error error;
  icn_context_options options;
  icn_context_options_init(&options);
  options.cache_dir = "none";
  c->driver->reset();
  snprintf(path, sizeof path, "%s/devices/%s", getenv("ICN_TEST_DATA"), recorded == NULL ? "" : recorded);
  if (recorded != NULL && !c->driver->pose(path)) fail_msg("%s cannot be read", path);
  assert_int_equal(icn_context_create(&options, &c->context, &error), ICN_OK);
  const icn_status status = network == INCEPTION
                                ? icn_model_load(c->context, "builtin:inception_v3:input=75,classes=10", &c->model, &error)
                                : icn_model_load_memory(c->context, c->googlenet.file, c->googlenet.file_bytes, &c->model, &error);
  if (status != ICN_OK) fail_msg("%s", error.message);
}

static void close_model(counted *c) {
  icn_model_destroy(c->model);
  icn_context_destroy(c->context);
  c->driver->reset();
}

static size_t elems_of(const icn_tensor_info *info) {
  size_t elems = 1;
  for (int k = 0; k < info->rank; k++) elems *= (size_t)info->dim[k];
  return elems;
}

/* Of made-up input; free() it. */
static float *result_of(icn_executor *executor) {
  const icn_tensor_info in = icn_executor_input(executor, 0), out = icn_executor_output(executor, 0);
  icn_error error;
  float *input = calloc(elems_of(&in), sizeof *input), *output = calloc(elems_of(&out), sizeof *output);
  const float *const inputs[] = {input};
  float *const outputs[] = {output};
  assert_true(input != NULL && output != NULL);
  api_fill(input, elems_of(&in), 5);
  if (icn_executor_run(executor, inputs, outputs, &error) != ICN_OK) fail_msg("%s", error.message);
  free(input);
  return output;
}

static void run_once(icn_executor *executor) { free(result_of(executor)); }

static void assert_same(const icn_memory_account *a, const icn_memory_account *b) {
  assert_int_equal(a->struct_bytes, sizeof *a);
  if (memcmp(a, b, sizeof *a) != 0)
    fail_msg("the executor's account differs from the plan's: %llu and %llu bytes", (unsigned long long)a->peak_bytes,
             (unsigned long long)b->peak_bytes);
}

/* What icn_executor_memory tells is a part of the account. */
static void assert_adds_up(const icn_executor *executor, const icn_memory_account *account) {
  const icn_memory_info memory = icn_executor_memory(executor);
  assert_int_equal(memory.arena_bytes, account->arena_bytes + account->library_bytes);
  assert_int_equal(memory.weight_bytes, account->weight_bytes);
  assert_int_equal(memory.input_bytes, account->input_bytes);
  assert_int_equal(memory.output_bytes, account->output_bytes);
  assert_int_equal(account->peak_bytes,
                   memory.arena_bytes + memory.weight_bytes + memory.input_bytes + memory.output_bytes + account->padding_bytes);
  assert_true(account->arena_bytes >= account->arena_bound_bytes && account->scratch_bytes <= account->arena_bytes);
}

static icn_memory_account count_one(counted *c, const char *what, int64_t batch, const char *rows) {
  icn_error error;
  icn_memory_account planned, held;
  icn_plan_options plan_options;
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_memory_account_init(&planned);
  icn_memory_account_init(&held);
  icn_plan_options_init(&plan_options);
  plan_options.device = icn_context_device(c->context, 0);
  plan_options.batch = batch;
  plan_options.forced_rows = rows;
  icn_executor_options_init(&options);
  options.device = plan_options.device;
  options.batch = batch;
  options.forced_rows = rows;
  const unsigned long long before = c->driver->bytes;
  const long buffers = c->driver->buffers;
  if (icn_model_account(c->model, &plan_options, &planned, &error) != ICN_OK) fail_msg("%s: %s", what, error.message);
  assert_int_equal(c->driver->buffers, buffers); /* nothing was allocated for it */
  c->driver->bytes_peak = before;
  if (icn_executor_create(c->model, &options, &executor, &error) != ICN_OK) fail_msg("%s: %s", what, error.message);
  assert_int_equal(icn_executor_account(executor, &held, &error), ICN_OK);
  assert_same(&held, &planned);
  assert_adds_up(executor, &held);
  if (c->driver->bytes - before != planned.peak_bytes)
    fail_msg("%s, batch %d: the driver counts %llu bytes in %ld buffers, the plan %llu", what, (int)batch, c->driver->bytes - before,
             c->driver->buffers - buffers, (unsigned long long)planned.peak_bytes);
  run_once(executor);
  assert_int_equal(c->driver->bytes_peak - before, planned.peak_bytes); /* neither preparing nor running took more */
  icn_executor_destroy(executor);
  assert_int_equal(c->driver->bytes, before);
  print_message("%s, batch %d: %llu bytes in %ld buffers\n", what, (int)batch, (unsigned long long)planned.peak_bytes,
                c->driver->buffers - buffers);
  return planned;
}

static void count_network(void **state, int network, const char *recorded) {
  counted *c = *state;
  char what[128];
  if (c->driver == NULL) skip();
  snprintf(what, sizeof what, "%s on %s", network == INCEPTION ? "Inception-v3" : "GoogLeNet", recorded == NULL ? "this device" : recorded);
  open_model(c, network, recorded);
  for (int64_t batch = 1; batch <= 8; batch += 7) {
    const icn_memory_account account = count_one(c, what, batch, NULL);
    const bool cpu = icn_device_get_info(icn_context_device(c->context, 0)).kind == ICN_DEVICE_CPU;
    assert_int_equal(account.padding_bytes > 0, cpu);
  }
  close_model(c);
}

static void inception_on_a_cpu(void **state) { count_network(state, INCEPTION, NULL); }
static void googlenet_on_a_cpu(void **state) { count_network(state, GOOGLENET, NULL); }
static void inception_on_a_gpu(void **state) { count_network(state, INCEPTION, "gpu.txt"); }
static void googlenet_on_a_gpu(void **state) { count_network(state, GOOGLENET, "gpu.txt"); }

/* Scratch and other memory of rows that the model's own choice does without. */
static void other_rows_are_counted(void **state) {
  counted *c = *state;
  if (c->driver == NULL) skip();
  open_model(c, INCEPTION, NULL);
  const icn_memory_account split = count_one(c, "winograd_split", 1, "winograd_split");
  assert_true(split.scratch_bytes > 0);
  const icn_memory_account direct = count_one(c, "no Winograd", 1, "-winograd*");
  assert_true(direct.weight_bytes < split.weight_bytes);
  close_model(c);
}

/* CLBlast's buffer is the library's, and there is no other. */
static void clblast_is_counted(void **state) {
  counted *c = *state;
  if (c->driver == NULL) skip();
  unsetenv("CLINCEPTION_CLBLAST_LIBRARY");
  open_model(c, INCEPTION, NULL);
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_memory_account account;
  icn_error error;
  icn_executor_options_init(&options);
  options.device = icn_context_device(c->context, 0);
  options.forced_rows = "clblast_conv,clblast_matmul";
  icn_memory_account_init(&account);
  c->driver->bytes_peak = 0;
  if (icn_executor_create(c->model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(icn_executor_account(executor, &account, &error), ICN_OK);
  assert_int_equal(c->driver->bytes, account.peak_bytes);
  run_once(executor);
  assert_int_equal(c->driver->bytes_peak, account.peak_bytes);
  if (account.library_bytes == 0) print_message("there is no CLBlast here\n");
  icn_executor_destroy(executor);
  close_model(c);
  setenv("CLINCEPTION_CLBLAST_LIBRARY", "none", 1);
}

static void an_account_is_initialised(void **state) {
  (void)state;
  icn_error error;
  icn_memory_account account;
  memset(&account, 0, sizeof account);
  assert_int_equal(icn_executor_account(NULL, &account, &error), ICN_ARGUMENT);
  assert_int_equal(icn_model_account(NULL, NULL, &account, &error), ICN_ARGUMENT);
}

/* Two executors of one model share weights: the second adds what is its own. */
static void shared_weights_are_there_once(void **state) {
  counted *c = *state;
  icn_executor *executors[2] = {NULL};
  icn_memory_account account;
  icn_error error;
  if (c->driver == NULL) skip();
  open_model(c, INCEPTION, NULL);
  icn_executor_options options;
  icn_executor_options_init(&options);
  options.device = icn_context_device(c->context, 0);
  icn_memory_account_init(&account);
  account.struct_bytes = 0;
  for (int i = 0; i < 2; i++) {
    if (icn_executor_create(c->model, &options, &executors[i], &error) != ICN_OK) fail_msg("%s", error.message);
  }
  assert_int_equal(icn_executor_account(executors[1], &account, &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "icn_memory_account_init"));
  icn_memory_account_init(&account);
  assert_int_equal(icn_executor_account(executors[1], &account, &error), ICN_OK);
  assert_int_equal(c->driver->bytes, 2 * account.peak_bytes - account.weight_bytes - account.padding_bytes);
  for (int i = 0; i < 2; i++) icn_executor_destroy(executors[i]);
  close_model(c);
}

/* A model that reads the same weights in three places, or three weights. */
static proto_writer three_convolutions(bool shared) {
  float weights[16 * 16 * 9], bias[16];
  model_writer model = model_begin(13);
  api_fill(weights, sizeof weights / sizeof weights[0], 8);
  api_fill(bias, 16, 9);
  for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++) weights[i] *= 0.05f;
  model_input(&model, "x", ONNX_FLOAT, 4, (const int64_t[]){-1, 16, 12, 12});
  model_floats(&model, "b", 1, (const int64_t[]){16}, bias);
  for (int i = 0; i < 3; i++) {
    char name[8], inputs[16], output[8], weight[8];
    snprintf(weight, sizeof weight, "w%d", shared ? 0 : i);
    snprintf(name, sizeof name, "conv%d", i);
    if (i == 0) snprintf(inputs, sizeof inputs, "x,%s,b", weight);
    if (i > 0) snprintf(inputs, sizeof inputs, "y%d,%s,b", i, weight);
    snprintf(output, sizeof output, "y%d", i + 1);
    weights[0] += 0.01f;
    if (i == 0 || !shared) model_floats(&model, weight, 4, (const int64_t[]){16, 16, 3, 3}, weights);
    model_node(&model, "Conv", name, inputs, output);
    node_ints(&model, "pads", 4, (const int64_t[]){1, 1, 1, 1});
  }
  model_output(&model, "y3");
  return model_end(&model);
}

static void weights_that_are_read_twice_are_counted_once(void **state) {
  counted *c = *state;
  icn_error error;
  if (c->driver == NULL) skip();
  proto_writer file = three_convolutions(true), other = three_convolutions(false);
  for (int gpu = 0; gpu < 2; gpu++) {
    open_model(c, INCEPTION, gpu == 0 ? NULL : "gpu.txt");
    icn_model_destroy(c->model);
    c->model = api_model_load(c->context, &other);
    const icn_memory_account three = count_one(c, "three weights", 2, NULL);
    icn_model_destroy(c->model);
    c->model = api_model_load(c->context, &file);
    const icn_memory_account one = count_one(c, "weights that are shared", 2, NULL);
    assert_true(2 * one.weight_bytes < three.weight_bytes);
    icn_executor_options options;
    icn_executor *executors[2] = {NULL};
    icn_executor_options_init(&options);
    for (int r = 0; r < 2; r++) { /* and they are right */
      if (r == 0) assert_int_equal(icn_context_find_device(c->context, "reference", &options.device, &error), ICN_OK);
      if (r == 1) options.device = icn_context_device(c->context, 0);
      if (icn_executor_create(c->model, &options, &executors[r], &error) != ICN_OK) fail_msg("%s", error.message);
    }
    float *want = result_of(executors[0]), *got = result_of(executors[1]);
    assert_true(api_difference(got, want, 16 * 12 * 12) < 1e-4);
    for (int r = 0; r < 2; r++) icn_executor_destroy(executors[r]);
    free(want);
    free(got);
    close_model(c);
  }
  proto_free(&file);
  proto_free(&other);
}

/* ------------------------------------------------------------------ limits */

static icn_executor *create_within(counted *c, int64_t batch, uint64_t limit, icn_status expected, icn_error *error) {
  icn_executor *executor = NULL;
  icn_executor_options options;
  icn_executor_options_init(&options);
  options.device = icn_context_device(c->context, 0);
  options.batch = batch;
  options.memory_limit = limit;
  const icn_status status = icn_executor_create(c->model, &options, &executor, error);
  if (status != expected) fail_msg("a limit of %llu bytes: %s", (unsigned long long)limit, error->message);
  return executor;
}

/* The executor stays within its limit from its creation to the end of a run, and computes what one without a limit does. */
static void check_limit(counted *c, int64_t batch, uint64_t limit, const float *want) {
  icn_error error;
  icn_memory_account account;
  icn_memory_account_init(&account);
  const unsigned long long before = c->driver->bytes;
  c->driver->bytes_peak = before;
  icn_executor *executor = create_within(c, batch, limit, ICN_OK, &error);
  const icn_tensor_info out = icn_executor_output(executor, 0);
  assert_int_equal(icn_executor_account(executor, &account, &error), ICN_OK);
  float *got = result_of(executor);
  const double difference = api_difference(got, want, elems_of(&out));
  if (difference > 1e-5) fail_msg("limit %llu, batch %d: off by %g", (unsigned long long)limit, (int)batch, difference);
  assert_int_equal(c->driver->bytes_peak - before, account.peak_bytes);
  assert_true(account.peak_bytes <= limit);
  free(got);
  icn_executor_destroy(executor);
  assert_int_equal(c->driver->bytes, before);
}

/* From the least that is possible, which the sentence about one byte tells, to what is taken without a limit. */
static void check_limits(counted *c, int64_t batch) {
  icn_error error;
  icn_memory_account account;
  unsigned long long least = 0;
  const long buffers = c->driver->buffers;
  icn_memory_account_init(&account);
  assert_null(create_within(c, batch, 1, ICN_DEVICE_MEMORY, &error));
  const char *needs = strstr(error.message, "the plan needs ");
  if (needs == NULL || sscanf(needs, "the plan needs %llu", &least) != 1) fail_msg("%s", error.message);
  assert_int_equal(c->driver->buffers, buffers); /* it was known beforehand */
  icn_executor *executor = create_within(c, batch, 0, ICN_OK, &error);
  assert_int_equal(icn_executor_account(executor, &account, &error), ICN_OK);
  float *want = result_of(executor);
  icn_executor_destroy(executor);
  assert_true(least < account.peak_bytes);
  for (uint64_t part = 0; part <= 3; part++) check_limit(c, batch, least + (account.peak_bytes - least) * part / 3, want);
  assert_null(create_within(c, batch, least - 1, ICN_DEVICE_MEMORY, &error));
  print_message("batch %d: %.2f MiB, or down to %.2f MiB\n", (int)batch, (double)account.peak_bytes / 1048576, (double)least / 1048576);
  free(want);
}

static void limits_are_kept_on_a_cpu(void **state) {
  counted *c = *state;
  if (c->driver == NULL) skip();
  open_model(c, INCEPTION, NULL);
  check_limits(c, 1);
  check_limits(c, 8);
  close_model(c);
}

static void limits_are_kept_on_a_gpu(void **state) {
  counted *c = *state;
  if (c->driver == NULL) skip();
  open_model(c, INCEPTION, "gpu.txt");
  check_limits(c, 1);
  check_limits(c, 4);
  close_model(c);
}

/* A row whose kernel does not build gives way to one that fits, too. */
static void refused_rows_stay_within_the_limit(void **state) {
  counted *c = *state;
  icn_error error;
  icn_memory_account account;
  if (c->driver == NULL) skip();
  open_model(c, INCEPTION, NULL);
  icn_executor *executor = create_within(c, 2, 0, ICN_OK, &error);
  icn_memory_account_init(&account);
  assert_int_equal(icn_executor_account(executor, &account, &error), ICN_OK);
  float *want = result_of(executor);
  icn_executor_destroy(executor);
  close_model(c);
  open_model(c, INCEPTION, NULL);
  c->driver->set("build_fails", "winograd");
  check_limit(c, 2, account.peak_bytes - account.peak_bytes / 30, want);
  free(want);
  close_model(c);
}

static void the_reference_knows_no_limit(void **state) {
  counted *c = *state;
  icn_error error;
  icn_executor *executor = NULL;
  icn_executor_options options;
  if (c->driver == NULL) skip();
  open_model(c, INCEPTION, NULL);
  icn_executor_options_init(&options);
  assert_int_equal(icn_context_find_device(c->context, "reference", &options.device, &error), ICN_OK);
  options.memory_limit = 1;
  assert_int_equal(icn_executor_create(c->model, &options, &executor, &error), ICN_UNSUPPORTED);
  close_model(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(inception_on_a_cpu),
      cmocka_unit_test(googlenet_on_a_cpu),
      cmocka_unit_test(inception_on_a_gpu),
      cmocka_unit_test(googlenet_on_a_gpu),
      cmocka_unit_test(other_rows_are_counted),
      cmocka_unit_test(clblast_is_counted),
      cmocka_unit_test(an_account_is_initialised),
      cmocka_unit_test(shared_weights_are_there_once),
      cmocka_unit_test(weights_that_are_read_twice_are_counted_once),
      cmocka_unit_test(limits_are_kept_on_a_cpu),
      cmocka_unit_test(limits_are_kept_on_a_gpu),
      cmocka_unit_test(refused_rows_stay_within_the_limit),
      cmocka_unit_test(the_reference_knows_no_limit),
  };
  return cmocka_run_group_tests_name("memory", tests, set_up, tear_down);
}
