/* clinception check: a device against the plain C reference, value by value. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "recipe.h"
#include "session.h"
#include "tensors.h"

typedef struct check {
  session s;
  session_options so;
  recipe_options ro;
  const char *image;
  bool layers;
  double tolerance;
  icn_model *model;
  icn_preprocess recipe;
  tensors inputs, reference_outputs, reference_values;
  char *failure; /* what is wrong with the first device on which something is */
} check;

typedef struct verdict {
  size_t compared, bad;
  double worst;
  char *worst_name, *first_bad; /* first_bad: name, layer and error in words */
} verdict;

/* The layer that writes the value; false where none does (an input, a part of a joined tensor). */
static bool find_layer(const icn_executor *executor, const char *value, icn_layer_info *layer) {
  for (size_t i = 0; i < icn_executor_layer_count(executor); i++) {
    *layer = icn_executor_layer(executor, i);
    if (strcmp(layer->value, value) == 0) return true;
  }
  *layer = (icn_layer_info){.name = "", .row = ""};
  return false;
}

static void judge(const check *c, const icn_executor *executor, const icn_tensor_info *info, const float *got, const float *expected,
                  table *t, verdict *v) {
  char shape[SHAPE_TEXT_BYTES];
  icn_layer_info layer;
  difference d = tensors_compare(got, expected, tensor_elems(info));
  double relative = difference_relative(&d);
  bool bad = !(relative <= c->tolerance), has_layer = find_layer(executor, info->name, &layer);
  v->compared++;
  v->bad += bad;
  if (relative > v->worst || v->worst_name == NULL) {
    v->worst = relative;
    free(v->worst_name);
    v->worst_name = tool_format("%s", info->name);
  }
  if (bad && v->first_bad == NULL && has_layer)
    v->first_bad = tool_format("'%s', written by layer '%s' on row %s, with an error of %.2g", info->name, layer.name, layer.row, relative);
  else if (bad && v->first_bad == NULL)
    v->first_bad = tool_format("'%s' with an error of %.2g", info->name, relative);
  table_add(t, "%s", info->name);
  table_add(t, "%s", layer.name);
  table_add(t, "%s", layer.row);
  table_add(t, "%s", tensor_shape_text(info, shape));
  table_add(t, "%.4g", d.magnitude);
  table_add(t, "%.2g", d.largest);
  table_add(t, "%.2g", relative);
  table_add(t, "%s", bad ? "BAD" : "ok");
}

static bool same_shape(const icn_tensor_info *a, const icn_tensor_info *b) {
  return a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]) == 0;
}

/* The position of a value on the device, the count when it is not stored there. */
static size_t find_value(const icn_executor *executor, const icn_tensor_info *wanted) {
  size_t i = 0, count = icn_executor_value_count(executor);
  for (; i < count; i++) {
    icn_tensor_info info = icn_executor_value(executor, i);
    if (strcmp(info.name, wanted->name) == 0 && same_shape(&info, wanted)) break;
  }
  return i;
}

/* Values inside the network in the reference's order (each after what it is made of), then the outputs. */
static int compare(const check *c, icn_executor *executor, const tensors *outputs, table *t, verdict *v) {
  icn_error error;
  for (size_t i = 0; i < c->reference_values.count; i++) {
    const icn_tensor_info *info = &c->reference_values.info[i];
    size_t at = find_value(executor, info);
    if (at == icn_executor_value_count(executor) || tensors_find(outputs, info->name) < outputs->count) continue;
    float *data = tool_allocate(tensor_elems(info), sizeof *data);
    icn_status status = icn_executor_read_value(executor, at, data, &error);
    if (status == ICN_OK) judge(c, executor, info, data, c->reference_values.data[i], t, v);
    free(data);
    if (status != ICN_OK) return tool_error(&error);
  }
  for (size_t i = 0; i < outputs->count; i++) judge(c, executor, &outputs->info[i], outputs->data[i], c->reference_outputs.data[i], t, v);
  return TOOL_OK;
}

static void report(check *c, const icn_device *device, const table *t, const verdict *v) {
  char label[16], title[DEVICE_TITLE_BYTES], count[COUNT_TEXT_BYTES];
  if (c->layers) table_print(t);
  printf("%s: %s compared, largest error %.2g of the value's largest magnitude, at '%s', limit %.1e: %s\n", device_title(device, title),
         count_text(v->compared, "value", count), v->worst, v->worst_name, c->tolerance, v->bad == 0 ? "ok" : "BAD");
  if (v->bad == 0 || c->failure != NULL) return;
  c->failure = tool_format("device %s is wrong on %zu of %s: the first is %s of its largest magnitude, at most %g is allowed",
                           device_label(device, label), v->bad, count, v->first_bad, c->tolerance);
}

static int check_device(check *c, const icn_device *device) {
  icn_executor *executor = NULL;
  tensors outputs = {0};
  table t;
  verdict v = {0};
  static const char *const headings[] = {"value", "layer", "row", "shape", "largest", "error", "relative", "verdict"};
  table_init(&t, "llllrrrl");
  for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) table_add(&t, "%s", headings[i]);
  int code = session_executor(&c->s, &c->so, c->model, device, true, false, &executor);
  if (code == TOOL_OK) {
    outputs = tensors_of_outputs(executor);
    progress_show(icn_device_get_info(device).name, 0, 0);
    code = tensors_run(executor, &c->inputs, &outputs);
  }
  if (code == TOOL_OK) code = compare(c, executor, &outputs, &t, &v);
  progress_clear();
  if (code == TOOL_OK) report(c, device, &t, &v);
  free(v.worst_name);
  free(v.first_bad);
  table_fini(&t);
  tensors_fini(&outputs);
  icn_executor_destroy(executor);
  return code;
}

/* Inputs, and what the reference makes of them. */
static int run_reference(check *c) {
  icn_error error;
  const icn_device *device;
  icn_executor *executor = NULL;
  session_options plain = c->so;
  plain.rows = NULL; /* rows of OpenCL kernels */
  if (icn_context_find_device(c->s.context, "reference", &device, &error) != ICN_OK) return tool_error(&error);
  int code = session_executor(&c->s, &plain, c->model, device, true, false, &executor);
  if (code == TOOL_OK) {
    c->inputs = tensors_of_inputs(executor);
    c->reference_outputs = tensors_of_outputs(executor);
    tensors_randomise(&c->inputs);
    if (c->image != NULL) code = tensors_set_image(&c->inputs, c->s.context, c->image, &c->recipe);
  }
  progress_show("the reference computes in plain C, which takes a while", 0, 0);
  if (code == TOOL_OK) code = tensors_run(executor, &c->inputs, &c->reference_outputs);
  if (code == TOOL_OK) code = tensors_of_values(executor, &c->reference_values);
  progress_clear();
  icn_executor_destroy(executor);
  return code;
}

static int check_model(check *c, const char *path) {
  int code = recipe_make("check", &c->ro, &c->recipe);
  if (code == TOOL_OK) code = session_open(&c->s, "check", &c->so);
  if (code == TOOL_OK && icn_device_get_info(c->s.devices[0]).kind == ICN_DEVICE_REFERENCE)
    code = tool_usage("check: the reference is what devices are compared with; name an OpenCL device");
  if (code == TOOL_OK) code = session_load_model(&c->s, path, &c->model);
  if (code == TOOL_OK) code = run_reference(c);
  if (code != TOOL_OK) return code;
  for (size_t i = 0; i < c->s.device_count && code == TOOL_OK; i++) code = check_device(c, c->s.devices[i]);
  return code == TOOL_OK && c->failure != NULL ? tool_fail("%s", c->failure) : code;
}

static int run(int argc, char **argv) {
  check c = {.ro = recipe_options_none(), .tolerance = 1e-4};
  const option options[] = {
      {"image", "FILE", OPTION_TEXT, &c.image, 0, 0, "the picture to run; default: seeded random numbers from 0 to 1"},
      {"layers", NULL, OPTION_FLAG, &c.layers, 0, 0, "print a line for each value inside the network"},
      {"tolerance", "X", OPTION_REAL, &c.tolerance, 0.0, 1.0, "the allowed error as a part of a value's largest element; default 1e-4"},
      SESSION_BATCH_OPTION(c.so),
      SESSION_DEVICE_OPTION(c.so),
      SESSION_CORES_OPTION(c.so),
      SESSION_MODEL_OPTIONS(c.so),
      RECIPE_OPTIONS(c.ro),
  };
  text_list positionals = {0};
  int code = options_parse(&command_check, options, sizeof options / sizeof options[0], argc, argv, &positionals);
  if (code == TOOL_OK && positionals.count != 1) code = tool_usage("check: expected one model, got %zu", positionals.count);
  if (code == TOOL_OK) code = check_model(&c, positionals.items[0]);
  free(c.failure);
  tensors_fini(&c.inputs);
  tensors_fini(&c.reference_outputs);
  tensors_fini(&c.reference_values);
  icn_model_destroy(c.model);
  session_close(&c.s);
  text_list_fini(&c.so.shapes);
  text_list_fini(&positionals);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_check = {"check",
                               "M.onnx [--image FILE] [--layers] [options]",
                               "compares a device with the plain C reference, value by value",
                               "Runs a model on a device and in plain C with double-precision sums (the reference), and compares every "
                               "value that both store, from the first layer to "
                               "the outputs. The error of a value is its largest difference, as a part of its largest element. When it is "
                               "above --tolerance, the first bad value is "
                               "named and the exit code is 1.",
                               "  clinception check M.onnx --image cat.jpg\n"
                               "  clinception check builtin:inception_v3 --device all\n"
                               "  clinception check M.onnx --layers --passes-off all     # every single operation of the model\n",
                               run};
