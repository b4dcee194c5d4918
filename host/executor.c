/* The public executor: options, life cycle, properties. */

#include "executor.h"

#include <stdio.h>
#include <string.h>

#include "passes.h"
#include "row_table.h"

/* ----------------------------------------------------------------- options */

void icn_executor_options_init_sized(icn_executor_options *options, size_t struct_bytes) { icn_struct_init(options, struct_bytes); }

static icn_status read_options(const icn_executor_options *given, icn_executor_options *options, icn_error *error) {
  icn_status status = ICN_OK;
  icn_executor_options_init(options);
  if (given == NULL) return ICN_OK;
  ICN_REQUIRE(icn_struct_read(options, sizeof *options, given), ICN_ARGUMENT,
              "the executor options were not initialised (icn_executor_options_init), or have fields that this library does not know");
  ICN_REQUIRE(options->batch >= 0, ICN_ARGUMENT, "the batch is %lld, expected 1 or more (or 0 for 1)", (long long)options->batch);
  ICN_REQUIRE(options->shape_count == 0 || options->shapes != NULL, ICN_ARGUMENT, "%zu input shapes are announced, but shapes is NULL",
              options->shape_count);
  ICN_REQUIRE((int)options->precision >= 0 && options->precision <= ICN_PRECISION_AUTO, ICN_ARGUMENT, "precision %d is none",
              (int)options->precision);
  ICN_REQUIRE((int)options->schedule >= 0 && options->schedule <= ICN_SCHEDULE_RECORDED, ICN_ARGUMENT, "schedule %d is none",
              (int)options->schedule);
  ICN_REQUIRE(options->window >= 0, ICN_ARGUMENT, "the window is %d launches, expected 1 or more (or 0 for all)", options->window);
  ICN_REQUIRE(options->precision == ICN_PRECISION_FP32 || options->precision == ICN_PRECISION_FP16W, ICN_UNSUPPORTED,
              "only fp32 and fp16w are there so far; the other precisions are reserved");
  ICN_REQUIRE((int)options->self_test >= 0 && options->self_test <= ICN_SELF_TEST_ALWAYS, ICN_ARGUMENT, "self_test %d is none",
              (int)options->self_test);
done:
  return status;
}

/* ----------------------------------------------------------- lists of names */

/* Whole names only; "..." stands for those that do not fit. */
static void append_name(char *text, size_t bytes, const char *name) {
  static const char MORE[] = ", ...";
  const size_t length = strlen(text);
  const bool full = length >= sizeof MORE - 1 && strcmp(text + length - (sizeof MORE - 1), MORE) == 0;
  if (full) return;
  const bool fits = length + 2 + strlen(name) + sizeof MORE <= bytes;
  snprintf(text + length, bytes - length, "%s%s", length == 0 ? "" : fits ? ", " : "", fits ? name : MORE);
}

static void list_passes(char *text, size_t bytes) {
  for (size_t i = 0; i < icn_pass_count(); i++) append_name(text, bytes, icn_pass_at(i)->name);
  append_name(text, bytes, "concat_view");
  append_name(text, bytes, "memory_reuse");
  append_name(text, bytes, "merge_pairs");
  append_name(text, bytes, "reshape_view");
  append_name(text, bytes, "slice_batch");
  append_name(text, bytes, "all");
}

icn_status icn_check_pass_names(const char *list, icn_error *error) {
  char name[128], known[ICN_MESSAGE_BYTES - 160];
  for (const char *item = list; item != NULL && *item != '\0';) {
    size_t length = strcspn(item, ",");
    snprintf(name, sizeof name, "%.*s", (int)icn_min64((int64_t)length, 127), item);
    if (!icn_pass_known(name)) {
      known[0] = '\0';
      list_passes(known, sizeof known);
      return icn_error_set(error, ICN_ARGUMENT, "there is no pass '%.100s'; the known ones are: %s", name, known);
    }
    item += length;
    if (*item == ',') item++;
  }
  return ICN_OK;
}

icn_status icn_check_row_names(const char *list, icn_error *error) {
  const icn_row_table rows = {icn_row_at, icn_row_count()};
  return icn_check_rows(&rows, list, error);
}

/* -------------------------------------------------------------- life cycle */

icn_tensor_info icn_exec_value_info(const icn_graph *graph, int value) {
  const icn_shape shape = icn_graph_whole_shape(graph, value);
  icn_tensor_info info = {.name = graph->values[value].name, .rank = shape.rank};
  for (int k = 0; k < info.rank; k++) info.dim[k] = shape.dim[k];
  return info;
}

static icn_status fill_inputs_and_outputs(icn_executor *executor, icn_error *error) {
  const icn_graph *graph = &executor->graph;
  executor->inputs = icn_arena_array(&executor->arena, graph->input_count, sizeof *executor->inputs);
  executor->outputs = icn_arena_array(&executor->arena, graph->output_count, sizeof *executor->outputs);
  if (executor->inputs == NULL || executor->outputs == NULL) {
    return icn_error_memory(error, (graph->input_count + graph->output_count) * sizeof *executor->inputs,
                            "the executor's inputs and outputs");
  }
  for (size_t i = 0; i < graph->input_count; i++) executor->inputs[i] = icn_exec_value_info(graph, graph->inputs[i]);
  for (size_t i = 0; i < graph->output_count; i++) {
    executor->outputs[i] = icn_exec_value_info(graph, graph->outputs[i]);
    executor->outputs[i].name = graph->output_names[i];
  }
  return ICN_OK;
}

static icn_status prepare(icn_executor *executor, const icn_executor_options *options, icn_error *error) {
  icn_status status = ICN_OK;
  const double start = icn_os_seconds();
  const icn_logger *logger = &executor->context->logger;
  ICN_TRY(icn_check_pass_names(options->disabled_passes, error));
  ICN_TRY(icn_check_row_names(options->forced_rows, error));
  ICN_TRY(icn_import(&executor->model->source, options->shapes, options->shape_count, options->batch, &executor->graph, error));
  if (executor->runtime == NULL) {
    ICN_REQUIRE(options->memory_limit == 0, ICN_UNSUPPORTED, "the reference device knows no memory limit");
    ICN_TRY(icn_exec_reference_prepare(executor, error));
  } else {
    ICN_TRY(icn_exec_device_prepare(executor, options, error));
  }
  ICN_TRY(fill_inputs_and_outputs(executor, error));
  icn_log(logger, ICN_LOG_INFO, "executor on '%s': %zu layers, arena %.1f MiB, weights %.1f MiB, ready in %.3f s",
          executor->device->desc.name, executor->layer_count, (double)executor->memory.arena_bytes / 1048576.0,
          (double)executor->memory.weight_bytes / 1048576.0, icn_os_seconds() - start);
done:
  return status;
}

/* The executor with its runtime, still empty. `runtime` is taken. */
static icn_status executor_allocate(icn_model *model, const icn_executor_options *options, const icn_device *device, icn_runtime *runtime,
                                    icn_executor **result, icn_error *error) {
  icn_context *context = model->context;
  icn_executor *executor = icn_allocate_array(&context->allocator, 1, sizeof *executor);
  *result = executor;
  if (executor == NULL) {
    icn_runtime_destroy(runtime);
    return icn_error_memory(error, sizeof *executor, "the executor");
  }
  executor->context = context;
  executor->model = model;
  executor->device = device;
  executor->keep_values = options->keep_values != 0;
  executor->window = (size_t)options->window;
  executor->profile = options->profile != 0;
  executor->runtime = runtime;
  icn_arena_init(&executor->arena, &context->allocator);
  icn_arena_init(&executor->reference_arena, &context->allocator);
  icn_arena_init(&executor->plan.arena, &context->allocator);
  icn_graph_init(&executor->graph, &context->allocator);
  if (runtime != NULL || device->desc.kind == ICN_DEVICE_REFERENCE) return ICN_OK;
  const icn_runtime_options runtime_options = {.cores = options->cores, .profile = executor->profile};
  return icn_runtime_create(context, device, &runtime_options, &executor->runtime, error);
}

icn_status icn_executor_create_on(icn_model *model, const icn_executor_options *given, const icn_device *device, icn_runtime *runtime,
                                  icn_executor **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_executor_options options;
  icn_executor *executor = NULL;
  status = read_options(given, &options, error);
  if (status != ICN_OK) {
    icn_runtime_destroy(runtime);
    goto done;
  }
  ICN_TRY(executor_allocate(model, &options, device, runtime, &executor, error));
  ICN_REQUIRE(options.window == 0 || executor->runtime == NULL || !executor->runtime->wrapped, ICN_UNSUPPORTED,
              "on the caller's own queue a run is given at once, without a window: later launches would come behind the caller's");
  ICN_TRY(prepare(executor, &options, error));
  *result = executor;
  return ICN_OK;
done:
  icn_executor_destroy(executor);
  return status;
}

icn_status icn_executor_create(icn_model *model, const icn_executor_options *given, icn_executor **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_executor_options options;
  icn_error_clear(error);
  ICN_REQUIRE(model != NULL && result != NULL, ICN_ARGUMENT, "icn_executor_create: %s is NULL", model == NULL ? "model" : "executor");
  *result = NULL;
  ICN_TRY(read_options(given, &options, error));
  const icn_device *device = options.device;
  if (device == NULL) ICN_TRY(icn_context_find_device(model->context, NULL, &device, error));
  ICN_REQUIRE(device->desc.kind != ICN_DEVICE_REFERENCE || options.cores <= 1, ICN_ARGUMENT,
              "%u cores asked for, but the reference device has 1", options.cores);
  ICN_TRY(icn_executor_create_on(model, &options, device, NULL, result, error));
done:
  return status;
}

void icn_executor_destroy(icn_executor *executor) {
  if (executor == NULL) return;
  icn_allocator allocator = executor->context->allocator;
  icn_exec_device_fini(executor);
  icn_plan_fini(&executor->plan);
  icn_graph_fini(&executor->graph);
  icn_arena_fini(&executor->reference_arena);
  icn_arena_fini(&executor->arena);
  icn_release(&allocator, executor);
}

/* -------------------------------------------------------------- properties */

static const icn_tensor_info NO_TENSOR = {.name = "", .rank = -1};

size_t icn_executor_input_count(const icn_executor *executor) { return executor == NULL ? 0 : executor->graph.input_count; }

icn_tensor_info icn_executor_input(const icn_executor *executor, size_t index) {
  return index < icn_executor_input_count(executor) ? executor->inputs[index] : NO_TENSOR;
}

size_t icn_executor_output_count(const icn_executor *executor) { return executor == NULL ? 0 : executor->graph.output_count; }

icn_tensor_info icn_executor_output(const icn_executor *executor, size_t index) {
  return index < icn_executor_output_count(executor) ? executor->outputs[index] : NO_TENSOR;
}

const icn_device *icn_executor_device(const icn_executor *executor) { return executor == NULL ? NULL : executor->device; }

size_t icn_executor_value_count(const icn_executor *executor) { return executor == NULL ? 0 : executor->value_count; }

icn_tensor_info icn_executor_value(const icn_executor *executor, size_t index) {
  return index < icn_executor_value_count(executor) ? executor->values[index].info : NO_TENSOR;
}

icn_status icn_executor_read_value(icn_executor *executor, size_t index, float *data, icn_error *error) {
  icn_status status = ICN_OK;
  icn_error_clear(error);
  ICN_REQUIRE(executor != NULL && data != NULL, ICN_ARGUMENT, "icn_executor_read_value: %s is NULL",
              executor == NULL ? "executor" : "data");
  ICN_REQUIRE(index < executor->value_count, ICN_ARGUMENT, "value %zu is out of range: there are %zu", index, executor->value_count);
  ICN_REQUIRE(executor->keep_values, ICN_STATE, "the executor does not keep its values (options.keep_values)");
  ICN_REQUIRE(executor->has_run, ICN_STATE, "no run has finished, so there are no values to read");
  if (executor->runtime == NULL) {
    ICN_TRY(icn_exec_reference_read(executor, &executor->values[index], data, error));
  } else {
    ICN_TRY(icn_exec_device_read(executor, &executor->values[index], data, error));
  }
done:
  return status;
}

size_t icn_executor_layer_count(const icn_executor *executor) { return executor == NULL ? 0 : executor->layer_count; }

icn_layer_info icn_executor_layer(const icn_executor *executor, size_t index) {
  if (index >= icn_executor_layer_count(executor)) return (icn_layer_info){.name = "", .problem = "", .row = "", .value = ""};
  return executor->layers[index];
}

icn_memory_info icn_executor_memory(const icn_executor *executor) { return executor == NULL ? (icn_memory_info){0} : executor->memory; }
