/* clinception selftest: the kernels that a model uses on a device, or all kernel rows, tested before anybody's eyes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "device_facts.h"
#include "json.h"
#include "os.h"
#include "report.h"
#include "vetting.h"

typedef struct selftest {
  session s;
  session_options so;
  bool full, json;
  icn_model *model;
  table table;
  cJSON *kernels; /* with --json */
  size_t tested, layers, wrong;
  double seconds, largest;
  char *first_wrong; /* NULL: none */
} selftest;

/* ----------------------------------------------------------------- a model's */

static void add_json(selftest *t, const icn_vetted *kernel) {
  cJSON *object = json_object_in(t->kernels);
  cJSON_AddStringToObject(object, "row", kernel->row);
  cJSON_AddStringToObject(object, "problem", kernel->problem);
  cJSON_AddStringToObject(object, "layer", kernel->layer);
  json_whole(object, "layers", kernel->layers);
  json_whole(object, "elements", kernel->check.elements);
  json_whole(object, "compared", kernel->check.compared);
  json_real(object, "error", kernel->check.part);
  json_real(object, "seconds", kernel->seconds);
  cJSON_AddBoolToObject(object, "right", !kernel->check.wrong);
  if (kernel->check.wrong) cJSON_AddStringToObject(object, "text", kernel->check.text);
}

static void add_row(selftest *t, const icn_vetted *kernel) {
  table_add(&t->table, "%s", kernel->row);
  table_add(&t->table, "%s", kernel->problem);
  table_add(&t->table, "%zu", kernel->layers);
  table_add(&t->table, "%zu", kernel->check.compared);
  table_add(&t->table, isfinite(kernel->check.part) ? "%.0f %%" : "%.0f", kernel->check.part * 100);
  table_add(&t->table, "%.2f", kernel->seconds * 1e3);
  table_add(&t->table, "%s", kernel->check.wrong ? "WRONG" : "right");
}

static void tested(void *user, const icn_vetted *kernel, size_t number, size_t count) {
  selftest *t = user;
  if (t->json)
    add_json(t, kernel);
  else
    add_row(t, kernel);
  t->tested++;
  t->layers += kernel->layers;
  t->seconds += kernel->seconds;
  if (kernel->check.wrong && t->first_wrong == NULL)
    t->first_wrong = tool_format("layer '%s' on row %s: %s", kernel->layer, kernel->row, kernel->check.text);
  t->wrong += kernel->check.wrong ? 1 : 0;
  if (isfinite(kernel->check.part) && kernel->check.part > t->largest) t->largest = kernel->check.part;
  progress_show("testing kernels", number, count);
}

static void begin_device(selftest *t) {
  static const char *const headings[] = {"row", "problem", "layers", "compared", "error", "ms", ""};
  free(t->first_wrong);
  t->first_wrong = NULL;
  t->tested = t->layers = t->wrong = 0;
  t->seconds = t->largest = 0;
  t->kernels = NULL;
  table_init(&t->table, "llrrrrl");
  for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) table_add(&t->table, "%s", headings[i]);
}

static void print_result(selftest *t, const icn_device *device, cJSON *results) {
  char title[DEVICE_TITLE_BYTES];
  if (t->json) {
    cJSON *object = json_object_in(results);
    json_device(object, "device", device);
    cJSON_AddBoolToObject(object, "right", t->wrong == 0);
    json_real(object, "seconds", t->seconds);
    cJSON_AddItemToObject(object, "kernels", t->kernels);
    t->kernels = NULL;
    return;
  }
  printf("%s\n", device_title(device, title));
  table_print(&t->table);
  printf("\n%zu kernels of %zu layers in %.3f s: ", t->tested, t->layers, t->seconds);
  if (t->wrong == 0)
    printf("all right; the largest error is %.0f %% of what rounding explains\n", t->largest * 100);
  else
    printf("%zu wrong\n", t->wrong);
}

/* The executor is made without a self-test of its own, which would take another row in place of a wrong one. */
static int test_device(selftest *t, const icn_device *device, cJSON *results) {
  icn_executor *executor = NULL;
  icn_error error;
  const icn_vetting_watch watch = {t, tested};
  begin_device(t);
  if (t->json) t->kernels = cJSON_CreateArray();
  t->so.self_test = "off";
  t->s.context->keep_constants = true;
  int code = session_executor(&t->s, &t->so, t->model, device, false, false, &executor);
  if (code == TOOL_OK && icn_vetting_all(executor, &watch, &error) != ICN_OK) code = tool_error(&error);
  progress_clear();
  if (code == TOOL_OK) print_result(t, device, results);
  cJSON_Delete(t->kernels);
  t->kernels = NULL;
  table_fini(&t->table);
  icn_executor_destroy(executor);
  return code;
}

static int test_model(selftest *t, const char *path) {
  char *failure = NULL;
  cJSON *results = NULL;
  int code = session_open(&t->s, "selftest", &t->so);
  for (size_t i = 0; i < t->s.device_count && code == TOOL_OK; i++)
    if (icn_device_get_info(t->s.devices[i]).kind == ICN_DEVICE_REFERENCE)
      code = tool_usage("selftest: the reference is what kernels are compared with; name an OpenCL device");
  if (code == TOOL_OK) code = session_load_model(&t->s, &t->so, path, &t->model);
  if (code == TOOL_OK && t->json) results = cJSON_CreateArray();
  for (size_t i = 0; i < t->s.device_count && code == TOOL_OK; i++) {
    code = test_device(t, t->s.devices[i], results);
    if (t->first_wrong != NULL && failure == NULL)
      failure = tool_format("%zu of %zu kernels compute wrongly on device '%s'; the first: %s", t->wrong, t->tested,
                            icn_device_get_info(t->s.devices[i]).name, t->first_wrong);
  }
  if (code == TOOL_OK && t->json)
    code = json_print(results);
  else
    cJSON_Delete(results);
  if (code == TOOL_OK && failure != NULL) code = tool_fail("%s", failure);
  free(failure);
  return code;
}

/* ------------------------------------------------------------------ all rows */

static int print_full_json(const report *r, bool good) {
  cJSON *object = cJSON_CreateObject();
  json_device(object, "device", r->device);
  cJSON_AddBoolToObject(object, "right", good);
  json_whole(object, "cases", r->cases);
  cJSON *rows = cJSON_AddArrayToObject(object, "rows");
  for (size_t i = 0; i < icn_row_count(); i++) {
    const row_result *result = &r->rows[i];
    if (result->runs == 0) continue;
    cJSON *row = json_object_in(rows);
    cJSON_AddStringToObject(row, "row", icn_row_at(i)->name);
    json_whole(row, "runs", result->runs);
    json_whole(row, "right", result->right);
    json_whole(row, "wrong", result->wrong);
    json_whole(row, "not_built", result->not_built);
    json_whole(row, "failed", result->failed);
    json_real(row, "error", result->largest_error);
    if (result->problem[0] != '\0') cJSON_AddStringToObject(row, "problem", result->problem);
  }
  return json_print(object);
}

static int test_rows_of(report *r, bool json) {
  memset(r->rows, 0, icn_row_count() * sizeof *r->rows);
  r->cases = 0;
  r->work = r->work_done = 0;
  r->desc = *icn_device_description(r->device);
  r->began = icn_os_seconds();
  int code = report_plan_kernel_cases(r);
  if (code == TOOL_OK) code = report_kernel_cases(r);
  progress_clear();
  if (code != TOOL_OK) return code;
  bool good = true;
  for (size_t i = 0; i < icn_row_count(); i++) good = good && r->rows[i].right == r->rows[i].runs;
  if (json)
    code = print_full_json(r, good);
  else
    (void)report_print_summary(r);
  if (code != TOOL_OK || good) return code;
  return tool_fail("not every kernel is right on device '%s'", icn_device_get_info(r->device).name);
}

/* As `clinception report` does it, for the eyes alone. */
static int test_rows(selftest *t, const char *only) {
  report *r = tool_allocate(1, sizeof *r);
  r->rows = tool_allocate(icn_row_count(), sizeof *r->rows);
  r->only = only;
  int code = session_open(&t->s, "selftest", &t->so);
  r->s = t->s; /* borrowed */
  for (size_t i = 0; i < t->s.device_count && code == TOOL_OK; i++) {
    r->device = t->s.devices[i];
    if (icn_device_get_info(r->device).kind == ICN_DEVICE_REFERENCE)
      code = tool_usage("selftest: the reference is what kernels are compared with; name an OpenCL device");
    else
      code = test_rows_of(r, t->json);
  }
  free(r->rows);
  free(r);
  return code;
}

/* ------------------------------------------------------------------- command */

static int check_usage(const selftest *t, const text_list *positionals) {
  if (t->full && positionals->count > 0)
    return tool_usage("selftest: --full tests every kernel row and takes no model, got '%s'", positionals->items[0]);
  if (!t->full && positionals->count != 1)
    return tool_usage("selftest: expected one model (such as builtin:inception_v3) or --full, got %zu", positionals->count);
  for (const char *name = t->full ? t->so.rows : NULL; name != NULL && *name != '\0';) {
    const size_t length = strcspn(name, ",");
    char *word = tool_format("%.*s", (int)length, name);
    const int code = icn_row_find(word) != NULL ? TOOL_OK : tool_usage("selftest: --rows names '%s', which is no kernel row", word);
    free(word);
    if (code != TOOL_OK) return code;
    name += length + (name[length] == ',' ? 1 : 0);
  }
  return TOOL_OK;
}

static int run(int argc, char **argv) {
  selftest t = {0};
  const option options[] = {
      {"full", NULL, OPTION_FLAG, &t.full, 0, 0, "no model: every kernel row on every kernel case, some minutes; --rows: these rows alone"},
      {"json", NULL, OPTION_FLAG, &t.json, 0, 0, "print JSON instead of a table"},
      SESSION_BATCH_OPTION(t.so),
      SESSION_DEVICE_OPTION(t.so),
      SESSION_TUNING_OPTION(t.so),
      SESSION_CORES_OPTION(t.so),
      SESSION_MODEL_OPTIONS(t.so),
  };
  text_list positionals = {0};
  int code = options_parse(&command_selftest, options, sizeof options / sizeof options[0], argc, argv, &positionals);
  if (code == TOOL_OK) code = check_usage(&t, &positionals);
  if (code == TOOL_OK) code = t.full ? test_rows(&t, t.so.rows) : test_model(&t, positionals.items[0]);
  free(t.first_wrong);
  icn_model_destroy(t.model);
  session_close(&t.s);
  text_list_fini(&t.so.shapes);
  text_list_fini(&positionals);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_selftest = {
    "selftest",
    "M.onnx | --full [--device WHICH] [--json] [options]",
    "tests the kernels that a model uses on a device, or all of them",
    "Runs each kernel that the model's plan has chosen once, with the layer's own weights and sizes, on random values, and compares "
    "samples "
    "of its result with the plain C reference. 'error' is the largest difference as a part of what rounding explains. The same happens by "
    "itself when a model is first run on a device and driver; there a wrong kernel gives way to another. What is found is remembered "
    "either "
    "way. --full needs no model and runs every kernel row on every kernel case instead, as 'clinception report' does. The exit code is 1 "
    "when a kernel is wrong.",
    "  clinception selftest M.onnx\n"
    "  clinception selftest builtin:inception_v3 --device all --json\n"
    "  clinception selftest --full --device gpu\n",
    run};
