#include "source.h"

#include <string.h>

void icn_source_init(icn_source *source, const icn_allocator *allocator) {
  memset(source, 0, sizeof *source);
  icn_arena_init(&source->arena, allocator);
  source->producer = "";
}

void icn_source_fini(icn_source *source) {
  icn_allocator allocator = source->arena.allocator;
  icn_arena_fini(&source->arena);
  icn_source_init(source, &allocator);
}
