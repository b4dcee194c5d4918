/* Each row of lib/quirks.def on a device that it is about: the fake driver poses as one, and the work-around is seen to happen (and not to
 * happen when the row is turned off). */
#include "device.h"
#include "fault/fake_test.h"
#include "os.h"
#include "quirks.h"
#include "support/api_model.h"

enum { SIZE = 16, IMAGE = 3 * SIZE * SIZE, MOST_ROWS = 64 };

typedef struct fixture {
  fake_driver *driver;
  proto_writer file;
  char log[16384]; /* the lines of the context that is open */
} fixture;

static bool seen[MOST_ROWS]; /* rows whose work-around was seen */

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  icn_cl cl;
  cl_platform_id platform;
  *state = &f;
  f.file = api_model_write();
  if (icn_cl_open(&cl, NULL, &error) != ICN_OK || cl.clGetPlatformIDs(1, &platform, NULL) != CL_SUCCESS) return 0;
  f.driver = fake_driver_open();
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  proto_free(&f->file);
  return 0;
}

/* ------------------------------------------------------------------- posing */

typedef struct device_names {
  const char *kind, *vendor, *platform, *name, *driver, *version;
} device_names;

static const device_names
    RADEON = {"gpu", "Advanced Micro Devices, Inc.", "AMD Accelerated Parallel Processing", "gfx1100", "3570.0 (HSA1.1,LC)", "OpenCL 2.0 "},
    MESA_RADEON = {"gpu", "AMD", "rusticl", "AMD Radeon RX 6800 (radeonsi, navi21, LLVM 19.1.7)", "25.0.7", "OpenCL 3.0 "},
    MALI_T880 = {"gpu", "ARM", "ARM Platform", "Mali-T880", "1.2", "OpenCL 1.2 v1.r22p0"},
    MALI_T628 = {"gpu", "ARM", "ARM Platform", "Mali-T628", "1.2", "OpenCL 1.2 v1.r12p0"},
    PANFROST = {"gpu", "Arm", "rusticl", "Mali-G57 (Panfrost)", "25.0.7", "OpenCL 3.0 "},
    ADRENO = {"gpu",
              "QUALCOMM",
              "QUALCOMM Snapdragon(TM)",
              "QUALCOMM Adreno(TM)",
              "OpenCL 3.0 QUALCOMM build: 0 Compiler E031.38.01.00",
              "OpenCL 3.0 Adreno(TM) 740"},
    ADRENO_642L = {"gpu",
                   "QUALCOMM",
                   "QUALCOMM Snapdragon(TM)",
                   "QUALCOMM Adreno(TM)",
                   "OpenCL 2.0 QUALCOMM build: 0 Compiler E031.45.01.08",
                   "OpenCL 2.0 Adreno(TM) 642L"},
    ADRENO_840 = {"gpu",
                  "QUALCOMM",
                  "QUALCOMM Snapdragon(TM)",
                  "QUALCOMM Adreno(TM) 840",
                  "OpenCL 3.0 QUALCOMM build: 0 Compiler E031.47.12.03",
                  "OpenCL 3.0 Adreno(TM) 840"},
    RADEON_5700 = {"gpu",     "Advanced Micro Devices, Inc.", "AMD Accelerated Parallel Processing",
                   "gfx1010", "3182.0 (HSA1.1,LC)",           "OpenCL 2.0 "},
    FREEDRENO = {"gpu", "Qualcomm", "rusticl", "FD660", "25.0.7", "OpenCL 3.0 "},
    INTEL_UHD = {"gpu", "Intel(R) Corporation", "Intel(R) OpenCL HD Graphics", "Intel(R) UHD Graphics 630", "22.43", "OpenCL 3.0 NEO "},
    POWERVR = {"gpu", "Imagination Technologies", "PowerVR Rogue", "PowerVR Rogue GE8320", "1.13", "OpenCL 1.2 "},
    OCLGRIND = {"cpu", "University of Bristol", "Oclgrind", "Oclgrind Simulator", "Oclgrind 21.10", "OpenCL 1.2 (Oclgrind 21.10)"},
    LLVMPIPE = {"cpu", "Mesa/X.org", "rusticl", "llvmpipe (LLVM 15.0.6, 256 bits)", "22.3.6", "OpenCL 3.0 "},
    POCL = {"cpu", "AuthenticAMD", "Portable Computing Language", "cpu", "6.0", "OpenCL 3.0 PoCL 6.0"};

static void append_line(void *user, icn_log_level level, const char *line) {
  fixture *f = user;
  const size_t length = strlen(f->log);
  (void)level;
  snprintf(f->log + length, sizeof f->log - length, "%s\n", line);
}

static fixture *begin(void **state, const device_names *names) {
  fixture *f = *state;
  if (f->driver == NULL) skip();
  f->driver->reset();
  f->driver->set("kind", names->kind);
  f->driver->set("vendor", names->vendor);
  f->driver->set("platform", names->platform);
  f->driver->set("name", names->name);
  f->driver->set("driver", names->driver);
  f->driver->set("version", names->version);
  return f;
}

static icn_context *open_context(fixture *f, const char *quirks, const char *cache) {
  const icn_logger logger = {f, ICN_LOG_INFO, append_line};
  icn_context_options options;
  icn_context *context = NULL;
  icn_error error;
  f->log[0] = '\0';
  icn_context_options_init(&options);
  options.logger = &logger;
  options.cache_dir = cache;
  options.quirks = quirks;
  if (icn_context_create(&options, &context, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_context_device_count(context) == 0) fail_msg("%s", icn_context_opencl_problem(context));
  return context;
}

static bool lists(const icn_device *device, const char *name) {
  for (size_t i = 0; i < icn_device_quirk_count(device); i++)
    if (strcmp(icn_device_quirk(device, i).name, name) == 0) return true;
  return false;
}

/* A context whose device says that the row is active; its work-around is about to be seen. */
static icn_context *open_with(fixture *f, const char *quirk, const char *cache) {
  icn_context *context = open_context(f, NULL, cache);
  if (!lists(icn_context_device(context, 0), quirk))
    fail_msg("quirk %s is not active on '%s'", quirk, icn_context_device(context, 0)->desc.name);
  for (size_t i = 0; i < icn_quirk_count(); i++)
    if (strcmp(icn_quirk_at(i)->name, quirk) == 0) seen[i] = true;
  return context;
}

static icn_context *open_without(fixture *f, const char *quirk, const char *cache) {
  char switches[128];
  snprintf(switches, sizeof switches, "-%s", quirk);
  icn_context *context = open_context(f, switches, cache);
  assert_false(lists(icn_context_device(context, 0), quirk));
  return context;
}

static void end(fixture *f) {
  f->driver->reset();
  assert_int_equal(f->driver->alive, 0);
}

/* ---------------------------------------------------------------- executors */

typedef struct wanted {
  int profile;
  uint32_t cores;
} wanted;

/* Builds and runs the small network on the context's device. */
static icn_status use(fixture *f, icn_context *context, const wanted *w, icn_error *error) {
  const icn_input_shape shape = {.name = "x", .rank = 4, .dim = {1, 3, SIZE, SIZE}};
  float image[IMAGE], scores[10], *outputs[] = {scores, NULL};
  const float *input = image;
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_model *model = api_model_load(context, &f->file);
  api_fill(image, IMAGE, 5);
  icn_executor_options_init(&options);
  options.device = icn_context_device(context, 0);
  options.shapes = &shape;
  options.shape_count = 1;
  options.profile = w->profile;
  options.cores = w->cores;
  icn_status status = icn_executor_create(model, &options, &executor, error);
  if (status == ICN_OK) status = icn_executor_run(executor, &input, outputs, error);
  icn_executor_destroy(executor);
  icn_model_destroy(model);
  return status;
}

static void use_well(fixture *f, icn_context *context, const wanted *w) {
  icn_error error;
  if (use(f, context, w, &error) != ICN_OK) fail_msg("%s", error.message);
}

static void count_calls(fixture *f, const char *function) {
  char never[64];
  snprintf(never, sizeof never, "%s:1000000000:-1", function);
  f->driver->set("fail", never);
}

/* The plan of Inception-v3 for the context's device, NEW. */
static char *plan_of(icn_context *context, int why) {
  icn_plan_options options;
  icn_model *model = NULL;
  char *text = NULL;
  icn_error error;
  icn_plan_options_init(&options);
  options.device = icn_context_device(context, 0);
  options.why = why;
  if (icn_model_load(context, "builtin:inception_v3:input=139", &model, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_model_plan(model, &options, &text, &error) != ICN_OK) fail_msg("%s", error.message);
  icn_model_destroy(model);
  return text;
}

static bool plan_has(icn_context *context, const char *part) {
  char *text = plan_of(context, 0);
  const bool found = strstr(text, part) != NULL;
  icn_text_destroy(context, text);
  return found;
}

/* -------------------------------------------- limits and features, in plans */

static void plans_say_why(void **state) {
  fixture *f = begin(state, &RADEON);
  icn_context *context = open_with(f, "amd_dual_units", "none");
  char *text = plan_of(context, 1);
  assert_non_null(strstr(text, "quirk: amd_dual_units: "));
  assert_non_null(strstr(f->log, "quirk amd_dual_units"));
  icn_text_destroy(context, text);
  icn_context_destroy(context);
  end(f);
}

static void compute_units_are_counted_singly(void **state) {
  fixture *f = begin(state, &RADEON);
  f->driver->set("compute_units", "48");
  icn_context *context = open_with(f, "amd_dual_units", "none");
  assert_true(plan_has(context, "96 compute units"));
  assert_int_equal(icn_device_get_info(icn_context_device(context, 0)).compute_units, 48); /* what the driver says */
  icn_context_destroy(context);
  context = open_without(f, "amd_dual_units", "none");
  assert_true(plan_has(context, "48 compute units"));
  icn_context_destroy(context);
  end(f);
}

/* A row that goes through local memory is in the plan exactly with (or without) the quirk. */
static void assert_local_rows(fixture *f, const char *quirk, bool with) {
  icn_context *context = open_with(f, quirk, "none");
  assert_int_equal(plan_has(context, " conv_gpu "), with);
  icn_context_destroy(context);
  context = open_without(f, quirk, "none");
  assert_int_equal(plan_has(context, " conv_gpu "), !with);
  icn_context_destroy(context);
  end(f);
}

static void mesa_has_local_memory(void **state) {
  fixture *f = begin(state, &MESA_RADEON);
  f->driver->set("local_is_real", "0");
  assert_local_rows(f, "rusticl_local_type", true);
}

static void mali_has_none_of_its_own(void **state) {
  fixture *f = begin(state, &MALI_T880);
  f->driver->set("local_is_real", "1");
  assert_local_rows(f, "mali_local_memory", false);
}

static void adreno_does_without_local_tiles(void **state) {
  fixture *f = begin(state, &ADRENO);
  f->driver->set("local_is_real", "1");
  assert_local_rows(f, "adreno_local_tiles", false);
}

typedef struct option_search {
  const char *option;
  bool found;
} option_search;

static void find_option(void *user, const char *file, const char *options, const char *source) {
  option_search *search = user;
  (void)file, (void)source;
  if (strstr(options, search->option) != NULL) search->found = true;
}

/* A program of the plan is built with this option. */
static bool plan_builds_with(icn_context *context, const char *option) {
  icn_plan_options options;
  icn_model *model = NULL;
  option_search search = {option, false};
  icn_error error;
  icn_plan_options_init(&options);
  options.device = icn_context_device(context, 0);
  if (icn_model_load(context, "builtin:inception_v3:input=139", &model, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_model_sources(model, &options, find_option, &search, &error) != ICN_OK) fail_msg("%s", error.message);
  icn_model_destroy(model);
  return search.found;
}

/* Tiles of 64 x 64: groups of 256 items. */
static bool has_large_tiles(icn_context *context) { return plan_builds_with(context, "-D BM=64"); }

static void an_adreno_8xx_has_no_constants(void **state) {
  fixture *f = begin(state, &ADRENO_840);
  icn_context *context = open_with(f, "adreno_8xx_constants", "none");
  assert_false(plan_builds_with(context, "CONSTANT_WEIGHTS"));
  icn_context_destroy(context);
  context = open_without(f, "adreno_8xx_constants", "none");
  assert_true(plan_builds_with(context, "CONSTANT_WEIGHTS"));
  icn_context_destroy(context);
  end(f);
}

static void mali_t8xx_gets_small_work_groups(void **state) {
  fixture *f = begin(state, &MALI_T880);
  f->driver->set("local_is_real", "1");
  f->driver->set("max_work_group", "256");
  f->driver->set("compute_units", "1");
  icn_context_destroy(open_with(f, "mali_t8xx_work_groups", "none"));
  icn_context *context = open_context(f, "-mali_local_memory", "none"); /* else there are no large groups anyway */
  assert_false(has_large_tiles(context));
  icn_context_destroy(context);
  context = open_context(f, "-mali_local_memory,-mali_t8xx_work_groups", "none");
  assert_true(has_large_tiles(context));
  icn_context_destroy(context);
  end(f);
}

/* The driver that tells of work-groups of 0 items does launch. */
static void a_work_group_of_0_items_is_not_believed(void **state) {
  fixture *f = begin(state, &INTEL_UHD);
  const wanted plain = {0, 0};
  icn_error error;
  f->driver->set("max_work_group", "0");
  icn_context *context = open_with(f, "neo_no_work_group", "none");
  assert_int_equal(icn_context_device(context, 0)->desc.max_work_group, 64);
  assert_int_equal(use(f, context, &plain, &error), ICN_OK);
  icn_context_destroy(context);
  context = open_without(f, "neo_no_work_group", "none");
  assert_int_equal(use(f, context, &plain, &error), ICN_UNSUPPORTED);
  icn_context_destroy(context);
  end(f);
}

static void freedreno_has_fewer_units_than_it_says(void **state) {
  fixture *f = begin(state, &FREEDRENO);
  f->driver->set("compute_units", "9999");
  icn_context *context = open_with(f, "freedreno_units", "none");
  assert_int_equal(icn_context_device(context, 0)->desc.compute_units, 4);
  icn_context_destroy(context);
  context = open_without(f, "freedreno_units", "none");
  assert_int_equal(icn_context_device(context, 0)->desc.compute_units, 9999);
  icn_context_destroy(context);
  end(f);
}

/* The number in front of these words. */
static double number_before(const char *text, const char *words) {
  const char *at = strstr(text, words);
  assert_non_null(at);
  while (at > text && at[-1] != ' ') at--;
  return strtod(at, NULL);
}

static void launches_are_reckoned_as_slow(void **state) {
  fixture *f = begin(state, &INTEL_UHD);
  double seconds[2], launches = 0;
  for (int with = 0; with < 2; with++) {
    icn_context *context = with ? open_with(f, "intel_slow_launches", "none") : open_without(f, "intel_slow_launches", "none");
    char *text = plan_of(context, 0);
    seconds[with] = number_before(text, " ms expected") / 1e3;
    launches = number_before(text, " launches of");
    icn_text_destroy(context, text);
    icn_context_destroy(context);
  }
  /* 27 us more for each launch that is left: how many that are depends on what the device below can do. */
  assert_true(launches > 50 && seconds[1] > seconds[0] + launches * 25e-6);
  end(f);
}

static void pocl_has_no_sub_groups(void **state) {
  fixture *f = begin(state, &POCL);
  f->driver->set("has_subgroups", "1");
  icn_context *context = open_with(f, "pocl_sub_groups", "none");
  assert_true(icn_context_device(context, 0)->reported.has_subgroups);
  assert_false(icn_context_device(context, 0)->desc.has_subgroups);
  icn_context_destroy(context);
  context = open_without(f, "pocl_sub_groups", "none");
  assert_true(icn_context_device(context, 0)->desc.has_subgroups);
  icn_context_destroy(context);
  end(f);
}

/* ------------------------------------------------------------ build options */

static void assert_built_with(fixture *f, const char *quirk, const char *option) {
  const wanted plain = {0, 0};
  icn_context *context = open_with(f, quirk, "none");
  use_well(f, context, &plain);
  if (strstr(f->driver->options, option) == NULL) fail_msg("%s: built with '%s'", quirk, f->driver->options);
  icn_context_destroy(context);
  context = open_without(f, quirk, "none");
  use_well(f, context, &plain);
  if (strstr(f->driver->options, option) != NULL) fail_msg("without %s: built with '%s'", quirk, f->driver->options);
  assert_non_null(strstr(f->driver->options, "-cl-std=CL1.2"));
  icn_context_destroy(context);
  end(f);
}

static void multiply_adds_are_mads(void **state) { assert_built_with(begin(state, &ADRENO), "fma_emulated", "-cl-mad-enable"); }

static void the_optimiser_is_off_on_a_powervr(void **state) {
  assert_built_with(begin(state, &POWERVR), "powervr_ge8320_optimiser", "-cl-opt-disable");
}

static void the_optimiser_is_off_in_oclgrind(void **state) {
  assert_built_with(begin(state, &OCLGRIND), "oclgrind_freeze", "-cl-opt-disable");
}

/* A compiler that fails on programs with pool_any does not see it beside the kernel that is wanted from the same file. */
static void a_kernel_is_a_program_on_an_adreno_6xx(void **state) {
  fixture *f = begin(state, &ADRENO_642L);
  const wanted plain = {0, 0};
  icn_context *context = open_with(f, "adreno_6xx_programs", "none");
  f->driver->set("build_fails", "pool_any");
  use_well(f, context, &plain);
  assert_null(strstr(f->log, "did not build"));
  icn_context_destroy(context);
  context = open_without(f, "adreno_6xx_programs", "none");
  icn_error error;
  (void)use(f, context, &plain, &error); /* other rows may take their place */
  assert_non_null(strstr(f->log, "pool.cl' with options"));
  icn_context_destroy(context);
  end(f);
}

/* ------------------------------------------------- queues, parts of a device */

/* One queue is made and it has no profiling; without the quirk, one with profiling is tried first. */
static void assert_no_profiling(fixture *f, const char *quirk, const char *function) {
  const wanted profile = {1, 0};
  f->driver->set("profiling", "0");
  icn_context *context = open_with(f, quirk, "none");
  count_calls(f, function);
  use_well(f, context, &profile);
  assert_int_equal(f->driver->calls, 1);
  assert_non_null(strstr(f->log, "layer times will be 0"));
  assert_non_null(strstr(f->log, quirk));
  icn_context_destroy(context);
  context = open_without(f, quirk, "none");
  count_calls(f, function);
  use_well(f, context, &profile);
  assert_int_equal(f->driver->calls, 2);
  icn_context_destroy(context);
  end(f);
}

static void old_mali_queues_do_not_profile(void **state) {
  assert_no_profiling(begin(state, &MALI_T628), "mali_t6xx_profiling", "clCreateCommandQueue");
}

static void panfrost_queues_do_not_profile(void **state) {
  assert_no_profiling(begin(state, &PANFROST), "panfrost_profiling", "clCreateCommandQueueWithProperties");
}

static void old_rusticl_queues_do_not_profile(void **state) {
  assert_no_profiling(begin(state, &LLVMPIPE), "rusticl_22_profiling", "clCreateCommandQueueWithProperties");
}

static void old_rusticl_is_not_divided(void **state) {
  fixture *f = begin(state, &LLVMPIPE);
  const wanted one_core = {0, 1};
  icn_error error;
  f->driver->set("compute_units", "4");
  icn_context *context = open_with(f, "rusticl_22_sub_devices", "none");
  count_calls(f, "clCreateSubDevices");
  assert_int_equal(use(f, context, &one_core, &error), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "rusticl_22_sub_devices"));
  assert_int_equal(f->driver->calls, 0);
  icn_context_destroy(context);
  context = open_without(f, "rusticl_22_sub_devices", "none");
  (void)use(f, context, &one_core, &error);
  assert_int_equal(f->driver->calls, 1);
  icn_context_destroy(context);
  end(f);
}

/* Thirty layers that are one launch each. */
static proto_writer chain_write(void) {
  enum { LAYERS = 30 };
  model_writer model = model_begin(13);
  model_input(&model, "x", ONNX_FLOAT, 4, (const int64_t[]){1, 3, SIZE, SIZE});
  for (int i = 0; i < LAYERS; i++) {
    char from[16], to[16];
    snprintf(from, sizeof from, "%c%d", i == 0 ? 'x' : 'v', i);
    snprintf(to, sizeof to, "v%d", i + 1);
    model_node(&model, "Softmax", to, i == 0 ? "x" : from, to);
  }
  model_output(&model, "v30");
  return model_end(&model);
}

static long flushes(fixture *f, icn_context *context) {
  float image[IMAGE], result[IMAGE], *outputs[] = {result};
  const float *input = image;
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_model *model = NULL;
  icn_error error;
  proto_writer file = chain_write();
  api_fill(image, IMAGE, 5);
  icn_executor_options_init(&options);
  options.device = icn_context_device(context, 0);
  if (icn_model_load_memory(context, file.data, file.bytes, &model, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_executor_create(model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
  count_calls(f, "clFlush");
  if (icn_executor_run(executor, &input, outputs, &error) != ICN_OK) fail_msg("%s", error.message);
  const long calls = f->driver->calls;
  icn_executor_destroy(executor);
  icn_model_destroy(model);
  proto_free(&file);
  return calls;
}

static void assert_flushed(fixture *f, const char *quirk, long at_least) {
  icn_context *context = open_with(f, quirk, "none");
  const long with = flushes(f, context);
  icn_context_destroy(context);
  context = open_without(f, quirk, "none");
  const long without = flushes(f, context);
  icn_context_destroy(context);
  if (with < without + at_least) fail_msg("%s: %ld flushes with, %ld without", quirk, with, without);
  end(f);
}

static void mali_queues_are_flushed(void **state) { assert_flushed(begin(state, &PANFROST), "mali_long_queues", 1); }
static void adreno_queues_are_flushed(void **state) { assert_flushed(begin(state, &ADRENO), "adreno_long_queues", 3); }

/* ------------------------------------------------------------------ binaries */

static const char *new_folder(const char *name, char *path, size_t bytes) {
  const char *base = getenv("TMPDIR");
  snprintf(path, bytes, "%s/icn-quirks-%s-%.0f", base == NULL ? "/tmp" : base, name, icn_os_seconds() * 1e6);
  return path;
}

static void remove_folder(const char *path) {
  char command[600];
  snprintf(command, sizeof command, "rm -rf '%s'", path);
  assert_int_equal(system(command), 0);
}

static long binaries_asked_for(fixture *f, icn_context *context) {
  const wanted plain = {0, 0};
  count_calls(f, "clGetProgramInfo");
  use_well(f, context, &plain);
  icn_context_destroy(context);
  return f->driver->calls;
}

static void old_mali_keeps_no_binaries(void **state) {
  fixture *f = begin(state, &MALI_T880);
  char folder[256];
  new_folder("mali", folder, sizeof folder);
  assert_true(binaries_asked_for(f, open_without(f, "mali_t8xx_binaries", folder)) > 0); /* now there are some to take */
  assert_int_equal(binaries_asked_for(f, open_with(f, "mali_t8xx_binaries", folder)), 0);
  icn_context *context = open_with(f, "mali_t8xx_binaries", folder);
  const wanted plain = {0, 0};
  count_calls(f, "clCreateProgramWithBinary");
  use_well(f, context, &plain);
  assert_int_equal(f->driver->calls, 0);
  icn_context_destroy(context);
  remove_folder(folder);
  end(f);
}

static void pocl_keeps_binaries_where_asked(void **state) {
  fixture *f = begin(state, &POCL);
  char folder[256], *named = getenv("CLINCEPTION_CACHE_DIR"), *user = getenv("XDG_CACHE_HOME");
  char *const named_before = named == NULL ? NULL : strdup(named), *const user_before = user == NULL ? NULL : strdup(user);
  new_folder("pocl", folder, sizeof folder);
  assert_true(icn_os_make_folder(folder));
  assert_int_equal(unsetenv("CLINCEPTION_CACHE_DIR"), 0);
  assert_int_equal(setenv("XDG_CACHE_HOME", folder, 1), 0);
  const long with = binaries_asked_for(f, open_with(f, "pocl_binaries", NULL));
  const long without = binaries_asked_for(f, open_without(f, "pocl_binaries", NULL));
  char other[300];
  snprintf(other, sizeof other, "%s/named", folder);
  const long asked = binaries_asked_for(f, open_with(f, "pocl_binaries", other));
  if (named_before != NULL) assert_int_equal(setenv("CLINCEPTION_CACHE_DIR", named_before, 1), 0);
  assert_int_equal(user_before != NULL ? setenv("XDG_CACHE_HOME", user_before, 1) : unsetenv("XDG_CACHE_HOME"), 0);
  free(named_before);
  free(user_before);
  remove_folder(folder);
  assert_int_equal(with, 0);
  assert_true(without > 0);
  assert_true(asked > 0);
  end(f);
}

/* ------------------------------------------------------------------- warnings */

static void assert_warned(fixture *f, const char *quirk, const char *words) {
  const wanted plain = {0, 0};
  icn_context *context = open_with(f, quirk, "none");
  use_well(f, context, &plain);
  if (strstr(f->log, words) == NULL) fail_msg("%s: no line with '%s' in:\n%s", quirk, words, f->log);
  icn_context_destroy(context);
  context = open_without(f, quirk, "none");
  use_well(f, context, &plain);
  assert_null(strstr(f->log, words));
  icn_context_destroy(context);
  end(f);
}

static void wrong_results_are_warned_of(void **state) {
  assert_warned(begin(state, &RADEON), "amd_gfx1100_3570", "is known for wrong results (KataGo #908)");
  assert_warned(begin(state, &RADEON_5700), "amd_gfx101x", "is known for wrong results (KataGo #199");
  assert_warned(begin(state, &ADRENO), "adreno_e031_38", "is known for wrong results, cured in E031.45");
  assert_warned(begin(state, &LLVMPIPE), "rusticl_22_loops", "leaves its loops after 65535 rounds");
}

static void rows_with_long_items_are_not_taken(void **state) {
  fixture *f = begin(state, &LLVMPIPE);
  icn_context *context = open_with(f, "rusticl_22_long_items", "none");
  assert_false(plan_has(context, " winograd_3x3 "));
  icn_context_destroy(context);
  context = open_without(f, "rusticl_22_long_items", "none");
  assert_true(plan_has(context, " winograd_3x3 "));
  icn_context_destroy(context);
  end(f);
}

static void free_threads_are_warned_of(void **state) {
  fixture *f = begin(state, &POCL);
  assert_int_equal(unsetenv("POCL_AFFINITY"), 0);
  assert_warned(f, "pocl_threads", "set POCL_AFFINITY=1 in the environment");
  assert_int_equal(setenv("POCL_AFFINITY", "1", 1), 0);
}

static void unknown_names_are_refused(void **state) {
  fixture *f = begin(state, &POCL);
  icn_context_options options;
  icn_context *context = NULL;
  icn_error error;
  icn_context_options_init(&options);
  options.quirks = "-no_such_quirk";
  assert_int_equal(icn_context_create(&options, &context, &error), ICN_ARGUMENT);
  assert_null(context);
  assert_non_null(strstr(error.message, "no_such_quirk"));
  assert_int_equal(setenv("CLINCEPTION_QUIRKS", "-pocl_binaries", 1), 0);
  context = open_context(f, NULL, "none");
  assert_false(lists(icn_context_device(context, 0), "pocl_binaries"));
  icn_context_destroy(context);
  assert_int_equal(unsetenv("CLINCEPTION_QUIRKS"), 0);
  end(f);
}

/* Stands last: a row that no test above has seen at work cannot come in. */
static void every_row_was_seen(void **state) {
  fixture *f = *state;
  if (f->driver == NULL) skip();
  for (size_t i = 0; i < icn_quirk_count(); i++)
    if (!seen[i]) fail_msg("no test in tests/api/test_quirks.c sees the work-around of '%s'", icn_quirk_at(i)->name);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plans_say_why),
      cmocka_unit_test(compute_units_are_counted_singly),
      cmocka_unit_test(mesa_has_local_memory),
      cmocka_unit_test(mali_has_none_of_its_own),
      cmocka_unit_test(adreno_does_without_local_tiles),
      cmocka_unit_test(an_adreno_8xx_has_no_constants),
      cmocka_unit_test(mali_t8xx_gets_small_work_groups),
      cmocka_unit_test(a_work_group_of_0_items_is_not_believed),
      cmocka_unit_test(freedreno_has_fewer_units_than_it_says),
      cmocka_unit_test(launches_are_reckoned_as_slow),
      cmocka_unit_test(pocl_has_no_sub_groups),
      cmocka_unit_test(multiply_adds_are_mads),
      cmocka_unit_test(the_optimiser_is_off_on_a_powervr),
      cmocka_unit_test(the_optimiser_is_off_in_oclgrind),
      cmocka_unit_test(a_kernel_is_a_program_on_an_adreno_6xx),
      cmocka_unit_test(old_mali_queues_do_not_profile),
      cmocka_unit_test(panfrost_queues_do_not_profile),
      cmocka_unit_test(old_rusticl_queues_do_not_profile),
      cmocka_unit_test(old_rusticl_is_not_divided),
      cmocka_unit_test(mali_queues_are_flushed),
      cmocka_unit_test(adreno_queues_are_flushed),
      cmocka_unit_test(old_mali_keeps_no_binaries),
      cmocka_unit_test(pocl_keeps_binaries_where_asked),
      cmocka_unit_test(wrong_results_are_warned_of),
      cmocka_unit_test(rows_with_long_items_are_not_taken),
      cmocka_unit_test(free_threads_are_warned_of),
      cmocka_unit_test(unknown_names_are_refused),
      cmocka_unit_test(every_row_was_seen),
  };
  return cmocka_run_group_tests_name("quirks", tests, set_up, tear_down);
}
