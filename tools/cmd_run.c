/* clinception run: any model, NumPy's .npy files in and out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "npy.h"
#include "session.h"
#include "tensors.h"

/* Devices agree when they differ by no more than this part of an output's largest value. */
static const double agreement = 1e-4;

typedef struct job {
  session s;
  session_options so;
  text_list inputs, outputs; /* as given: [NAME=]FILE */
  const char *folder;
  bool all;
  icn_model *model;
  npy *files;         /* of the model's inputs, by index */
  tensors first;      /* the outputs on the first device */
  char *disagreement; /* the first one between devices */
} job;

/* ------------------------------------------------------------------- names */

/* Splits "NAME=FILE" by the names that there are (names and files may hold '=' themselves); the index and *file, or count. */
static size_t split_name(const char *text, const char *const *names, size_t count, const char **file) {
  for (size_t i = 0; i < count; i++) {
    size_t length = strlen(names[i]);
    if (strncmp(text, names[i], length) != 0 || text[length] != '=') continue;
    *file = text + length + 1;
    return i;
  }
  *file = text;
  return count == 1 && strchr(text, '=') == NULL ? 0 : count;
}

static int unknown_name(const char *what, const char *text, const char *const *names, size_t count) {
  char list[512] = "";
  size_t at = 0;
  for (size_t i = 0; i < count && at < sizeof list; i++)
    at += (size_t)snprintf(list + at, sizeof list - at, "%s'%s'", i > 0 ? ", " : "", names[i]);
  size_t length = strcspn(text, "=");
  if (text[length] == '\0')
    return tool_usage("run: --%s expects NAME=FILE.npy because the model has %zu %ss, got '%s'; their names are %s", what, count, what,
                      text, list);
  return tool_usage("run: the model has no %s '%.*s'; it has %s", what, (int)length, text, count > 0 ? list : "none");
}

/* --------------------------------------------------------------- the inputs */

static int load_inputs(job *j) {
  icn_error error;
  size_t count = icn_model_input_count(j->model);
  const char **names = tool_allocate(count, sizeof *names);
  j->files = tool_allocate(count, sizeof *j->files);
  int code = TOOL_OK;
  for (size_t i = 0; i < count; i++) names[i] = icn_model_input(j->model, i).name;
  for (size_t i = 0; i < j->inputs.count && code == TOOL_OK; i++) {
    const char *file;
    size_t index = split_name(j->inputs.items[i], names, count, &file);
    if (index == count)
      code = unknown_name("input", j->inputs.items[i], names, count);
    else if (j->files[index].data != NULL)
      code = tool_usage("run: input '%s' is given twice", names[index]);
    else if (npy_load(file, &j->files[index], &error) != ICN_OK)
      code = tool_error(&error);
  }
  for (size_t i = 0; i < count && code == TOOL_OK; i++)
    if (j->files[i].data == NULL) code = tool_usage("run: input '%s' is missing: expected --input %s=FILE.npy", names[i], names[i]);
  free(names);
  return code;
}

static bool shape_fits(const icn_tensor_info *wanted, const npy *file) {
  if (wanted->rank < 0) return true; /* the model does not tell even that */
  if (wanted->rank != file->rank) return false;
  for (int d = 0; d < file->rank; d++)
    if (wanted->dim[d] >= 0 && wanted->dim[d] != file->dim[d]) return false;
  return true;
}

static int wrong_shape(const icn_tensor_info *wanted, const npy *file) {
  char want[SHAPE_TEXT_BYTES], have[SHAPE_TEXT_BYTES];
  icn_tensor_info given = {NULL, file->rank, {0}};
  memcpy(given.dim, file->dim, sizeof given.dim);
  return tool_fail("input '%s' expects the shape %s, but its file holds %s", wanted->name, tensor_shape_text(wanted, want),
                   tensor_shape_text(&given, have));
}

static bool shape_is_given(const job *j, const char *name) {
  for (size_t i = 0; i < j->s.shape_count; i++)
    if (j->s.shapes[i].name == NULL || strcmp(j->s.shapes[i].name, name) == 0) return true;
  return false;
}

/* Inputs that the model leaves open get the shapes of their files, unless --shape says otherwise. */
static int take_shapes(job *j) {
  size_t count = icn_model_input_count(j->model);
  j->s.shapes = tool_grow(j->s.shapes, j->s.shape_count + count + 1, sizeof *j->s.shapes);
  j->s.shape_names = tool_grow(j->s.shape_names, j->s.shape_count + count + 1, sizeof *j->s.shape_names);
  for (size_t i = 0; i < count; i++) {
    icn_tensor_info wanted = icn_model_input(j->model, i);
    if (!shape_fits(&wanted, &j->files[i])) return wrong_shape(&wanted, &j->files[i]);
    bool open = wanted.rank < 0;
    for (int d = 0; d < wanted.rank; d++) open = open || wanted.dim[d] < 0;
    if (!open || shape_is_given(j, wanted.name)) continue;
    icn_input_shape *shape = &j->s.shapes[j->s.shape_count];
    j->s.shape_names[j->s.shape_count++] = tool_format("%s", wanted.name);
    *shape = (icn_input_shape){j->s.shape_names[j->s.shape_count - 1], j->files[i].rank, {0}};
    memcpy(shape->dim, j->files[i].dim, sizeof shape->dim);
  }
  return TOOL_OK;
}

/* The files' data in the executor's order of inputs. */
static int fill_inputs(const job *j, const icn_executor *executor, tensors *inputs) {
  *inputs = tensors_of_inputs(executor);
  for (size_t i = 0; i < inputs->count; i++) {
    for (size_t k = 0; k < icn_model_input_count(j->model); k++) {
      if (strcmp(icn_model_input(j->model, k).name, inputs->info[i].name) != 0) continue;
      const npy *file = &j->files[k];
      if (!shape_fits(&inputs->info[i], file)) return wrong_shape(&inputs->info[i], file);
      if (file->count > 0) memcpy(inputs->data[i], file->data, file->count * sizeof(float));
    }
  }
  return TOOL_OK;
}

/* -------------------------------------------------------------- the outputs */

static int check_output_names(const job *j) {
  size_t count = icn_model_output_count(j->model);
  const char **names = tool_allocate(count, sizeof *names), *file;
  int code = TOOL_OK;
  for (size_t i = 0; i < count; i++) names[i] = icn_model_output_name(j->model, i);
  for (size_t i = 0; i < j->outputs.count && code == TOOL_OK; i++)
    if (split_name(j->outputs.items[i], names, count, &file) == count) code = unknown_name("output", j->outputs.items[i], names, count);
  free(names);
  return code;
}

static int save(const char *path, const icn_tensor_info *info, const float *data) {
  icn_error error;
  char shape[SHAPE_TEXT_BYTES];
  if (npy_save(path, info->rank, info->dim, data, &error) != ICN_OK) return tool_error(&error);
  printf("wrote %s: %s, %s\n", path, info->name, tensor_shape_text(info, shape));
  return TOOL_OK;
}

/* A value's name as a file's name: what may not stand there becomes '_', and a name that is taken gets a number. */
static char *file_name(const char *folder, const char *name, text_list *taken) {
  char *stem = tool_format("%s", *name != '\0' ? name : "unnamed");
  for (char *c = stem; *c != '\0'; c++)
    if (strchr("/\\:*?\"<>|", *c) != NULL || (unsigned char)*c < ' ' || (c == stem && *c == '.')) *c = '_';
  char *path = tool_format("%s/%s.npy", folder, stem);
  for (size_t i = 0, number = 2; i < taken->count; i++) {
    if (strcmp(taken->items[i], path) != 0) continue;
    free(path);
    path = tool_format("%s/%s-%zu.npy", folder, stem, number++);
    i = (size_t)-1;
  }
  free(stem);
  text_list_add(taken, path);
  return path;
}

static int save_to_folder(const job *j, icn_executor *executor, const tensors *outputs) {
  tensors values = {0};
  text_list taken = {0};
  if (!icn_os_make_folder(j->folder)) return tool_fail("cannot make the folder '%s' for the outputs", j->folder);
  int code = j->all ? tensors_of_values(executor, &values) : TOOL_OK;
  for (size_t i = 0; i < outputs->count && code == TOOL_OK; i++)
    code = save(file_name(j->folder, outputs->info[i].name, &taken), &outputs->info[i], outputs->data[i]);
  for (size_t i = 0; i < values.count && code == TOOL_OK; i++) {
    if (tensors_find(outputs, values.info[i].name) < outputs->count) continue;
    progress_show("values", i, values.count);
    code = save(file_name(j->folder, values.info[i].name, &taken), &values.info[i], values.data[i]);
    progress_clear();
  }
  for (size_t i = 0; i < taken.count; i++) free((void *)taken.items[i]);
  text_list_fini(&taken);
  tensors_fini(&values);
  return code;
}

static int save_named(const job *j, const tensors *outputs) {
  int code = TOOL_OK;
  const char **names = tool_allocate(outputs->count, sizeof *names), *file;
  for (size_t i = 0; i < outputs->count; i++) names[i] = outputs->info[i].name;
  for (size_t i = 0; i < j->outputs.count && code == TOOL_OK; i++) {
    size_t index = split_name(j->outputs.items[i], names, outputs->count, &file);
    code = save(file, &outputs->info[index], outputs->data[index]);
  }
  free(names);
  return code;
}

static void print_outputs(const tensors *outputs) {
  char shape[SHAPE_TEXT_BYTES];
  bool cut = false;
  for (size_t i = 0; i < outputs->count; i++) {
    size_t count = tensor_elems(&outputs->info[i]), bad = 0;
    double least = (double)INFINITY, largest = -(double)INFINITY;
    for (size_t k = 0; k < count; k++) {
      double value = (double)outputs->data[i][k];
      if (!isfinite(value)) {
        bad++;
        continue;
      }
      least = value < least ? value : least;
      largest = value > largest ? value : largest;
    }
    printf("%s: %s", outputs->info[i].name, tensor_shape_text(&outputs->info[i], shape));
    if (bad < count) printf(", from %g to %g", least, largest);
    if (bad > 0) printf(", %zu of %zu values are not finite", bad, count);
    for (size_t k = 0; k < count && k < 8; k++) {
      const float value = outputs->data[i][k];
      printf("%s%.7g", k == 0 ? "\n  " : " ", isnan(value) ? (double)NAN : (double)value); /* without the sign, which says nothing */
    }
    printf("%s\n", count > 8 ? " ..." : "");
    cut = cut || count > 8;
  }
  if (cut) printf("(the first 8 values; --output [NAME=]FILE.npy or --outputs DIR writes them all)\n");
}

/* ------------------------------------------------------------------ running */

/* The outputs of one more device beside those of the first. */
static void compare_devices(job *j, const icn_device *device, const tensors *outputs) {
  char label[16], first[16];
  device_label(j->s.devices[0], first);
  device_label(device, label);
  for (size_t i = 0; i < outputs->count; i++) {
    difference d = tensors_compare(outputs->data[i], j->first.data[i], tensor_elems(&outputs->info[i]));
    double relative = difference_relative(&d);
    printf("%s: device %s differs from device %s by %.3g at most, %.3g of the largest value\n", outputs->info[i].name, label, first,
           d.largest, relative);
    if (relative <= agreement || j->disagreement != NULL) continue;
    j->disagreement =
        tool_format("devices %s and %s disagree on output '%s': the difference is %.3g of its largest value, at most %g is allowed", first,
                    label, outputs->info[i].name, relative, agreement);
  }
}

static int run_on(job *j, const icn_device *device, bool is_first) {
  icn_executor *executor = NULL;
  tensors inputs = {0}, outputs = {0};
  char title[DEVICE_TITLE_BYTES];
  int code = session_executor(&j->s, &j->so, j->model, device, j->all && is_first, false, &executor);
  if (code == TOOL_OK) code = fill_inputs(j, executor, &inputs);
  if (code == TOOL_OK) {
    outputs = tensors_of_outputs(executor);
    printf("%s\n", device_title(device, title));
    progress_show("running", 0, 0);
    code = tensors_run(executor, &inputs, &outputs);
    progress_clear();
  }
  if (code == TOOL_OK && is_first) {
    if (j->outputs.count > 0) code = save_named(j, &outputs);
    if (code == TOOL_OK && j->folder != NULL) code = save_to_folder(j, executor, &outputs);
    if (j->outputs.count == 0 && j->folder == NULL) print_outputs(&outputs);
    j->first = outputs;
    outputs = (tensors){0};
  } else if (code == TOOL_OK) {
    compare_devices(j, device, &outputs);
  }
  tensors_fini(&outputs);
  tensors_fini(&inputs);
  icn_executor_destroy(executor);
  return code;
}

static int run_model(job *j, const char *path) {
  int code = session_open(&j->s, "run", &j->so);
  if (code == TOOL_OK) code = session_load_model(&j->s, &j->so, path, &j->model);
  if (code == TOOL_OK) code = check_output_names(j);
  if (code == TOOL_OK) code = load_inputs(j);
  if (code == TOOL_OK) code = take_shapes(j);
  for (size_t i = 0; i < j->s.device_count && code == TOOL_OK; i++) code = run_on(j, j->s.devices[i], i == 0);
  return code == TOOL_OK && j->disagreement != NULL ? tool_fail("%s", j->disagreement) : code;
}

static void job_fini(job *j) {
  free(j->disagreement);
  tensors_fini(&j->first);
  for (size_t i = 0; j->files != NULL && i < icn_model_input_count(j->model); i++) npy_fini(&j->files[i]);
  free(j->files);
  icn_model_destroy(j->model);
  session_close(&j->s);
  text_list_fini(&j->inputs);
  text_list_fini(&j->outputs);
  text_list_fini(&j->so.shapes);
}

static int run(int argc, char **argv) {
  job j = {0};
  const option options[] = {
      {"input", "[NAME=]FILE.npy", OPTION_TEXTS, &j.inputs, 0, 0,
       "an input, float32 or float64 in the model's own layout (NCHW); NAME may be left out when there is one. Its shape also fixes what "
       "the model leaves "
       "open"},
      {"output", "[NAME=]FILE.npy", OPTION_TEXTS, &j.outputs, 0, 0, "write this output there"},
      {"outputs", "DIR", OPTION_TEXT, &j.folder, 0, 0, "write every output as DIR/NAME.npy"},
      {"all", NULL, OPTION_FLAG, &j.all, 0, 0,
       "with --outputs: also every value inside the network that the plan stores (with --passes-off all: every value)"},
      SESSION_BATCH_OPTION(j.so),
      SESSION_DEVICE_OPTION(j.so),
      SESSION_TUNING_OPTION(j.so),
      SESSION_SCHEDULE_OPTION(j.so),
      SESSION_MEMORY_OPTION(j.so),
      SESSION_SELF_TEST_OPTION(j.so),
      SESSION_CORES_OPTION(j.so),
      SESSION_MODEL_OPTIONS(j.so),
  };
  text_list positionals = {0};
  int code = options_parse(&command_run, options, sizeof options / sizeof options[0], argc, argv, &positionals);
  for (size_t i = 1; i < positionals.count; i++) text_list_add(&j.inputs, positionals.items[i]);
  if (code == TOOL_OK && positionals.count == 0) code = tool_usage("run: which model? expected M.onnx");
  if (code == TOOL_OK && j.all && j.folder == NULL) code = tool_usage("run: --all needs --outputs DIR to write to");
  if (code == TOOL_OK) code = run_model(&j, positionals.items[0]);
  job_fini(&j);
  text_list_fini(&positionals);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_run = {"run",
                             "M.onnx [--input [NAME=]FILE.npy]... [--output [NAME=]FILE.npy]... [--outputs DIR [--all]] [options]",
                             "runs any model on NumPy's .npy files",
                             "Runs a model once. Inputs and outputs are NumPy arrays in files, in the model's own layout (NCHW). Without "
                             "--output and --outputs a summary of each "
                             "output is printed. With --device all the model runs on each device; files are written from the first, and "
                             "the others are compared with it (exit "
                             "code 1 when they differ by more than 1e-4 of an output's largest value).",
                             "  clinception run M.onnx --input image.npy --output probabilities.npy\n"
                             "  clinception run M.onnx --input left=a.npy --input right=b.npy --outputs results\n"
                             "  clinception run M.onnx --input image.npy --outputs values --all --passes-off all\n",
                             run};
