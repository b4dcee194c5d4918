/* What a plan takes of a device's memory, to the byte, before anything is allocated. Who allocates (host/) lays weights out by the same
 * functions. Pure. */
#ifndef ICN_LIB_PLAN_MEMORY_H
#define ICN_LIB_PLAN_MEMORY_H

#include "plan.h"

/* Slabs: the buffers that weights lie side by side in on a CPU device (host/weights.c says why). Each weight begins on a page. */
enum { ICN_SLAB_BYTES = 32 << 20, ICN_SLAB_ALIGNMENT = 4096 };
/* What a weight of so many bytes takes of a slab. */
uint64_t icn_weight_room(uint64_t bytes);
/* True where the weights of a plan for the device lie in slabs. */
bool icn_weights_in_slabs(const icn_device_desc *device);
bool icn_buffer_is_weight(const icn_plan_buffer *buffer);
/* The bytes of a slab that begins with the weight in buffer `index` of the plan: as many of those that follow as ICN_SLAB_BYTES and the
 * device's largest allocation have room for, so that no slab has an end that nothing lies in. */
uint64_t icn_plan_slab_bytes(const icn_plan *plan, size_t index, const icn_device_desc *device);

/* Everything that an executor of the plan has allocated while it lives, which is also its peak: nothing is allocated for a moment only. Of
 * weights that are bit for bit the same one is allocated, also where another executor of the model has it: then it is less. */
typedef struct icn_plan_memory {
  uint64_t peak_bytes; /* all that follows together, arena_bound_bytes and scratch_bytes left out */
  uint64_t arena_bytes, arena_bound_bytes;
  uint64_t scratch_bytes; /* of the arena: the most that the launches of one layer hand to each other */
  uint64_t weight_bytes;  /* as the rows pack them, constants and zeros included */
  uint64_t padding_bytes; /* between weights */
  uint64_t input_bytes, output_bytes;
  uint64_t library_bytes; /* CLBlast's own */
} icn_plan_memory;

icn_plan_memory icn_plan_memory_of(const icn_plan *plan, const icn_device_desc *device);

#endif
