#include "model.h"

#include <string.h>

#include "onnx_write.h"

/* ----------------------------------------------------------- external data */

struct icn_model_file {
  icn_model_file *next;
  const char *location;
  icn_mapping mapping;
};

/* icn_external.open: each file is mapped once and stays as long as the model. */
static icn_status open_external(void *user, const char *location, const void **data, uint64_t *bytes, icn_error *error) {
  icn_status status = ICN_OK;
  icn_model *model = user;
  char path[4096];
  icn_model_file *file = model->files;
  while (file != NULL && strcmp(file->location, location) != 0) file = file->next;
  if (file == NULL) {
    ICN_TRY(icn_os_confined_path(model->path, location, path, sizeof path, error));
    file = icn_arena_allocate(&model->arena, sizeof *file);
    if (file == NULL) ICN_TRY(icn_error_memory(error, sizeof *file, "an external data file"));
    file->location = icn_arena_text(&model->arena, location, strlen(location));
    if (file->location == NULL) ICN_TRY(icn_error_memory(error, strlen(location) + 1, "an external data file"));
    ICN_TRY(icn_os_map(path, &file->mapping, error));
    file->next = model->files;
    model->files = file;
  }
  *data = file->mapping.data;
  *bytes = file->mapping.bytes;
done:
  return status;
}

/* -------------------------------------------------------------------- load */

static icn_status model_allocate(icn_context *context, icn_model **result, icn_error *error) {
  icn_model *model = icn_allocate_array(&context->allocator, 1, sizeof *model);
  *result = model;
  if (model == NULL) return icn_error_memory(error, sizeof *model, "the model");
  model->context = context;
  icn_arena_init(&model->arena, &context->allocator);
  icn_source_init(&model->source, &context->allocator);
  model->mutex = icn_mutex_create(&context->allocator);
  return model->mutex == NULL ? icn_error_memory(error, sizeof *model, "a mutex") : ICN_OK;
}

static bool has_open_shape(const icn_source *source) {
  for (size_t i = 0; i < source->input_count; i++) {
    const icn_source_input *input = &source->inputs[i];
    if (!input->has_shape) return true;
    for (int k = 0; k < input->shape.rank; k++) {
      if (input->shape.dim[k] < 0) return true;
    }
  }
  return false;
}

/* A trial import, so that what can never run is refused here and not at the first executor. Shapes that do not fit count only where the
 * model leaves no shape open: another batch may fit. */
static icn_status check_importable(const icn_model *model, icn_error *error) {
  icn_graph graph;
  icn_error problem;
  icn_error_clear(&problem);
  icn_graph_init(&graph, &model->context->allocator);
  icn_status status = icn_import(&model->source, NULL, 0, 0, &graph, &problem);
  icn_graph_fini(&graph);
  bool counts = status == ICN_UNSUPPORTED || status == ICN_NO_MEMORY || (status != ICN_OK && !has_open_shape(&model->source));
  return counts ? icn_error_set(error, status, "%s", problem.message) : ICN_OK;
}

static icn_tensor_info input_info(const icn_source_input *input) {
  icn_tensor_info info = {.name = input->name, .rank = -1};
  if (!input->has_shape) return info;
  info.rank = input->shape.rank;
  for (int k = 0; k < info.rank; k++) info.dim[k] = input->shape.dim[k];
  return info;
}

/* What all three ways of loading do after the source is there. */
static icn_status finish_load(icn_model *model, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_source *source = &model->source;
  model->inputs = icn_arena_array(&model->arena, source->input_count, sizeof *model->inputs);
  if (model->inputs == NULL) ICN_TRY(icn_error_memory(error, source->input_count * sizeof *model->inputs, "the model's inputs"));
  for (size_t i = 0; i < source->input_count; i++) model->inputs[i] = input_info(&source->inputs[i]);
  ICN_TRY(check_importable(model, error));
  icn_log(&model->context->logger, ICN_LOG_DEBUG, "model: opset %lld, %zu nodes, %zu initialisers, made by '%s'", (long long)source->opset,
          source->node_count, source->tensor_count, source->producer == NULL ? "" : source->producer);
done:
  return status;
}

static icn_status load_file(icn_model *model, const char *path, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_external external = {model, open_external};
  ICN_TRY(icn_os_map(path, &model->mapping, error));
  ICN_REQUIRE(model->mapping.bytes > 0, ICN_FORMAT, "'%s' is empty, expected an ONNX model", path);
  ICN_TRY(icn_onnx_parse(model->mapping.data, (size_t)model->mapping.bytes, &external, &model->source, error));
done:
  return status;
}

static icn_status load_builtin(icn_model *model, const char *spec, const char *weights, icn_error *error) {
  icn_status status = ICN_OK;
  icn_safetensors file;
  model->is_builtin = true;
  if (weights == NULL) return icn_builtin_make(spec, NULL, &model->source, error);
  ICN_TRY(icn_os_map(weights, &model->mapping, error));
  ICN_TRY(icn_safetensors_parse(model->mapping.data, (size_t)model->mapping.bytes, &model->arena, &file, error));
  ICN_TRY(icn_builtin_make(spec, &file, &model->source, error));
done:
  return status;
}

/* What follows "builtin:", or NULL. */
static const char *builtin_spec(const char *path) {
  static const char BUILTIN[] = "builtin:";
  return strncmp(path, BUILTIN, sizeof BUILTIN - 1) == 0 ? path + sizeof BUILTIN - 1 : NULL;
}

/* Puts the path before a message that does not have it. */
static void name_file(const char *path, icn_status status, icn_error *error) {
  if (error == NULL || status == ICN_OK || strstr(error->message, path) != NULL) return;
  icn_error before = *error;
  (void)icn_error_set(error, status, "'%.150s': %s", path, before.message);
}

icn_status icn_model_load(icn_context *context, const char *path, icn_model **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_model *model = NULL;
  icn_error_clear(error);
  ICN_REQUIRE(context != NULL && path != NULL && result != NULL, ICN_ARGUMENT, "icn_model_load: %s is NULL",
              context == NULL ? "context"
              : path == NULL  ? "path"
                              : "model");
  *result = NULL;
  ICN_TRY(model_allocate(context, &model, error));
  model->path = icn_text_copy(&context->allocator, path);
  if (model->path == NULL) ICN_TRY(icn_error_memory(error, strlen(path) + 1, "the model's path"));
  ICN_TRY(builtin_spec(path) != NULL ? load_builtin(model, builtin_spec(path), NULL, error) : load_file(model, path, error));
  ICN_TRY(finish_load(model, error));
  *result = model;
  return ICN_OK;
done:
  if (model != NULL) name_file(path, status, error);
  icn_model_destroy(model);
  return status;
}

icn_status icn_model_load_builtin(icn_context *context, const char *network, const char *weights, icn_model **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_model *model = NULL;
  icn_error_clear(error);
  ICN_REQUIRE(context != NULL && network != NULL && result != NULL, ICN_ARGUMENT, "icn_model_load_builtin: %s is NULL",
              context == NULL   ? "context"
              : network == NULL ? "network"
                                : "model");
  *result = NULL;
  const char *spec = builtin_spec(network) != NULL ? builtin_spec(network) : network;
  ICN_TRY(model_allocate(context, &model, error));
  model->path = icn_text_copy(&context->allocator, network);
  if (model->path == NULL) ICN_TRY(icn_error_memory(error, strlen(network) + 1, "the network's name"));
  ICN_TRY(load_builtin(model, spec, weights, error));
  ICN_TRY(finish_load(model, error));
  *result = model;
  return ICN_OK;
done:
  if (model != NULL) name_file(status != ICN_ARGUMENT && weights != NULL ? weights : network, status, error);
  icn_model_destroy(model);
  return status;
}

icn_status icn_model_load_memory(icn_context *context, const void *data, size_t bytes, icn_model **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_model *model = NULL;
  icn_error_clear(error);
  ICN_REQUIRE(context != NULL && data != NULL && result != NULL, ICN_ARGUMENT, "icn_model_load_memory: %s is NULL",
              context == NULL ? "context"
              : data == NULL  ? "data"
                              : "model");
  *result = NULL;
  ICN_REQUIRE(bytes > 0, ICN_FORMAT, "the model in memory is empty, expected an ONNX model");
  ICN_TRY(model_allocate(context, &model, error));
  ICN_TRY(icn_onnx_parse(data, bytes, NULL, &model->source, error));
  ICN_TRY(finish_load(model, error));
  *result = model;
  return ICN_OK;
done:
  icn_model_destroy(model);
  return status;
}

/* -------------------------------------------------------------------- save */

static icn_status append_to_file(void *user, const void *data, size_t bytes, icn_error *error) {
  return icn_os_writer_append(user, data, bytes, error);
}

/* Of each output, with an open batch. */
static icn_status output_shapes(const icn_model *model, icn_arena *arena, icn_shape **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_graph graph;
  icn_graph_init(&graph, &model->context->allocator);
  ICN_TRY(icn_import(&model->source, NULL, 0, 0, &graph, error));
  icn_shape *shapes = *result = icn_arena_array(arena, graph.output_count, sizeof *shapes);
  if (shapes == NULL) ICN_TRY(icn_error_memory(error, graph.output_count * sizeof *shapes, "the shapes of the outputs"));
  for (size_t i = 0; i < graph.output_count; i++) {
    shapes[i] = graph.values[graph.outputs[i]].shape;
    shapes[i].dim[0] = -1;
  }
done:
  icn_graph_fini(&graph);
  return status;
}

icn_status icn_model_save_onnx(const icn_model *model, const char *path, icn_error *error) {
  icn_status status = ICN_OK;
  icn_arena arena = {0};
  icn_os_writer writer;
  icn_shape *shapes = NULL;
  bool is_open = false;
  icn_error_clear(error);
  ICN_REQUIRE(model != NULL && path != NULL, ICN_ARGUMENT, "icn_model_save_onnx: %s is NULL", model == NULL ? "model" : "path");
  icn_arena_init(&arena, &model->context->allocator);
  ICN_REQUIRE(model->is_builtin, ICN_UNSUPPORTED, "only built-in networks are written as ONNX files");
  ICN_TRY(output_shapes(model, &arena, &shapes, error));
  ICN_TRY(icn_os_writer_open(path, &writer, error));
  is_open = true;
  const icn_onnx_sink sink = {&writer, append_to_file};
  ICN_TRY(icn_onnx_write(&model->source, shapes, &sink, error));
  is_open = false;
  ICN_TRY(icn_os_writer_finish(&writer, "", 0, error));
done:
  if (is_open) icn_os_writer_abandon(&writer);
  if (model != NULL && path != NULL) icn_arena_fini(&arena);
  return status;
}

/* ----------------------------------------------------------------- the end */

void icn_model_destroy(icn_model *model) {
  if (model == NULL) return;
  icn_allocator allocator = model->context->allocator;
  icn_source_fini(&model->source);
  for (icn_model_file *file = model->files; file != NULL; file = file->next) icn_os_unmap(&file->mapping);
  icn_os_unmap(&model->mapping);
  icn_arena_fini(&model->arena);
  icn_mutex_destroy(model->mutex);
  icn_release(&allocator, model->path);
  icn_release(&allocator, model);
}

void icn_model_forget_pages(const icn_model *model) {
  for (const icn_model_file *file = model->files; file != NULL; file = file->next)
    icn_os_forget_pages(file->mapping.data, file->mapping.bytes);
  icn_os_forget_pages(model->mapping.data, model->mapping.bytes);
}

/* -------------------------------------------------------------- properties */

size_t icn_model_input_count(const icn_model *model) { return model == NULL ? 0 : model->source.input_count; }

icn_tensor_info icn_model_input(const icn_model *model, size_t index) {
  if (model == NULL || index >= model->source.input_count) return (icn_tensor_info){.name = "", .rank = -1};
  return model->inputs[index];
}

size_t icn_model_output_count(const icn_model *model) { return model == NULL ? 0 : model->source.output_count; }

const char *icn_model_output_name(const icn_model *model, size_t index) {
  return model == NULL || index >= model->source.output_count ? NULL : model->source.outputs[index];
}
