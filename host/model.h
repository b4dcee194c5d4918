/* A loaded model: its file, its source, and the weights that its executors share. */
#ifndef ICN_HOST_MODEL_H
#define ICN_HOST_MODEL_H

#include "context.h"
#include "runtime.h"
#include "source.h"
#include "weight_file.h"

typedef struct icn_weight icn_weight; /* weights on a device: a buffer, or a place in one; reference-counted */
typedef struct icn_slab icn_slab;     /* a buffer that many weights lie in */
typedef struct icn_model_file icn_model_file;

struct icn_model {
  icn_context *context;
  icn_arena arena; /* infos, external files */
  char *path;      /* a built-in network's name; NULL: from memory */
  bool is_builtin;
  icn_mapping mapping;   /* the model, or a built-in network's weights */
  icn_model_file *files; /* external data */
  icn_source source;
  icn_tensor_info *inputs;
  icn_mutex *mutex; /* guards the weights and slabs */
  icn_weight *weights;
  icn_slab *slabs;
};

/* The model's own recipe, with all of our fields; `origin` is set in any case. Fails: ICN_FORMAT. */
icn_status icn_model_recipe(const icn_model *model, icn_preprocess *recipe, icn_recipe_origin *origin, icn_error *error);

/* Exactly these bytes on the runtime's device: found among the model's (weights of another executor), or uploaded. Weights are known by
 * the hash of their packed bytes, so sharing can never be wrong. Release each one that was acquired. `coming`: the room, by
 * icn_weight_room, of the weights that the caller is about to acquire and that are to lie in one buffer with these, these included: on a
 * CPU device they lie side by side in few buffers (host/weights.c says why, lib/plan_memory.h how many bytes that comes to). */
icn_status icn_weight_acquire(icn_model *model, icn_runtime *runtime, const void *data, uint64_t bytes, const icn_weight_hash *hash,
                              uint64_t coming, icn_weight **weight, icn_error *error);
void icn_weight_release(icn_model *model, icn_weight *weight);
icn_buffer *icn_weight_buffer(const icn_weight *weight);
uint64_t icn_weight_offset(const icn_weight *weight); /* bytes into the buffer */
/* The model's files were read through for now. */
void icn_model_forget_pages(const icn_model *model);
/* Bytes of all weights on devices, each once. */
uint64_t icn_model_weight_bytes(icn_model *model);

#endif
