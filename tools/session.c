#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

/* "1x3x299x299" into shape; false when it is not that. */
static bool read_shape(const char *text, icn_input_shape *shape) {
  for (shape->rank = 0; shape->rank < ICN_MAX_RANK;) {
    int64_t value = 0;
    const char *start = text;
    for (; *text >= '0' && *text <= '9' && value < INT32_MAX; text++) value = value * 10 + (*text - '0');
    if (text == start || value > INT32_MAX) return false;
    shape->dim[shape->rank++] = value;
    if (*text == '\0') return true;
    if (*text++ != 'x') return false;
  }
  return false;
}

static int read_shapes(session *s, const char *who, const text_list *texts) {
  s->shapes = tool_allocate(texts->count, sizeof *s->shapes);
  s->shape_names = tool_allocate(texts->count, sizeof *s->shape_names);
  for (size_t i = 0; i < texts->count; i++) {
    const char *text = texts->items[i], *equals = strrchr(text, '=');
    if (!read_shape(equals != NULL ? equals + 1 : text, &s->shapes[i]))
      return tool_usage("%s: option --shape expects [NAME=]SHAPE such as image=1x3x299x299, got '%s'", who, text);
    s->shape_names[i] = equals != NULL ? tool_format("%.*s", (int)(equals - text), text) : NULL;
    s->shapes[i].name = s->shape_names[i];
    s->shape_count = i + 1;
  }
  return TOOL_OK;
}

static int find_devices(session *s, const char *wanted) {
  icn_error error;
  size_t count = icn_context_device_count(s->context);
  bool all = wanted != NULL && strcmp(wanted, "all") == 0;
  s->devices = tool_allocate(count + 1, sizeof *s->devices);
  if (!all) {
    if (icn_context_find_device(s->context, wanted, &s->devices[0], &error) != ICN_OK) return tool_error(&error);
    s->device_count = 1;
    return TOOL_OK;
  }
  if (count == 0) return tool_fail("there is no OpenCL device: %s", icn_context_opencl_problem(s->context));
  for (size_t i = 0; i < count; i++) s->devices[i] = icn_context_device(s->context, i);
  s->device_count = count;
  return TOOL_OK;
}

/* The reference tells how far it is. */
static void show_log(void *user, icn_log_level level, const char *line) {
  size_t done, total;
  (void)user;
  if (level == ICN_LOG_WARNING) fprintf(stderr, "clinception: warning: %s\n", line);
  if (sscanf(line, "reference: %zu of %zu", &done, &total) == 2) progress_show("the reference computes in plain C", done, total);
}

static int check_precision(const char *who, const char *wanted) {
  static const char *const RESERVED[] = {"fp16s", "fp16", "auto"};
  if (wanted == NULL || strcmp(wanted, "fp32") == 0 || strcmp(wanted, "fp16w") == 0) return TOOL_OK;
  for (size_t i = 0; i < sizeof RESERVED / sizeof RESERVED[0]; i++)
    if (strcmp(wanted, RESERVED[i]) == 0)
      return tool_fail("%s: --precision %s is reserved for a later version; this one has fp32 and fp16w", who, wanted);
  return tool_usage("%s: option --precision expects fp32 or fp16w (fp16s, fp16 and auto are reserved), got '%s'", who, wanted);
}

icn_precision session_precision(const session_options *options) {
  return options->precision != NULL && strcmp(options->precision, "fp16w") == 0 ? ICN_PRECISION_FP16W : ICN_PRECISION_FP32;
}

static const char *const SCHEDULES[] = {
    [ICN_SCHEDULE_DEFAULT] = "default", [ICN_SCHEDULE_IN_ORDER] = "in-order", [ICN_SCHEDULE_OUT_OF_ORDER] = "out-of-order",
    [ICN_SCHEDULE_QUEUES] = "queues",   [ICN_SCHEDULE_RECORDED] = "recorded",
};
enum { SCHEDULE_COUNT = sizeof SCHEDULES / sizeof SCHEDULES[0] };

static int schedule_number(const char *wanted) {
  int number = 0;
  while (wanted != NULL && number < SCHEDULE_COUNT && strcmp(SCHEDULES[number], wanted) != 0) number++;
  return number;
}

icn_schedule_kind session_schedule(const session_options *options) { return (icn_schedule_kind)schedule_number(options->schedule); }
icn_self_test session_self_test(const session_options *options) {
  static const char *const NAMES[] = {"on", "off", "always"};
  for (int i = 0; i < 3; i++)
    if (options->self_test != NULL && strcmp(options->self_test, NAMES[i]) == 0) return (icn_self_test)(ICN_SELF_TEST_ON + i);
  return ICN_SELF_TEST_DEFAULT;
}

static int check_self_test(const char *who, const session_options *options) {
  if (options->self_test == NULL || session_self_test(options) != ICN_SELF_TEST_DEFAULT) return TOOL_OK;
  return tool_usage("%s: option --self-test expects on, off or always, got '%s'", who, options->self_test);
}

/* A folder that is named is one that all binaries are kept in: this names the one that is used anyway. */
static int open_naming_folder(session *s, icn_context_options *options) {
  icn_context_options probe = *options;
  icn_context *context = NULL;
  icn_error error;
  probe.opencl_library = "none";
  probe.logger = NULL;
  if (icn_context_create(&probe, &context, &error) != ICN_OK) return tool_error(&error);
  options->cache_dir = icn_context_cache_folder(context);
  const icn_status status = options->cache_dir == NULL ? ICN_STATE : icn_context_create(options, &s->context, &error);
  const bool is_off = options->cache_dir == NULL;
  options->cache_dir = NULL; /* goes with the probe */
  icn_context_destroy(context);
  if (is_off) return tool_fail("there is no cache: it was turned off, or the user has no cache folder");
  return status == ICN_OK ? TOOL_OK : tool_error(&error);
}

int session_open(session *s, const char *who, const session_options *options) {
  icn_error error;
  memset(s, 0, sizeof *s);
  int code = check_precision(who, options->precision);
  if (code == TOOL_OK) code = check_self_test(who, options);
  if (code == TOOL_OK) code = read_shapes(s, who, &options->shapes);
  if (code == TOOL_OK && schedule_number(options->schedule) == SCHEDULE_COUNT)
    code = tool_usage("%s: option --schedule expects in-order, out-of-order, queues or recorded, got '%s'", who, options->schedule);
  if (code != TOOL_OK) return code;
  const icn_logger logger = {NULL, terminal_shows_progress() ? ICN_LOG_INFO : ICN_LOG_WARNING, show_log};
  icn_context_options context_options;
  icn_context_options_init(&context_options);
  context_options.logger = options->logger != NULL ? options->logger : &logger;
  context_options.tune_file = options->tune_file;
  if (options->keep_programs)
    code = open_naming_folder(s, &context_options);
  else if (icn_context_create(&context_options, &s->context, &error) != ICN_OK)
    code = tool_error(&error);
  if (code != TOOL_OK) return code;
  return find_devices(s, options->device);
}

void session_close(session *s) {
  for (size_t i = 0; i < s->shape_count; i++) free(s->shape_names[i]);
  free(s->shape_names);
  free(s->shapes);
  free(s->devices);
  icn_context_destroy(s->context);
  memset(s, 0, sizeof *s);
}

const char *device_label(const icn_device *device, char text[16]) {
  int index = icn_device_get_info(device).index;
  if (index < 0)
    snprintf(text, 16, "reference");
  else
    snprintf(text, 16, "%d", index);
  return text;
}

const char *device_title(const icn_device *device, char text[DEVICE_TITLE_BYTES]) {
  icn_device_info info = icn_device_get_info(device);
  if (info.kind == ICN_DEVICE_REFERENCE)
    snprintf(text, DEVICE_TITLE_BYTES, "device reference: plain C without OpenCL");
  else
    snprintf(text, DEVICE_TITLE_BYTES, "device %d: %s", info.index, info.name);
  return text;
}

int session_load_model(const session *s, const session_options *options, const char *path, icn_model **model) {
  icn_error error;
  const char *weights = options->weights;
  if (weights != NULL && strncmp(path, "builtin:", strlen("builtin:")) != 0)
    return tool_usage("--weights is for built-in networks (builtin:inception_v3); '%s' has its own", path);
  const icn_status status =
      weights != NULL ? icn_model_load_builtin(s->context, path, weights, model, &error) : icn_model_load(s->context, path, model, &error);
  return status == ICN_OK ? TOOL_OK : tool_error(&error);
}

bool session_batch_is_open(const session *s, const icn_model *model) {
  if (s->shape_count > 0) return false;
  for (size_t i = 0; i < icn_model_input_count(model); i++) {
    const icn_tensor_info input = icn_model_input(model, i);
    if (input.rank < 0 || (input.rank > 0 && input.dim[0] < 0)) return true;
  }
  return false;
}

const char *session_rows(const session_options *options, char rows[SESSION_ROWS_BYTES]) {
  if (!options->exact) return options->rows;
  snprintf(rows, SESSION_ROWS_BYTES, "-winograd*%s%s", options->rows == NULL ? "" : ",", options->rows == NULL ? "" : options->rows);
  return rows;
}

int session_executor(const session *s, const session_options *options, icn_model *model, const icn_device *device, bool keep_values,
                     bool profile, icn_executor **executor) {
  char rows[SESSION_ROWS_BYTES];
  icn_error error;
  icn_executor_options o;
  icn_executor_options_init(&o);
  o.device = device;
  o.batch = options->batch;
  o.shapes = s->shapes;
  o.shape_count = s->shape_count;
  const bool is_reference = icn_device_get_info(device).kind == ICN_DEVICE_REFERENCE; /* which 'check' compares with */
  o.memory_limit = is_reference ? 0 : options->memory_limit;
  o.cores = is_reference ? 0 : (uint32_t)options->cores;
  o.disabled_passes = options->passes_off;
  o.forced_rows = session_rows(options, rows);
  o.precision = session_precision(options);
  o.keep_values = keep_values;
  o.profile = profile;
  o.schedule = session_schedule(options);
  o.window = is_reference ? 0 : (int)options->window;
  if (is_reference && options->memory_limit > 0 && options->device != NULL && strcmp(options->device, "reference") == 0)
    return tool_usage("--memory-limit is for OpenCL devices; the reference device knows none");
  o.self_test = session_self_test(options);
  progress_show("preparing", 0, 0);
  icn_status status = icn_executor_create(model, &o, executor, &error);
  progress_clear();
  return status == ICN_OK ? TOOL_OK : tool_error(&error);
}
