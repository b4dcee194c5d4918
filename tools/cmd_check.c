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
  size_t layers, bad_layers, bad_outputs;
  double worst_part, worst_error; /* of a layer by itself: of what rounding explains, of its largest element */
  double worst_drift;             /* of an output, from end to end */
  char *first_bad;                /* in words */
} verdict;

/* Where a value is stored on the device, by name; the count when it is not. */
static size_t find_value(const icn_executor *executor, const char *name) {
  size_t i = 0, count = icn_executor_value_count(executor);
  while (i < count && strcmp(icn_executor_value(executor, i).name, name) != 0) i++;
  return i;
}

static bool same_shape(const icn_tensor_info *a, const icn_tensor_info *b) {
  return a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]) == 0;
}

/* How far a value has drifted from the reference's since the network's input, as a part of its largest element; below 0 where the
 * reference has no such value. */
static int find_drift(const check *c, icn_executor *executor, size_t value, double *drift) {
  icn_error error;
  *drift = -1;
  if (value == icn_executor_value_count(executor)) return TOOL_OK;
  const icn_tensor_info info = icn_executor_value(executor, value);
  const size_t at = tensors_find(&c->reference_values, info.name);
  if (at == c->reference_values.count || !same_shape(&info, &c->reference_values.info[at])) return TOOL_OK;
  float *data = tool_allocate(tensor_elems(&info), sizeof *data);
  const icn_status status = icn_executor_read_value(executor, value, data, &error);
  if (status == ICN_OK) {
    const difference d = tensors_compare(data, c->reference_values.data[at], tensor_elems(&info));
    *drift = difference_relative(&d);
  }
  free(data);
  return status == ICN_OK ? TOOL_OK : tool_error(&error);
}

static double relative_error(const icn_layer_check *l) { return l->largest > 0 ? l->error / l->largest : l->error; }

static void add_row(const icn_executor *executor, const icn_layer_info *layer, const icn_layer_check *l, size_t value, double drift,
                    table *t) {
  char shape[SHAPE_TEXT_BYTES] = "";
  if (value < icn_executor_value_count(executor)) {
    const icn_tensor_info info = icn_executor_value(executor, value);
    tensor_shape_text(&info, shape);
  }
  table_add(t, "%s", layer->name);
  table_add(t, "%s", layer->row);
  table_add(t, "%s", layer->value);
  table_add(t, "%s", shape);
  table_add(t, "%.4g", l->largest);
  table_add(t, "%.2g", l->error);
  table_add(t, "%.2g", relative_error(l));
  table_add(t, "%.1f %%", 100 * l->part);
  if (drift < 0) {
    table_add(t, "%s", "");
  } else {
    table_add(t, "%.2g", drift);
  }
  table_add(t, "%s", l->wrong > 0 ? "BAD" : "ok");
}

static void judge_layer(const icn_layer_info *layer, const icn_layer_check *l, verdict *v) {
  const double relative = relative_error(l);
  v->layers++;
  v->bad_layers += l->wrong > 0;
  if (l->part > v->worst_part) v->worst_part = l->part;
  if (relative > v->worst_error) v->worst_error = relative;
  if (l->wrong == 0 || v->first_bad != NULL) return;
  v->first_bad = tool_format("'%s', written by layer '%s' on row %s, with an error of %.2g of its largest magnitude", layer->value,
                             layer->name, layer->row, relative);
  if (!isfinite(l->part)) return;
  char *more = tool_format("%s, %.3g times what rounding explains", v->first_bad, l->part);
  free(v->first_bad);
  v->first_bad = more;
}

/* Every layer from the inputs that the device gave it. */
static int check_layers(const check *c, icn_executor *executor, table *t, verdict *v) {
  const size_t count = icn_executor_layer_count(executor);
  int code = TOOL_OK;
  for (size_t i = 0; i < count && code == TOOL_OK; i++) {
    icn_error error;
    icn_layer_check l;
    double drift;
    const icn_layer_info layer = icn_executor_layer(executor, i);
    progress_show("checking layers", i, count);
    if (icn_executor_check_layer(executor, i, &l, &error) != ICN_OK) return tool_error(&error);
    const size_t value = find_value(executor, layer.value);
    code = find_drift(c, executor, value, &drift);
    add_row(executor, &layer, &l, value, drift, t);
    judge_layer(&layer, &l, v);
  }
  return code;
}

/* The outputs from end to end. */
static void check_outputs(const check *c, const tensors *outputs, verdict *v) {
  for (size_t i = 0; i < outputs->count; i++) {
    const difference d = tensors_compare(outputs->data[i], c->reference_outputs.data[i], tensor_elems(&outputs->info[i]));
    const double drift = difference_relative(&d);
    if (drift > v->worst_drift) v->worst_drift = drift;
    if (drift <= c->tolerance) continue;
    v->bad_outputs++;
    if (v->first_bad == NULL)
      v->first_bad = tool_format(
          "output '%s', though every layer is right by itself (with the batch as a whole): it is off by %.2g of its largest magnitude",
          outputs->info[i].name, drift);
  }
}

static void report(check *c, const icn_device *device, const table *t, const verdict *v) {
  char label[16], title[DEVICE_TITLE_BYTES], count[COUNT_TEXT_BYTES];
  const bool bad = v->bad_layers + v->bad_outputs > 0;
  if (c->layers) table_print(t);
  printf(
      "%s: %s checked, each on the inputs that it had: largest error %.2g of a layer's largest magnitude, at most %.0f %% of what rounding "
      "explains; outputs from end to end: %.2g, limit %.1e: %s\n",
      device_title(device, title), count_text(v->layers, "layer", count), v->worst_error, 100 * v->worst_part, v->worst_drift, c->tolerance,
      bad ? "BAD" : "ok");
  if (!bad || c->failure != NULL) return;
  if (v->bad_layers > 0) {
    c->failure =
        tool_format("device %s is wrong on %zu of %s: the first is %s", device_label(device, label), v->bad_layers, count, v->first_bad);
  } else {
    c->failure = tool_format("device %s is wrong on %s, at most %g is allowed", device_label(device, label), v->first_bad, c->tolerance);
  }
}

/* The outputs of an executor as `run` has it: with memory reused, a batch in slices. */
static int run_as_usual(const check *c, const icn_device *device, tensors *outputs) {
  icn_executor *executor = NULL;
  int code = session_executor(&c->s, &c->so, c->model, device, false, false, &executor);
  if (code == TOOL_OK) *outputs = tensors_of_outputs(executor);
  if (code == TOOL_OK) code = tensors_run(executor, &c->inputs, outputs);
  icn_executor_destroy(executor);
  return code;
}

/* One executor whose values can be read, for the layers; another one, as it is used, for the outputs. */
static int check_device(check *c, const icn_device *device) {
  icn_executor *executor = NULL;
  tensors outputs = {0}, usual = {0};
  table t;
  verdict v = {0};
  static const char *const headings[] = {"layer", "row", "value", "shape", "largest", "error", "relative", "of bound", "drift", "verdict"};
  table_init(&t, "llllrrrrrl");
  for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) table_add(&t, "%s", headings[i]);
  int code = session_executor(&c->s, &c->so, c->model, device, true, false, &executor);
  if (code == TOOL_OK) {
    outputs = tensors_of_outputs(executor);
    progress_show(icn_device_get_info(device).name, 0, 0);
    code = tensors_run(executor, &c->inputs, &outputs);
  }
  if (code == TOOL_OK) code = check_layers(c, executor, &t, &v);
  icn_executor_destroy(executor); /* with all its values: the next one may need the memory */
  if (code == TOOL_OK) code = run_as_usual(c, device, &usual);
  progress_clear();
  if (code == TOOL_OK) check_outputs(c, &usual, &v);
  if (code == TOOL_OK) report(c, device, &t, &v);
  free(v.first_bad);
  table_fini(&t);
  tensors_fini(&outputs);
  tensors_fini(&usual);
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
  icn_recipe_origin origin;
  int code = recipe_make("check", &c->ro, NULL, &c->recipe, &origin);
  if (code == TOOL_OK) code = session_open(&c->s, "check", &c->so);
  if (code == TOOL_OK && icn_device_get_info(c->s.devices[0]).kind == ICN_DEVICE_REFERENCE)
    code = tool_usage("check: the reference is what devices are compared with; name an OpenCL device");
  if (code == TOOL_OK) code = session_load_model(&c->s, &c->so, path, &c->model);
  if (code == TOOL_OK && c->image != NULL) code = recipe_make("check", &c->ro, c->model, &c->recipe, &origin);
  if (code == TOOL_OK) code = run_reference(c);
  if (code != TOOL_OK) return code;
  for (size_t i = 0; i < c->s.device_count && code == TOOL_OK; i++) code = check_device(c, c->s.devices[i]);
  return code == TOOL_OK && c->failure != NULL ? tool_fail("%s", c->failure) : code;
}

static int run(int argc, char **argv) {
  check c = {.ro = recipe_options_none(), .so = {.self_test = "off"}, .tolerance = -1}; /* it tests more, and shows what it finds */
  const option options[] = {
      {"image", "FILE", OPTION_TEXT, &c.image, 0, 0, "the picture to run; default: seeded random numbers from 0 to 1"},
      {"layers", NULL, OPTION_FLAG, &c.layers, 0, 0, "print a line for each layer"},
      {"tolerance", "X", OPTION_REAL, &c.tolerance, 0.0, 1.0,
       "how far outputs may be off from end to end, as a part of their largest element; default 1e-3, with fp16w 5e-3"},
      SESSION_BATCH_OPTION(c.so),
      SESSION_DEVICE_OPTION(c.so),
      SESSION_TUNING_OPTION(c.so),
      SESSION_SCHEDULE_OPTION(c.so),
      SESSION_MEMORY_OPTION(c.so),
      SESSION_CORES_OPTION(c.so),
      SESSION_MODEL_OPTIONS(c.so),
      RECIPE_OPTIONS(c.ro),
  };
  text_list positionals = {0};
  int code = options_parse(&command_check, options, sizeof options / sizeof options[0], argc, argv, &positionals);
  if (code == TOOL_OK && positionals.count != 1) code = tool_usage("check: expected one model, got %zu", positionals.count);
  if (c.tolerance < 0) c.tolerance = session_precision(&c.so) == ICN_PRECISION_FP16W ? 5e-3 : 1e-3;
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

const command command_check = {
    "check",
    "M.onnx [--image FILE] [--layers] [options]",
    "compares a device with the plain C reference, layer by layer",
    "Runs a model on a device, then computes every layer again in plain C with double-precision sums (the "
    "reference) from the inputs that the device gave that layer. An element may be off by what rounding "
    "explains: c x 2^-24 x the sum of its products' magnitudes, for a Winograd kernel those of its three "
    "transforms (with --precision fp16w 2^-11 more of that sum); the first layer with one that is further off "
    "is named, and the exit code is 1. For that no memory is reused, and a batch runs as a whole. The outputs of "
    "a run as usual are "
    "also compared with the reference's own run from end to end, where the errors of all layers add up "
    "(--tolerance); with --layers, so is every value (drift).",
    "  clinception check M.onnx --image cat.jpg\n"
    "  clinception check builtin:inception_v3 --device all\n"
    "  clinception check M.onnx --layers --passes-off all     # every single operation of the model\n",
    run};
