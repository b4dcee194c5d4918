/* A plan on an OpenCL device: uploads, bound launches, runs, reading values back. */

#include <stdio.h>
#include <string.h>

#include "clcall.h"
#include "executor.h"
#include "plan_fit.h"
#include "plan_memory.h"
#include "quirks.h"
#include "tune_file.h"
#include "vetting.h"

/* ----------------------------------------------------------------- buffers */

static icn_status create_buffers(icn_executor *executor, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(icn_exec_weights_upload(executor, error));
  for (size_t i = 0; i < executor->plan.buffer_count; i++) {
    const icn_plan_buffer *wanted = &executor->plan.buffers[i];
    switch (wanted->kind) {
      case ICN_BUFFER_CONSTANT:
      case ICN_BUFFER_PACKED:
      case ICN_BUFFER_ZEROS:
        continue; /* uploaded */
      case ICN_BUFFER_ARENA:
      case ICN_BUFFER_LIBRARY:
        executor->memory.arena_bytes += wanted->bytes;
        break;
      case ICN_BUFFER_INPUT:
        executor->input_buffers[wanted->index] = (int)i;
        executor->memory.input_bytes += wanted->bytes;
        break;
      case ICN_BUFFER_OUTPUT:
        executor->output_buffers[wanted->index] = (int)i;
        executor->memory.output_bytes += wanted->bytes;
        break;
    }
    ICN_TRY(icn_buffer_create(executor->runtime, wanted->bytes, NULL, &executor->buffers[i], error));
  }
done:
  return status;
}

/* Where a buffer of the plan begins in its cl_mem. */
static uint64_t first_byte(const icn_executor *executor, int buffer) {
  return executor->weights[buffer] == NULL ? 0 : icn_weight_offset(executor->weights[buffer]);
}

/* ---------------------------------------------------------------- launches */

static int64_t view_offset(const icn_problem *problem, int operand) {
  if (operand < ICN_MAX_INPUTS) return problem->in[operand].offset;
  return operand == ICN_OPERAND_OUT ? problem->out.offset : 0;
}

static icn_status bind_slice(icn_executor *executor, size_t index, int slice, icn_error *error) {
  const icn_plan_step *step = &executor->plan.steps[index];
  const icn_plan_layer *layer = &executor->plan.layers[step->layer];
  icn_buffer *operands[ICN_OPERAND_COUNT] = {NULL};
  int64_t offsets[ICN_OPERAND_COUNT] = {0};
  for (int k = 0; k < ICN_OPERAND_COUNT; k++) {
    if (layer->place[k].buffer < 0) continue;
    operands[k] = executor->buffers[layer->place[k].buffer];
    const uint64_t elem_bytes = k == ICN_OPERAND_PACKED && icn_row_packs_halves(layer->choice.row, &layer->problem) ? 2 : sizeof(float);
    offsets[k] = (int64_t)(first_byte(executor, layer->place[k].buffer) / elem_bytes) + layer->place[k].offset +
                 view_offset(&layer->problem, k) + slice * layer->slice_elems[k];
  }
  return icn_bound_create(executor->runtime, &layer->emit.launch[step->launch], operands, offsets, layer->name,
                          &executor->bounds[index * (size_t)executor->plan.slices + (size_t)slice], error);
}

/* Once, where every slice finds its operands in the same places; to have the time of each, once for each. */
static icn_status bind_step(icn_executor *executor, size_t index, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_plan_layer *layer = &executor->plan.layers[executor->plan.steps[index].layer];
  bool alike = !executor->profile;
  for (int k = 0; k < ICN_OPERAND_COUNT; k++) alike = alike && layer->slice_elems[k] == 0;
  for (int slice = 0; slice < (alike ? 1 : layer->slices); slice++) ICN_TRY(bind_slice(executor, index, slice, error));
done:
  return status;
}

static icn_bound *bound_of(const void *user, size_t step, int slice) {
  const icn_executor *executor = user;
  icn_bound *const *bounds = &executor->bounds[step * (size_t)executor->plan.slices];
  return bounds[slice] != NULL ? bounds[slice] : bounds[0];
}

static icn_status fill_layers(icn_executor *executor, icn_error *error) {
  const icn_plan *plan = &executor->plan;
  const icn_graph *graph = &executor->graph;
  executor->layers = icn_arena_array(&executor->arena, plan->layer_count, sizeof *executor->layers);
  if (executor->layers == NULL) return icn_error_memory(error, plan->layer_count * sizeof *executor->layers, "the layers' properties");
  for (size_t i = 0; i < plan->layer_count; i++) {
    const icn_plan_layer *layer = &plan->layers[i];
    char key[ICN_KEY_BYTES];
    (void)icn_problem_key(&layer->problem, key);
    executor->layers[i] = (icn_layer_info){.name = layer->name,
                                           .problem = icn_arena_text(&executor->arena, key, strlen(key)),
                                           .row = layer->choice.row->name,
                                           .flop = layer->slices * icn_problem_flop(&layer->problem),
                                           .bytes = layer->slices * icn_problem_bytes(&layer->problem),
                                           .runs = layer->slices,
                                           .value = layer->node < 0 ? "" : graph->values[graph->nodes[layer->node].output].name};
    icn_emit_work(&layer->emit, &layer->problem, &executor->layers[i].row_flop, &executor->layers[i].row_bytes);
    executor->layers[i].row_flop *= layer->slices;
    executor->layers[i].row_bytes *= layer->slices;
    if (executor->layers[i].problem == NULL) return icn_error_memory(error, strlen(key) + 1, "the layers' properties");
  }
  executor->layer_count = plan->layer_count;
  return ICN_OK;
}

static icn_status fill_values(icn_executor *executor, icn_error *error) {
  const icn_plan *plan = &executor->plan;
  executor->values = icn_arena_array(&executor->arena, plan->value_count, sizeof *executor->values);
  if (executor->values == NULL) return icn_error_memory(error, plan->value_count * sizeof *executor->values, "the list of values");
  for (size_t i = 0; i < plan->value_count; i++) {
    const icn_plan_value *value = &plan->values[i];
    if (!value->materialised || value->place.buffer < 0 || executor->graph.values[value->value].data != NULL) continue;
    executor->values[executor->value_count++] = (icn_exec_value){icn_exec_value_info(&executor->graph, value->value), (int)i};
  }
  return ICN_OK;
}

/* ----------------------------------------------------------------- prepare */

static size_t bound_count(const icn_plan *plan) { return plan->step_count * (size_t)plan->slices; }

static icn_status allocate_tables(icn_executor *executor, icn_error *error) {
  const icn_plan *plan = &executor->plan;
  icn_arena *arena = &executor->arena;
  executor->buffers = icn_arena_array(arena, plan->buffer_count, sizeof *executor->buffers);
  executor->weights = icn_arena_array(arena, plan->buffer_count, sizeof *executor->weights);
  executor->bounds = icn_arena_array(arena, bound_count(plan), sizeof *executor->bounds);
  executor->input_buffers = icn_arena_array(arena, executor->graph.input_count, sizeof(int));
  executor->output_buffers = icn_arena_array(arena, executor->graph.output_count, sizeof(int));
  if (executor->buffers == NULL || executor->weights == NULL || executor->bounds == NULL || executor->input_buffers == NULL ||
      executor->output_buffers == NULL) {
    return icn_error_memory(error, (2 * plan->buffer_count + bound_count(plan)) * sizeof(void *), "the executor's tables");
  }
  for (size_t i = 0; i < executor->graph.input_count; i++) executor->input_buffers[i] = -1;
  for (size_t i = 0; i < executor->graph.output_count; i++) executor->output_buffers[i] = -1;
  return ICN_OK;
}

static void release_launches_and_buffers(icn_executor *executor) {
  (void)icn_runtime_finish(executor->runtime, NULL);
  icn_dispatch_destroy(executor->dispatch);
  executor->dispatch = NULL;
  for (size_t i = 0; executor->bounds != NULL && i < bound_count(&executor->plan); i++) icn_bound_destroy(executor->bounds[i]);
  if (executor->buffers != NULL) icn_exec_weights_release(executor);
  for (size_t i = 0; executor->buffers != NULL && i < executor->plan.buffer_count; i++) icn_buffer_destroy(executor->buffers[i]);
  executor->bounds = NULL;
  executor->buffers = NULL;
  executor->weights = NULL;
  executor->memory = (icn_memory_info){0};
}

/* Plans, uploads, binds and tests. *refused: the row that the device refuses, where that is why it fails: its kernel does not compile, or
 * needs more, once compiled, than the row reckoned with; or it computes wrongly, or has brought a process down. */
static icn_status plan_and_bind(icn_executor *executor, const icn_device_desc *desc, const icn_plan_request *request, icn_vetting *vetting,
                                const char **refused, icn_error *error) {
  icn_status status = ICN_OK;
  const bool own_kernels = executor->context->kernel_dir != NULL; /* somebody works on them and wants to see what is wrong */
  *refused = NULL;
  ICN_TRY(icn_plan_network(&executor->graph, desc, request, NULL, &executor->plan, error));
  ICN_TRY(icn_vetting_plan(vetting, refused, error));
  ICN_TRY(allocate_tables(executor, error));
  ICN_TRY(create_buffers(executor, error));
  for (size_t i = 0; i < executor->plan.step_count; i++) {
    icn_vetting_enter(vetting, (size_t)executor->plan.steps[i].layer);
    status = bind_step(executor, i, error);
    if (status == ICN_UNSUPPORTED || (status == ICN_BUILD && !own_kernels)) {
      *refused = executor->plan.layers[executor->plan.steps[i].layer].choice.row->name;
      if (status == ICN_BUILD) icn_vetting_refused(vetting, (size_t)executor->plan.steps[i].layer, error); /* others cost nothing */
    }
    if (status != ICN_OK) goto done;
  }
  ICN_TRY(icn_vetting_run(vetting, refused, error));
done:
  if (status == ICN_MISMATCH && own_kernels) *refused = NULL;
  return status;
}

/* As before the plan. */
static icn_status begin_anew(icn_executor *executor, const icn_graph *imported, icn_error *error) {
  release_launches_and_buffers(executor);
  icn_plan_fini(&executor->plan);
  return icn_graph_copy(imported, &executor->graph, error);
}

/* False when the list is full. */
static bool add_refused(icn_device_desc *desc, const char *row) {
  const size_t length = strlen(desc->refused_rows), more = strlen(row) + 2;
  if (length + more > sizeof desc->refused_rows) return false;
  char *to = desc->refused_rows + length;
  if (length > 0) *to++ = ',';
  memcpy(to, row, strlen(row) + 1);
  return true;
}

icn_status icn_exec_device_prepare(icn_executor *executor, const icn_executor_options *options, icn_error *error) {
  icn_status status = ICN_OK;
  icn_device_desc desc = *icn_runtime_desc(executor->runtime);
  const char *dropped = NULL; /* the last row that was refused, and why */
  icn_error refusal;
  icn_tunedb tuning;
  icn_vetting vetting;
  const icn_self_test self_test = options->self_test == ICN_SELF_TEST_DEFAULT ? executor->context->self_test : options->self_test;
  const icn_plan_request request = {.disabled_passes = options->disabled_passes,
                                    .forced_rows = options->forced_rows,
                                    .keep_values = executor->keep_values,
                                    .why = false,
                                    .tuning = &tuning,
                                    .precision = options->precision,
                                    .memory_limit = options->memory_limit};
  icn_graph imported; /* to plan it once more */
  icn_error_clear(&refusal);
  icn_graph_init(&imported, &executor->context->allocator);
  memset(&tuning, 0, sizeof tuning);
  icn_arena_init(&tuning.arena, &executor->context->allocator);
  ICN_TRY(icn_vetting_begin(&vetting, executor, self_test, error));
  ICN_TRY(icn_tuning_load(executor->context, &desc, true, &tuning, error));
  ICN_TRY(icn_graph_copy(&executor->graph, &imported, error));
  for (;;) {
    icn_error problem;
    const char *refused = NULL;
    icn_error_clear(&problem);
    status = plan_and_bind(executor, &desc, &request, &vetting, &refused, &problem);
    icn_exec_weights_settle(executor, status == ICN_OK); /* of a plan that is refused none are kept */
    if (status != ICN_OK && refused == NULL && icn_vetting_tries_again(&vetting)) {
      memcpy(desc.refused_rows, icn_runtime_desc(executor->runtime)->refused_rows, sizeof desc.refused_rows);
      dropped = NULL;
      ICN_TRY(begin_anew(executor, &imported, error));
      continue;
    }
    if (dropped != NULL && status == ICN_UNSUPPORTED && refused == NULL) { /* no plan without it */
      ICN_FAIL(refusal.status, "kernel row '%s': %.400s; no other kernel row takes its place", dropped, refusal.message);
    }
    if (dropped != NULL) {
      icn_log(&executor->context->logger, ICN_LOG_WARNING, "kernel row '%s' is not used on this device: %s", dropped, refusal.message);
    }
    vetting.succeeded = status == ICN_OK;
    if (status == ICN_OK) break;
    if (refused == NULL || !add_refused(&desc, refused)) ICN_FAIL(status, "%s", problem.message);
    dropped = refused;
    refusal = problem;
    ICN_TRY(begin_anew(executor, &imported, error));
  }
  ICN_TRY(icn_dispatch_create(executor->runtime, &executor->plan, options->schedule, bound_of, executor, &executor->dispatch, error));
  ICN_TRY(fill_layers(executor, error));
  ICN_TRY(fill_values(executor, error));
  ICN_TRY(icn_runtime_finish(executor->runtime, error));
  /* icn_executor_check_layer and icn_vetting_all read them. */
  if (!executor->keep_values && !executor->context->keep_constants) icn_graph_drop_constants(&executor->graph);
done:
  icn_graph_fini(&imported);
  icn_vetting_end(&vetting);
  icn_tunedb_fini(&tuning);
  return status;
}

void icn_exec_device_fini(icn_executor *executor) {
  if (executor->runtime == NULL) return;
  release_launches_and_buffers(executor);
  icn_runtime_destroy(executor->runtime);
  executor->runtime = NULL;
}

/* ----------------------------------------------------------- single layers */

uint64_t icn_exec_info_bytes(const icn_tensor_info *info) {
  uint64_t elems = 1;
  for (int k = 0; k < info->rank; k++) elems *= (uint64_t)info->dim[k];
  return elems * sizeof(float);
}

icn_status icn_exec_device_enqueue_layer(icn_executor *executor, size_t layer, icn_error *error) {
  icn_status status = ICN_OK;
  for (size_t i = 0; i < executor->plan.step_count; i++) {
    if (executor->plan.steps[i].layer != (int)layer) continue;
    ICN_TRY(icn_bound_enqueue(executor->runtime, bound_of(executor, i, 0), error));
  }
done:
  return status;
}

/* ------------------------------------------------------------------ values */

icn_status icn_exec_device_read_view(icn_executor *executor, const icn_place *place, const icn_view *view, float *data, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_allocator *allocator = &executor->context->allocator;
  const uint64_t bytes = (uint64_t)icn_view_extent(view) * sizeof(float);
  if (bytes == 0) return ICN_OK;
  float *stored = icn_allocate(allocator, (size_t)bytes);
  if (stored == NULL) return icn_error_memory(error, (size_t)bytes, "a value read from the device");
  ICN_TRY(icn_buffer_read(executor->runtime, executor->buffers[place->buffer],
                          first_byte(executor, place->buffer) + (uint64_t)place->offset * sizeof(float), bytes, stored, error));
  icn_view_gather(view, stored, data);
done:
  icn_release(allocator, stored);
  return status;
}

icn_status icn_exec_device_read(icn_executor *executor, const icn_exec_value *value, float *data, icn_error *error) {
  const icn_plan_value *source = &executor->plan.values[value->source];
  return icn_exec_device_read_view(executor, &source->place, &source->view, data, error);
}
