/* Weights on devices, shared between the executors of one model.
 *
 * On a CPU device all weights of a model lie in slabs, buffers of up to 32 MiB, or of one weight that is larger. The memory behind a buffer
 * begins with bytes of the C library's, so that a large page (2 MiB) over the beginning of each weight would be out of reach for buffers of
 * their own: most are smaller than that. Elsewhere each weight is a buffer. One executor may write its weights to a slab that another one
 * reads others from, by a queue of its own: the bytes are disjoint, and on a CPU memory is memory. */

#include <string.h>

#include "model.h"
#include "plan_memory.h"
#include "runtime_cl.h"

struct icn_slab {
  icn_slab *next;
  icn_buffer *buffer;
  const icn_share *share; /* buffers belong to a cl_context */
  uint64_t bytes, used;
  size_t weights; /* that lie in it: it goes with the last one */
};

struct icn_weight {
  icn_weight *next;
  icn_buffer *buffer; /* its own, or the slab's */
  icn_slab *slab;
  uint64_t offset; /* bytes into the buffer */
  const icn_share *share;
  icn_weight_hash hash;
  uint64_t bytes;
  size_t references;
};

/* A slab with room for `bytes`, the first one or a new one. */
static icn_status find_slab(icn_model *model, icn_runtime *runtime, uint64_t bytes, uint64_t coming, icn_slab **result, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_allocator *allocator = &model->context->allocator;
  icn_slab *slab = model->slabs;
  while (slab != NULL && (slab->share != runtime->share || slab->bytes - slab->used < bytes)) slab = slab->next;
  *result = slab;
  if (slab != NULL) return ICN_OK;
  slab = icn_allocate_array(allocator, 1, sizeof *slab);
  if (slab == NULL) ICN_TRY(icn_error_memory(error, sizeof *slab, "a buffer of weights"));
  const uint64_t wanted = coming < ICN_SLAB_BYTES ? coming : ICN_SLAB_BYTES;
  slab->bytes = wanted > bytes ? wanted : bytes;
  slab->share = runtime->share;
  if (slab->bytes > icn_runtime_desc(runtime)->max_allocation_bytes) slab->bytes = bytes;
  ICN_TRY(icn_buffer_create(runtime, slab->bytes, NULL, &slab->buffer, error));
  slab->next = model->slabs;
  model->slabs = *result = slab;
  return ICN_OK;
done:
  icn_release(allocator, slab);
  return status;
}

static void release_slab(icn_model *model, icn_slab *slab) {
  if (slab->weights > 0) return;
  icn_slab **link = &model->slabs;
  while (*link != slab) link = &(*link)->next;
  *link = slab->next;
  icn_buffer_destroy(slab->buffer);
  icn_release(&model->context->allocator, slab);
}

/* Finds room for the weight and copies it there. */
static icn_status upload(icn_model *model, icn_runtime *runtime, const void *data, uint64_t coming, icn_weight *weight, icn_error *error) {
  icn_status status = ICN_OK;
  icn_slab *slab = NULL;
  if (!icn_weights_in_slabs(icn_runtime_desc(runtime))) return icn_buffer_create(runtime, weight->bytes, data, &weight->buffer, error);
  ICN_TRY(find_slab(model, runtime, icn_weight_room(weight->bytes), coming, &slab, error));
  ICN_TRY(icn_buffer_write(runtime, slab->buffer, slab->used, weight->bytes, data, error));
  weight->slab = slab;
  weight->buffer = slab->buffer;
  weight->offset = slab->used;
  slab->used += icn_weight_room(weight->bytes);
  slab->weights++;
done:
  if (status != ICN_OK && slab != NULL) release_slab(model, slab);
  return status;
}

icn_status icn_weight_acquire(icn_model *model, icn_runtime *runtime, const void *data, uint64_t bytes, const icn_weight_hash *hash,
                              uint64_t coming, icn_weight **result, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_allocator *allocator = &model->context->allocator;
  icn_weight *weight = NULL;
  *result = NULL;
  icn_mutex_lock(model->mutex); /* held over the upload, so that two threads do not upload the same */
  for (weight = model->weights; weight != NULL; weight = weight->next) {
    if (weight->share == runtime->share && weight->bytes == bytes && icn_weight_hash_equal(&weight->hash, hash)) break;
  }
  if (weight == NULL) {
    weight = icn_allocate_array(allocator, 1, sizeof *weight);
    if (weight == NULL) ICN_TRY(icn_error_memory(error, sizeof *weight, "a buffer of weights"));
    weight->share = runtime->share;
    weight->hash = *hash;
    weight->bytes = bytes;
    ICN_TRY(upload(model, runtime, data, coming, weight, error));
    weight->next = model->weights;
    model->weights = weight;
  }
  weight->references++;
  *result = weight;
done:
  if (status != ICN_OK) icn_release(allocator, weight);
  icn_mutex_unlock(model->mutex);
  return status;
}

void icn_weight_release(icn_model *model, icn_weight *weight) {
  if (weight == NULL) return;
  icn_mutex_lock(model->mutex);
  bool last = --weight->references == 0;
  if (last) {
    icn_weight **link = &model->weights;
    while (*link != weight) link = &(*link)->next;
    *link = weight->next;
    if (weight->slab != NULL) {
      weight->slab->weights--;
      release_slab(model, weight->slab);
    } else {
      icn_buffer_destroy(weight->buffer);
    }
  }
  icn_mutex_unlock(model->mutex);
  if (last) icn_release(&model->context->allocator, weight);
}

icn_buffer *icn_weight_buffer(const icn_weight *weight) { return weight->buffer; }
uint64_t icn_weight_offset(const icn_weight *weight) { return weight->offset; }

uint64_t icn_model_weight_bytes(icn_model *model) {
  uint64_t bytes = 0;
  icn_mutex_lock(model->mutex);
  for (const icn_weight *weight = model->weights; weight != NULL; weight = weight->next) bytes += weight->bytes;
  icn_mutex_unlock(model->mutex);
  return bytes;
}
