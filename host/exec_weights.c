/* The weights of a plan: packed by its rows or, where that was done before, read from the cache; then on the device. */

#include <stdio.h>
#include <string.h>

#include "executor.h"
#include "weight_cache.h"
#include "weight_key.h"

/* ----------------------------------------------------------------- packing */

static void fill_constant(const icn_graph *graph, int value, void *data) {
  const icn_value *constant = &graph->values[value];
  const int64_t elems = icn_shape_elems(&constant->shape);
  if (icn_is_resample_index(graph, value)) {
    for (int64_t i = 0; i < elems; i++) ((int32_t *)data)[i] = (int32_t)icn_const_i64(constant, i);
  } else {
    icn_const_copy_f32(constant, elems, data);
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

/* NEW (context's allocator): buffer `index` of the plan as the device gets it, perhaps with more behind it. */
static icn_status pack(const icn_executor *executor, size_t index, void **result, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_plan_buffer *wanted = &executor->plan.buffers[index];
  const icn_allocator *allocator = &executor->context->allocator;
  const uint64_t packing = packing_bytes(executor, wanted), room = packing > wanted->bytes ? packing : wanted->bytes;
  *result = NULL;
  if (room > SIZE_MAX / 2)
    return icn_error_set(error, ICN_NO_MEMORY, "out of memory: %llu bytes for packing weights are more than this process can address",
                         (unsigned long long)room);
  void *data = icn_allocate_array(allocator, 1, (size_t)room); /* cleared: rows leave their padding to us */
  if (data == NULL) return icn_error_memory(error, (size_t)room, "packing weights");
  if (wanted->kind == ICN_BUFFER_CONSTANT) fill_constant(&executor->graph, wanted->value, data);
  if (wanted->kind == ICN_BUFFER_PACKED) ICN_TRY(fill_packed(executor, wanted->index, data, error));
  *result = data;
  return ICN_OK;
done:
  icn_release(allocator, data);
  return status;
}

/* --------------------------------------------------------------- uploading */

/* Weights of a plan: their lengths in its order, and the bytes of all. */
typedef struct weight_list {
  uint64_t *bytes;
  size_t count;
  uint64_t all;
} weight_list;

static icn_status list_weights(const icn_executor *executor, weight_list *list, icn_error *error) {
  const icn_plan *plan = &executor->plan;
  *list = (weight_list){NULL, 0, 0};
  list->bytes = icn_allocate_array(&executor->context->allocator, plan->buffer_count + 1, sizeof *list->bytes);
  if (list->bytes == NULL) return icn_error_memory(error, plan->buffer_count * sizeof *list->bytes, "the list of weights");
  for (size_t i = 0; i < plan->buffer_count; i++) {
    if (!icn_buffer_is_weight(&plan->buffers[i])) continue;
    list->bytes[list->count++] = plan->buffers[i].bytes;
    list->all += plan->buffers[i].bytes;
  }
  return ICN_OK;
}

/* Buffer `index` of the plan on the device. `coming`: the room of it and of all weights behind it. */
static icn_status upload(icn_executor *executor, size_t index, const void *data, const icn_weight_hash *hash, uint64_t coming,
                         icn_error *error) {
  icn_status status = ICN_OK;
  const uint64_t bytes = executor->plan.buffers[index].bytes;
  ICN_TRY(icn_weight_acquire(executor->model, executor->runtime, data, bytes, hash, coming, &executor->weights[index], error));
  executor->buffers[index] = icn_weight_buffer(executor->weights[index]);
  executor->memory.weight_bytes += bytes;
done:
  return status;
}

/* Packs buffer `index`, gives it to the entry (where there is one) and to the device. */
static icn_status pack_and_upload(icn_executor *executor, size_t index, icn_weight_entry *entry, uint64_t coming, icn_error *error) {
  icn_status status = ICN_OK;
  void *data = NULL;
  ICN_TRY(pack(executor, index, &data, error));
  const icn_weight_hash hash = icn_weight_hash_of(data, executor->plan.buffers[index].bytes);
  if (entry != NULL) icn_weight_entry_write(entry, data, &hash);
  ICN_TRY(upload(executor, index, data, &hash, coming, error));
done:
  icn_release(&executor->context->allocator, data);
  return status;
}

/* *damaged: a weight of the entry is not what it was; those before it are on the device. */
static icn_status upload_all(icn_executor *executor, icn_weight_entry *entry, bool *damaged, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_plan *plan = &executor->plan;
  const bool reads = entry != NULL && icn_weight_entry_has(entry);
  size_t number = 0;
  *damaged = false;
  for (size_t i = 0; i < plan->buffer_count; i++) {
    if (!icn_buffer_is_weight(&plan->buffers[i])) continue;
    const uint64_t coming = icn_plan_slab_bytes(plan, i, icn_runtime_desc(executor->runtime));
    if (reads) {
      icn_weight_hash hash;
      const void *data = icn_weight_entry_read(entry, number++, &hash);
      *damaged = data == NULL;
      if (*damaged) return ICN_OK;
      ICN_TRY(upload(executor, i, data, &hash, coming, error));
    } else {
      ICN_TRY(pack_and_upload(executor, i, entry, coming, error));
    }
  }
done:
  return status;
}

void icn_exec_weights_release(icn_executor *executor) {
  for (size_t i = 0; executor->weights != NULL && i < executor->plan.buffer_count; i++) {
    if (executor->weights[i] == NULL) continue;
    icn_weight_release(executor->model, executor->weights[i]);
    executor->weights[i] = NULL;
    executor->buffers[i] = NULL;
  }
  executor->memory.weight_bytes = 0;
}

/* ------------------------------------------------------------------- cache */

/* "inception_v3.onnx on 'NAME'": the model's file without its folder. */
static void describe(const icn_executor *executor, char subject[ICN_WEIGHT_FILE_SUBJECT_BYTES]) {
  const char *name = executor->model->path == NULL ? "a model from memory" : executor->model->path;
  for (const char *c = name; *c != '\0'; c++)
    if (*c == '/' || *c == '\\') name = c + 1;
  snprintf(subject, ICN_WEIGHT_FILE_SUBJECT_BYTES, "%.60s on '%.100s'", name, icn_runtime_desc(executor->runtime)->name);
}

static icn_weight_entry *open_entry(const icn_executor *executor, const weight_list *list, bool anew) {
  char subject[ICN_WEIGHT_FILE_SUBJECT_BYTES];
  if (!icn_weight_cache_wanted(executor->context, list->all)) return NULL;
  const icn_cache_key key = icn_weight_key(executor);
  describe(executor, subject);
  return icn_weight_cache_open(executor->context, &key, list->bytes, list->count, subject, anew);
}

/* An entry that was written, NULL where the model is not the one any more that the key was made for: somebody wrote to its file in between,
 * and the entry would be taken for the weights of the older file for ever. */
static icn_weight_entry *keep_if_unchanged(const icn_executor *executor, icn_weight_entry *entry) {
  if (entry == NULL || icn_weight_entry_has(entry)) return entry;
  const icn_cache_key key = icn_weight_key(executor);
  if (icn_weight_entry_is_of(entry, &key)) return entry;
  icn_log(&executor->context->logger, ICN_LOG_WARNING,
          "weight cache: the model changed while it was read; its packed weights are not kept, and this executor may have part of both");
  icn_weight_entry_close(entry, false);
  return NULL;
}

icn_status icn_exec_weights_upload(icn_executor *executor, icn_error *error) {
  icn_status status = ICN_OK;
  weight_list list;
  bool damaged = false;
  const double start = icn_os_seconds();
  ICN_TRY(list_weights(executor, &list, error));
  icn_weight_entry *entry = open_entry(executor, &list, false);
  bool reads = entry != NULL && icn_weight_entry_has(entry);
  status = upload_all(executor, entry, &damaged, error);
  if (status == ICN_OK && damaged) { /* as if there had been no entry */
    icn_weight_entry_close(entry, false);
    icn_exec_weights_release(executor);
    reads = false;
    entry = open_entry(executor, &list, true);
    status = upload_all(executor, entry, &damaged, error);
  }
  executor->kept = status == ICN_OK ? keep_if_unchanged(executor, entry) : entry;
  icn_model_forget_pages(executor->model);
  if (status == ICN_OK)
    icn_log(&executor->context->logger, ICN_LOG_DEBUG, "weights: %zu, %.1f MiB, %s in %.3f s", list.count, (double)list.all / 1048576.0,
            reads ? "from the cache" : "packed", icn_os_seconds() - start);
done:
  icn_release(&executor->context->allocator, list.bytes);
  return status;
}

void icn_exec_weights_settle(icn_executor *executor, bool keep) {
  icn_weight_entry_close(executor->kept, keep);
  executor->kept = NULL;
}
