/* A plan on an OpenCL device: uploads, bound launches, runs, reading values back. */

#include <stdio.h>
#include <string.h>

#include "executor.h"
#include "passes.h"
#include "quirks.h"
#include "slice.h"
#include "tune_file.h"

/* ----------------------------------------------------------------- weights */

/* RESAMPLE reads its index (input 1) as int32; everything else reads floats. */
static bool is_resample_index(const icn_graph *graph, int value) {
  for (size_t i = 0; i < graph->node_count; i++) {
    const icn_node *node = &graph->nodes[i];
    if (node->op == ICN_OP_RESAMPLE && node->input_count > 1 && node->inputs[1] == value) return true;
  }
  return false;
}

static void fill_constant(const icn_graph *graph, int value, void *data) {
  const icn_value *constant = &graph->values[value];
  const int64_t elems = icn_shape_elems(&constant->shape);
  if (is_resample_index(graph, value)) {
    for (int64_t i = 0; i < elems; i++) ((int32_t *)data)[i] = (int32_t)icn_const_i64(constant, i);
  } else {
    for (int64_t i = 0; i < elems; i++) ((float *)data)[i] = icn_const_f32(constant, i);
  }
}

/* Constant `input` of a layer of two nodes, one behind the other. */
static icn_status join_constant(const icn_executor *executor, const icn_plan_layer *layer, int input, float **joined, icn_error *error) {
  const size_t elems = (size_t)icn_plan_constant_elems(&executor->graph, layer, input);
  *joined = icn_allocate_array(&executor->context->allocator, elems, sizeof **joined);
  if (*joined == NULL) return icn_error_memory(error, elems * sizeof **joined, "packing weights");
  icn_plan_constant(&executor->graph, layer, input, *joined);
  return ICN_OK;
}

/* What layer `index` needs, as its row packs it. */
static icn_status fill_packed(const icn_executor *executor, int index, float *packed, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_plan_layer *layer = &executor->plan.layers[index];
  const icn_node *node = &executor->graph.nodes[layer->node];
  const icn_value *constants[ICN_MAX_INPUTS] = {NULL};
  icn_value values[ICN_MAX_INPUTS];
  float *joined[ICN_MAX_INPUTS] = {NULL};
  for (int i = 0; i < node->input_count && i < ICN_MAX_INPUTS; i++) {
    if (!icn_problem_is_constant(&layer->problem, i)) continue;
    constants[i] = &executor->graph.values[node->inputs[i]];
    if (layer->beside < 0) continue;
    ICN_TRY(join_constant(executor, layer, i, &joined[i], error));
    values[i] = (icn_value){.name = layer->name, .shape = layer->problem.in[i].shape, .dtype = ICN_F32, .producer = -1, .data = joined[i]};
    constants[i] = &values[i];
  }
  icn_row_pack(layer->choice.row, &layer->problem, &layer->choice.config, constants, packed);
done:
  for (int i = 0; i < ICN_MAX_INPUTS; i++) icn_release(&executor->context->allocator, joined[i]);
  return status;
}

/* Rows pack floats, also where the device gets halves. */
static uint64_t packing_bytes(const icn_executor *executor, const icn_plan_buffer *buffer) {
  if (buffer->kind != ICN_BUFFER_PACKED) return 0;
  const icn_plan_layer *layer = &executor->plan.layers[buffer->index];
  return icn_row_pack_room(layer->choice.row, &layer->problem, &layer->choice.config) * sizeof(float);
}

static bool is_weight(const icn_plan_buffer *buffer) {
  return buffer->kind == ICN_BUFFER_CONSTANT || buffer->kind == ICN_BUFFER_PACKED || buffer->kind == ICN_BUFFER_ZEROS;
}

/* Room for the weights from buffer `index` of the plan on. */
static uint64_t weights_coming(const icn_plan *plan, size_t index) {
  uint64_t bytes = 0;
  for (size_t i = index; i < plan->buffer_count; i++) bytes += is_weight(&plan->buffers[i]) ? icn_weight_room(plan->buffers[i].bytes) : 0;
  return bytes;
}

static icn_status upload(icn_executor *executor, size_t index, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_plan_buffer *wanted = &executor->plan.buffers[index];
  const icn_allocator *allocator = &executor->context->allocator;
  const uint64_t packing = packing_bytes(executor, wanted), room = packing > wanted->bytes ? packing : wanted->bytes;
  if (room > SIZE_MAX / 2)
    return icn_error_set(error, ICN_NO_MEMORY, "out of memory: %llu bytes for packing weights are more than this process can address",
                         (unsigned long long)room);
  void *data = icn_allocate_array(allocator, 1, (size_t)room); /* cleared: rows leave their padding to us */
  if (data == NULL) return icn_error_memory(error, (size_t)room, "packing weights");
  if (wanted->kind == ICN_BUFFER_CONSTANT) fill_constant(&executor->graph, wanted->value, data);
  if (wanted->kind == ICN_BUFFER_PACKED) ICN_TRY(fill_packed(executor, wanted->index, data, error));
  ICN_TRY(icn_weight_acquire(executor->model, executor->runtime, data, wanted->bytes, weights_coming(&executor->plan, index),
                             &executor->weights[index], error));
  executor->buffers[index] = icn_weight_buffer(executor->weights[index]);
  executor->memory.weight_bytes += wanted->bytes;
done:
  icn_release(allocator, data);
  return status;
}

static icn_status create_buffers(icn_executor *executor, icn_error *error) {
  icn_status status = ICN_OK;
  for (size_t i = 0; i < executor->plan.buffer_count; i++) {
    const icn_plan_buffer *wanted = &executor->plan.buffers[i];
    switch (wanted->kind) {
      case ICN_BUFFER_CONSTANT:
      case ICN_BUFFER_PACKED:
      case ICN_BUFFER_ZEROS:
        ICN_TRY(upload(executor, i, error));
        continue;
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

static icn_bound *bound_of(const icn_executor *executor, size_t step, int slice) {
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
  executor->wanted = icn_arena_array(arena, executor->graph.output_count, sizeof *executor->wanted);
  if (executor->buffers == NULL || executor->weights == NULL || executor->bounds == NULL || executor->input_buffers == NULL ||
      executor->output_buffers == NULL || executor->wanted == NULL) {
    return icn_error_memory(error, (2 * plan->buffer_count + bound_count(plan)) * sizeof(void *), "the executor's tables");
  }
  for (size_t i = 0; i < executor->graph.input_count; i++) executor->input_buffers[i] = -1;
  for (size_t i = 0; i < executor->graph.output_count; i++) executor->output_buffers[i] = -1;
  return ICN_OK;
}

static void release_launches_and_buffers(icn_executor *executor) {
  (void)icn_runtime_finish(executor->runtime, NULL);
  for (size_t i = 0; executor->bounds != NULL && i < bound_count(&executor->plan); i++) icn_bound_destroy(executor->bounds[i]);
  for (size_t i = 0; executor->buffers != NULL && executor->weights != NULL && i < executor->plan.buffer_count; i++) {
    if (executor->weights[i] != NULL) {
      icn_weight_release(executor->model, executor->weights[i]);
    } else {
      icn_buffer_destroy(executor->buffers[i]);
    }
  }
  executor->bounds = NULL;
  executor->buffers = NULL;
  executor->weights = NULL;
  executor->memory = (icn_memory_info){0};
}

/* Plans, uploads and binds. *refused: the row that the device refuses, where that is why it fails: its kernel does not compile, or needs
 * more, once compiled, than the row reckoned with. */
static icn_status plan_and_bind(icn_executor *executor, const icn_device_desc *desc, const icn_plan_request *request, const char **refused,
                                icn_error *error) {
  icn_status status = ICN_OK;
  const bool own_kernels = executor->context->kernel_dir != NULL; /* somebody works on them and wants to see what is wrong */
  *refused = NULL;
  ICN_TRY(icn_plan_make(&executor->graph, desc, request, &executor->plan, error));
  ICN_TRY(allocate_tables(executor, error));
  ICN_TRY(create_buffers(executor, error));
  for (size_t i = 0; i < executor->plan.step_count; i++) {
    status = bind_step(executor, i, error);
    if (status == ICN_UNSUPPORTED || (status == ICN_BUILD && !own_kernels))
      *refused = executor->plan.layers[executor->plan.steps[i].layer].choice.row->name;
    if (status != ICN_OK) goto done;
  }
done:
  return status;
}

/* False when the list is full. */
static bool add_refused(icn_device_desc *desc, const char *row) {
  const size_t length = strlen(desc->refused_rows), more = strlen(row) + 2;
  if (length + more > sizeof desc->refused_rows) return false;
  snprintf(desc->refused_rows + length, sizeof desc->refused_rows - length, "%s%s", length == 0 ? "" : ",", row);
  return true;
}

icn_status icn_exec_device_prepare(icn_executor *executor, const icn_executor_options *options, icn_error *error) {
  icn_status status = ICN_OK;
  icn_device_desc desc = *icn_runtime_desc(executor->runtime);
  const char *dropped = NULL; /* the last row that was refused, and why */
  icn_error refusal;
  icn_tunedb tuning;
  const icn_plan_request request = {.disabled_passes = options->disabled_passes,
                                    .forced_rows = options->forced_rows,
                                    .keep_values = executor->keep_values,
                                    .why = false,
                                    .tuning = &tuning,
                                    .precision = options->precision};
  icn_error_clear(&refusal);
  memset(&tuning, 0, sizeof tuning);
  icn_arena_init(&tuning.arena, &executor->context->allocator);
  ICN_TRY(icn_tuning_load(executor->context, &desc, true, &tuning, error));
  ICN_TRY(icn_passes_run(&executor->graph, options->disabled_passes, NULL, error));
  if (!executor->keep_values) ICN_TRY(icn_slice_batch(&executor->graph, &desc, options->disabled_passes, error));
  for (;;) {
    icn_error problem;
    const char *refused = NULL;
    icn_error_clear(&problem);
    status = plan_and_bind(executor, &desc, &request, &refused, &problem);
    if (dropped != NULL && status == ICN_UNSUPPORTED && refused == NULL) { /* no plan without it */
      ICN_FAIL(refusal.status, "%s; no other kernel row takes its place", refusal.message);
    }
    if (dropped != NULL) {
      icn_log(&executor->context->logger, ICN_LOG_WARNING, "kernel row '%s' is not used on this device: %s", dropped, refusal.message);
    }
    if (status == ICN_OK) break;
    if (refused == NULL || !add_refused(&desc, refused)) ICN_FAIL(status, "%s", problem.message);
    dropped = refused;
    refusal = problem;
    release_launches_and_buffers(executor);
    icn_plan_fini(&executor->plan);
  }
  ICN_TRY(fill_layers(executor, error));
  ICN_TRY(fill_values(executor, error));
  ICN_TRY(icn_runtime_finish(executor->runtime, error));
done:
  icn_tunedb_fini(&tuning);
  return status;
}

void icn_exec_device_fini(icn_executor *executor) {
  if (executor->runtime == NULL) return;
  release_launches_and_buffers(executor);
  icn_runtime_destroy(executor->runtime);
  executor->runtime = NULL;
}

/* --------------------------------------------------------------------- run */

uint64_t icn_exec_info_bytes(const icn_tensor_info *info) {
  uint64_t elems = 1;
  for (int k = 0; k < info->rank; k++) elems *= (uint64_t)info->dim[k];
  return elems * sizeof(float);
}

/* Steps [begin, end) for one slice. *enqueued counts the launches of a run. */
static icn_status enqueue_steps(icn_executor *executor, size_t begin, size_t end, int slice, size_t *enqueued, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_quirk *quirk = icn_quirk_of(icn_runtime_desc(executor->runtime), ICN_AVOID_LONG_QUEUES);
  for (size_t i = begin; i < end; i++) {
    ICN_TRY(icn_bound_enqueue(executor->runtime, bound_of(executor, i, slice), error));
    if (quirk != NULL && ++*enqueued % quirk->number == 0) ICN_TRY(icn_runtime_flush(executor->runtime, error));
  }
done:
  return status;
}

icn_status icn_exec_device_enqueue(icn_executor *executor, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_plan *plan = &executor->plan;
  size_t enqueued = 0;
  ICN_TRY(enqueue_steps(executor, 0, plan->sliced_begin, 0, &enqueued, error));
  for (int slice = 0; slice < plan->slices && plan->slices > 1; slice++)
    ICN_TRY(enqueue_steps(executor, plan->sliced_begin, plan->sliced_end, slice, &enqueued, error));
  ICN_TRY(enqueue_steps(executor, plan->sliced_end, plan->step_count, 0, &enqueued, error));
done:
  return status;
}

static icn_status enqueue_run(icn_executor *executor, const float *const *inputs, icn_error *error) {
  icn_status status = ICN_OK;
  icn_runtime *runtime = executor->runtime;
  for (size_t i = 0; i < executor->graph.input_count; i++) {
    const int buffer = executor->input_buffers[i];
    if (buffer < 0) continue; /* nothing reads it */
    ICN_TRY(icn_buffer_write(runtime, executor->buffers[buffer], 0, icn_exec_info_bytes(&executor->inputs[i]), inputs[i], error));
  }
  ICN_TRY(icn_exec_device_enqueue(executor, error));
  ICN_TRY(icn_runtime_flush(runtime, error));
done:
  return status;
}

/* The caller's memory is only touched by calls that block: whatever fails, nothing in the queue refers to it afterwards. */
icn_status icn_exec_device_submit(icn_executor *executor, const float *const *inputs, float *const *outputs, icn_error *error) {
  icn_status status = ICN_OK;
  for (size_t i = 0; i < executor->graph.output_count; i++) {
    ICN_REQUIRE(outputs[i] == NULL || executor->output_buffers[i] >= 0, ICN_UNSUPPORTED, "the plan does not write output '%s'",
                executor->outputs[i].name);
    executor->wanted[i] = outputs[i];
  }
  status = enqueue_run(executor, inputs, error);
  if (status != ICN_OK) (void)icn_runtime_finish(executor->runtime, NULL);
done:
  return status;
}

static icn_status read_outputs(icn_executor *executor, icn_error *error) {
  icn_status status = ICN_OK;
  for (size_t i = 0; i < executor->graph.output_count; i++) {
    if (executor->wanted[i] == NULL) continue;
    ICN_TRY(icn_buffer_read(executor->runtime, executor->buffers[executor->output_buffers[i]], 0,
                            icn_exec_info_bytes(&executor->outputs[i]), executor->wanted[i], error));
  }
done:
  return status;
}

icn_status icn_exec_device_wait(icn_executor *executor, icn_error *error) {
  icn_status status = read_outputs(executor, error);
  const icn_status finished = icn_runtime_finish(executor->runtime, status == ICN_OK ? error : NULL);
  if (status == ICN_OK) status = finished;
  if (status != ICN_OK || !executor->profile) return status;
  for (size_t i = 0; i < executor->layer_count; i++) executor->layers[i].seconds = 0;
  for (size_t i = 0; i < bound_count(&executor->plan); i++) {
    if (executor->bounds[i] == NULL) continue;
    const icn_plan_step *step = &executor->plan.steps[i / (size_t)executor->plan.slices];
    executor->layers[step->layer].seconds += icn_bound_seconds(executor->runtime, executor->bounds[i]);
  }
  return ICN_OK;
}

/* ------------------------------------------------------------------ values */

void icn_exec_gather(const icn_view *view, const float *base, float *data) {
  const int rank = view->shape.rank;
  const int64_t elems = icn_shape_elems(&view->shape);
  int64_t index[ICN_MAX_RANK] = {0}, at = view->offset;
  for (int64_t i = 0; i < elems; i++) {
    data[i] = base[at];
    for (int k = rank - 1; k >= 0; k--) {
      at += view->stride[k];
      if (++index[k] < view->shape.dim[k]) break;
      at -= view->stride[k] * view->shape.dim[k];
      index[k] = 0;
    }
  }
}

icn_status icn_exec_device_read_view(icn_executor *executor, const icn_place *place, const icn_view *view, float *data, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_allocator *allocator = &executor->context->allocator;
  const uint64_t bytes = (uint64_t)icn_view_extent(view) * sizeof(float);
  if (bytes == 0) return ICN_OK;
  float *stored = icn_allocate(allocator, (size_t)bytes);
  if (stored == NULL) return icn_error_memory(error, (size_t)bytes, "a value read from the device");
  ICN_TRY(icn_buffer_read(executor->runtime, executor->buffers[place->buffer],
                          first_byte(executor, place->buffer) + (uint64_t)place->offset * sizeof(float), bytes, stored, error));
  icn_exec_gather(view, stored, data);
done:
  icn_release(allocator, stored);
  return status;
}

icn_status icn_exec_device_read(icn_executor *executor, const icn_exec_value *value, float *data, icn_error *error) {
  const icn_plan_value *source = &executor->plan.values[value->source];
  return icn_exec_device_read_view(executor, &source->place, &source->view, data, error);
}
