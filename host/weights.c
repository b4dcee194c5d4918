/* Weights on devices, shared between the executors of one model. */

#include <string.h>

#include "model.h"
#include "runtime_cl.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

struct icn_weight {
  icn_weight *next;
  icn_buffer *buffer;
  const icn_share *share; /* buffers belong to a cl_context */
  XXH128_hash_t hash;
  uint64_t bytes;
  size_t references;
};

icn_status icn_weight_acquire(icn_model *model, icn_runtime *runtime, const void *data, uint64_t bytes, icn_weight **result,
                              icn_error *error) {
  icn_status status = ICN_OK;
  const icn_allocator *allocator = &model->context->allocator;
  icn_weight *weight = NULL;
  const XXH128_hash_t hash = XXH3_128bits(data, (size_t)bytes);
  *result = NULL;
  icn_mutex_lock(model->mutex); /* held over the upload, so that two threads do not upload the same */
  for (weight = model->weights; weight != NULL; weight = weight->next) {
    if (weight->share == runtime->share && weight->bytes == bytes && XXH128_isEqual(weight->hash, hash)) break;
  }
  if (weight == NULL) {
    weight = icn_allocate_array(allocator, 1, sizeof *weight);
    if (weight == NULL) ICN_TRY(icn_error_memory(error, sizeof *weight, "a buffer of weights"));
    ICN_TRY(icn_buffer_create(runtime, bytes, data, &weight->buffer, error));
    weight->share = runtime->share;
    weight->hash = hash;
    weight->bytes = bytes;
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
  }
  icn_mutex_unlock(model->mutex);
  if (!last) return;
  icn_buffer_destroy(weight->buffer);
  icn_release(&model->context->allocator, weight);
}

icn_buffer *icn_weight_buffer(const icn_weight *weight) { return weight->buffer; }

uint64_t icn_model_weight_bytes(icn_model *model) {
  uint64_t bytes = 0;
  icn_mutex_lock(model->mutex);
  for (const icn_weight *weight = model->weights; weight != NULL; weight = weight->next) bytes += weight->bytes;
  icn_mutex_unlock(model->mutex);
  return bytes;
}
