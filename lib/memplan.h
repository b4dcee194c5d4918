/* Where each piece of the arena lies: pieces that are alive at the same step do not overlap. Pure. */
#ifndef ICN_LIB_MEMPLAN_H
#define ICN_LIB_MEMPLAN_H

#include "base.h"

enum { ICN_ARENA_ALIGNMENT = 256 }; /* bytes; every device's base alignment is less */

static inline uint64_t icn_arena_aligned(uint64_t bytes) {
  return (bytes + ICN_ARENA_ALIGNMENT - 1) / ICN_ARENA_ALIGNMENT * ICN_ARENA_ALIGNMENT;
}

typedef struct icn_memory_piece {
  uint64_t bytes;
  int first, last;       /* steps at which it is alive, both included; first < 0: never used */
  uint64_t offset_bytes; /* the answer */
} icn_memory_piece;

typedef struct icn_memory_total {
  uint64_t bytes;
  uint64_t lower_bound_bytes; /* most bytes alive at one step */
  int peak_step;              /* where that is; 0 when there is nothing */
} icn_memory_total;

/* `reuse` false: every piece has bytes of its own. Fails: ICN_NO_MEMORY (host), ICN_DEVICE_MEMORY when the sum overflows. */
icn_status icn_memplan(icn_memory_piece *pieces, size_t count, bool reuse, const icn_allocator *allocator, icn_memory_total *total,
                       icn_error *error);

#endif
