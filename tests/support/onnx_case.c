#include "onnx_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npy_read.h"
#include "passes.h"
#include "ref.h"
#include "source.h"

enum { MAX_TENSORS = 32 };

typedef struct case_files {
  uint8_t *model;
  size_t model_bytes;
  icn_source source;
  icn_graph graph;
  icn_arena arena; /* of the run */
  npy_array inputs[MAX_TENSORS];
  size_t input_count;
} case_files;

uint8_t *onnx_case_read_file(const char *path, size_t *bytes) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return NULL;
  uint8_t *data = NULL;
  if (fseek(file, 0, SEEK_END) == 0) {
    long length = ftell(file);
    rewind(file);
    *bytes = length < 0 ? 0 : (size_t)length;
    data = malloc(*bytes + 1);
    if (data != NULL && fread(data, 1, *bytes, file) != *bytes) {
      free(data);
      data = NULL;
    }
  }
  fclose(file);
  return data;
}

static icn_status read_inputs(const char *folder, case_files *files, icn_input_shape *shapes, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(files->source.input_count <= MAX_TENSORS, ICN_ARGUMENT, "too many inputs");
  for (size_t i = 0; i < files->source.input_count; i++) {
    char path[1024];
    const char *name = files->source.inputs[i].name;
    snprintf(path, sizeof path, "%s/in_%s.npy", folder, name);
    ICN_REQUIRE(npy_read(path, &files->inputs[i]), ICN_IO, "%s cannot be read", path);
    files->input_count++;
    shapes[i].name = name;
    shapes[i].rank = files->inputs[i].shape.rank;
    memcpy(shapes[i].dim, files->inputs[i].shape.dim, sizeof shapes[i].dim);
  }
done:
  return status;
}

/* Shapes are given only where the file leaves some open, so that fixed ones (0 among them) go the usual way. */
static size_t keep_open(const case_files *files, icn_input_shape *shapes) {
  size_t kept = 0;
  for (size_t i = 0; i < files->input_count; i++) {
    const icn_source_input *input = &files->source.inputs[i];
    bool open = !input->has_shape;
    for (int k = 0; k < input->shape.rank; k++) open = open || input->shape.dim[k] < 0;
    if (open) shapes[kept++] = shapes[i];
  }
  return kept;
}

static bool is_close(float have, float want, case_tolerance tolerance) {
  if (isnan(want) || isinf(want)) return isnan(want) ? isnan(have) != 0 : have == want;
  return fabs((double)have - (double)want) <= tolerance.absolute + tolerance.relative * fabs((double)want);
}

bool onnx_case_compare(const char *folder, const char *name, const icn_shape *shape, const float *have, case_tolerance tolerance,
                       case_result *result) {
  char path[1024], have_text[ICN_SHAPE_TEXT_BYTES], want_text[ICN_SHAPE_TEXT_BYTES];
  npy_array want;
  bool same = true;
  snprintf(path, sizeof path, "%s/out_%s.npy", folder, name);
  if (!npy_read(path, &want)) {
    snprintf(result->text, sizeof result->text, "%.400s cannot be read", path);
    return false;
  }
  if (!icn_shape_equal(&want.shape, shape)) {
    snprintf(result->text, sizeof result->text, "output '%.80s' has the shape %s, expected %s", name, icn_shape_text(shape, have_text),
             icn_shape_text(&want.shape, want_text));
    same = false;
  }
  for (int64_t i = 0; same && i < icn_shape_elems(shape); i++) {
    if (is_close(have[i], want.data[i], tolerance)) continue;
    snprintf(result->text, sizeof result->text, "output '%.80s'[%lld] is %.9g, expected %.9g", name, (long long)i, (double)have[i],
             (double)want.data[i]);
    same = false;
  }
  free(want.data);
  return same;
}

static icn_status run_reference(case_files *files, const float ***values, icn_error *error) {
  *values = icn_arena_array(&files->arena, files->graph.value_count, sizeof(float *));
  if (*values == NULL) return icn_error_memory(error, 0, "the values");
  for (size_t i = 0; i < files->graph.input_count; i++) (*values)[files->graph.inputs[i]] = files->inputs[i].data;
  return icn_ref_run(&files->graph, *values, &files->arena, NULL, NULL, error);
}

static icn_status load_and_run(const char *folder, const char *disabled_passes, case_files *files, const float ***values,
                               icn_error *error) {
  icn_status status = ICN_OK;
  char path[1024];
  icn_input_shape shapes[MAX_TENSORS];
  memset(shapes, 0, sizeof shapes);
  snprintf(path, sizeof path, "%s/model.onnx", folder);
  files->model = onnx_case_read_file(path, &files->model_bytes);
  ICN_REQUIRE(files->model != NULL, ICN_IO, "%.400s cannot be read", path);
  ICN_TRY(icn_onnx_parse(files->model, files->model_bytes, NULL, &files->source, error));
  ICN_TRY(read_inputs(folder, files, shapes, error));
  size_t shape_count = keep_open(files, shapes);
  ICN_TRY(icn_import(&files->source, shapes, shape_count, 0, &files->graph, error));
  ICN_TRY(icn_graph_validate(&files->graph, error));
  ICN_TRY(icn_passes_run(&files->graph, disabled_passes, NULL, error));
  ICN_TRY(icn_graph_validate(&files->graph, error));
  ICN_TRY(run_reference(files, values, error));
done:
  return status;
}

void onnx_case_fail(case_result *result, icn_status status, const icn_error *error) {
  result->outcome = status == ICN_UNSUPPORTED ? CASE_DECLINED : CASE_FAILED;
  memcpy(result->text, error->message, sizeof result->text);
}

case_result onnx_case_reference(const char *folder, const char *disabled_passes, case_tolerance tolerance) {
  case_result result = {CASE_RIGHT, 0, ""};
  case_files files;
  icn_error error;
  const float **values = NULL;
  icn_allocator allocator = icn_allocator_default();
  memset(&files, 0, sizeof files);
  icn_error_clear(&error);
  icn_source_init(&files.source, &allocator);
  icn_graph_init(&files.graph, &allocator);
  icn_arena_init(&files.arena, &allocator);
  icn_status status = load_and_run(folder, disabled_passes, &files, &values, &error);
  if (status != ICN_OK) onnx_case_fail(&result, status, &error);
  result.nodes = files.graph.node_count;
  for (size_t o = 0; status == ICN_OK && o < files.graph.output_count && result.outcome == CASE_RIGHT; o++) {
    int value = files.graph.outputs[o];
    bool same = onnx_case_compare(folder, files.graph.output_names[o], &files.graph.values[value].shape, values[value], tolerance, &result);
    if (!same) result.outcome = CASE_WRONG;
  }
  for (size_t i = 0; i < files.input_count; i++) free(files.inputs[i].data);
  icn_arena_fini(&files.arena);
  icn_graph_fini(&files.graph);
  icn_source_fini(&files.source);
  free(files.model);
  return result;
}

/* -------------------------------------------------------------------- list */

char **onnx_case_list(const char *path, size_t *count) {
  size_t bytes = 0;
  uint8_t *text = onnx_case_read_file(path, &bytes);
  *count = 0;
  if (text == NULL) return NULL;
  text[bytes] = '\0';
  size_t lines = 1;
  for (size_t i = 0; i < bytes; i++) lines += text[i] == '\n' ? 1 : 0;
  char **names = calloc(lines, sizeof *names);
  for (char *line = (char *)text; names != NULL && *line != '\0';) {
    size_t length = strcspn(line, " \t\r\n");
    if (length > 0) {
      char *name = calloc(length + 1, 1);
      if (name == NULL) break;
      memcpy(name, line, length);
      names[(*count)++] = name;
    }
    line += strcspn(line, "\n");
    if (*line == '\n') line++;
  }
  free(text);
  return names;
}

void onnx_case_free_list(char **names, size_t count) {
  for (size_t i = 0; i < count; i++) free(names[i]);
  free(names);
}
