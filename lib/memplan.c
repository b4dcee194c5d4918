/* Offsets by greedy placement: pieces in some order, each at the lowest gap that is free during its life. Which order packs best depends on
 * the graph, so several are tried and the best kept (greedy by size and by breadth: Pisarchyk, Lee: "Efficient Memory Management for Deep
 * Neural Net Inference", 2020). Where one does not reach the lower bound it is mended: the piece that ends at the top is put first, again
 * and again, as long as there are rounds. */
#include "memplan.h"

#include <stdlib.h>
#include <string.h>

/* A piece as the sorts see it; qsort has no context argument. */
typedef struct ranked {
  uint64_t key[3]; /* greater first */
  size_t piece;
} ranked;

/* By size, by first use, by size times lifetime, by lifetime, by last use, by the most bytes that are alive with it (breadth). */
typedef enum order_kind { ORDER_SIZE, ORDER_TIME, ORDER_AREA, ORDER_DURATION, ORDER_END, ORDER_BREADTH, ORDER_COUNT } order_kind;
enum { MENDING_ROUNDS = 64 };

static int compare_ranked(const void *left, const void *right) {
  const ranked *a = left, *b = right;
  for (int k = 0; k < 3; k++) {
    if (a->key[k] != b->key[k]) return a->key[k] > b->key[k] ? -1 : 1;
  }
  return a->piece < b->piece ? -1 : a->piece > b->piece;
}

static bool alive_at(const icn_memory_piece *piece, int step) { return piece->first <= step && step <= piece->last; }

static uint64_t alive_bytes(const icn_memory_piece *pieces, const size_t *used, size_t count, int step) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < count; i++) bytes += alive_at(&pieces[used[i]], step) ? icn_arena_aligned(pieces[used[i]].bytes) : 0;
  return bytes;
}

/* The most bytes that are alive at a step of the piece; that is reached where it or another one begins. alive[j]: where used[j] begins. */
static uint64_t breadth(const icn_memory_piece *pieces, const size_t *used, size_t count, const uint64_t *alive, size_t piece) {
  uint64_t most = 0;
  for (size_t i = 0; i < count; i++)
    if (alive_at(&pieces[used[piece]], pieces[used[i]].first) && alive[i] > most) most = alive[i];
  return most;
}

static void rank(const icn_memory_piece *pieces, const size_t *used, size_t count, order_kind order, uint64_t *alive, ranked *out) {
  for (size_t i = 0; i < count && order == ORDER_BREADTH; i++) alive[i] = alive_bytes(pieces, used, count, pieces[used[i]].first);
  for (size_t i = 0; i < count; i++) {
    const icn_memory_piece *piece = &pieces[used[i]];
    uint64_t size = icn_arena_aligned(piece->bytes), duration = (uint64_t)(piece->last - piece->first + 1);
    uint64_t early = (uint64_t)(INT32_MAX - piece->first);
    out[i] = (ranked){{size, duration, early}, used[i]};
    if (order == ORDER_TIME) out[i] = (ranked){{early, size, duration}, used[i]};
    if (order == ORDER_AREA) out[i] = (ranked){{size / ICN_ARENA_ALIGNMENT * duration, size, early}, used[i]};
    if (order == ORDER_DURATION) out[i] = (ranked){{duration, size, early}, used[i]};
    if (order == ORDER_END) out[i] = (ranked){{(uint64_t)piece->last, size, duration}, used[i]};
    if (order == ORDER_BREADTH) out[i] = (ranked){{breadth(pieces, used, count, alive, i), size, duration}, used[i]};
  }
  qsort(out, count, sizeof *out, compare_ranked);
}

static bool alive_together(const icn_memory_piece *a, const icn_memory_piece *b) { return a->first <= b->last && b->first <= a->last; }

/* The lowest offset for `piece` among `placed`, which is sorted by offset. */
static uint64_t lowest_gap(const icn_memory_piece *pieces, const uint64_t *offsets, const size_t *placed, size_t placed_count,
                           const icn_memory_piece *piece) {
  uint64_t at = 0, bytes = icn_arena_aligned(piece->bytes);
  for (size_t i = 0; i < placed_count; i++) {
    const icn_memory_piece *other = &pieces[placed[i]];
    if (!alive_together(other, piece)) continue;
    if (offsets[placed[i]] >= at + bytes) break;
    uint64_t end = offsets[placed[i]] + icn_arena_aligned(other->bytes);
    if (end > at) at = end;
  }
  return at;
}

static uint64_t place_in_order(const icn_memory_piece *pieces, const ranked *order, size_t count, uint64_t *offsets, size_t *placed) {
  uint64_t total = 0;
  for (size_t i = 0; i < count; i++) {
    size_t piece = order[i].piece;
    offsets[piece] = lowest_gap(pieces, offsets, placed, i, &pieces[piece]);
    uint64_t end = offsets[piece] + icn_arena_aligned(pieces[piece].bytes);
    if (end > total) total = end;
    size_t at = i;
    for (; at > 0 && offsets[placed[at - 1]] > offsets[piece]; at--) placed[at] = placed[at - 1];
    placed[at] = piece;
  }
  return total;
}

static void lower_bound(const icn_memory_piece *pieces, const size_t *used, size_t count, icn_memory_total *total) {
  for (size_t i = 0; i < count; i++) { /* the most is reached where some piece begins */
    const int step = pieces[used[i]].first;
    const uint64_t alive = alive_bytes(pieces, used, count, step);
    if (alive <= total->lower_bound_bytes) continue;
    total->lower_bound_bytes = alive;
    total->peak_step = step;
  }
}

static void place_apart(icn_memory_piece *pieces, const size_t *used, size_t count, icn_memory_total *total) {
  for (size_t i = 0; i < count; i++) {
    pieces[used[i]].offset_bytes = total->bytes;
    total->bytes += icn_arena_aligned(pieces[used[i]].bytes);
  }
}

/* What a search for the best placement works on. */
typedef struct search {
  icn_memory_piece *pieces;
  const size_t *used;
  size_t count;
  ranked *order;
  uint64_t *offsets;
  size_t *placed;
  icn_memory_total *total;
} search;

/* Places the pieces as s->order has them and keeps that where it is the best so far. */
static uint64_t try_order(search *s) {
  const uint64_t bytes = place_in_order(s->pieces, s->order, s->count, s->offsets, s->placed);
  if (bytes >= s->total->bytes) return bytes;
  s->total->bytes = bytes;
  for (size_t i = 0; i < s->count; i++) s->pieces[s->used[i]].offset_bytes = s->offsets[s->used[i]];
  return bytes;
}

/* Puts the piece of s->order that ends at `top` before all others. */
static void put_first(search *s, uint64_t top) {
  for (size_t i = 0; i < s->count; i++) {
    const ranked piece = s->order[i];
    if (s->offsets[piece.piece] + icn_arena_aligned(s->pieces[piece.piece].bytes) != top) continue;
    memmove(s->order + 1, s->order, i * sizeof *s->order);
    s->order[0] = piece;
    return;
  }
}

static void place_best(search *s) {
  const icn_memory_total *total = s->total;
  s->total->bytes = UINT64_MAX;
  for (int kind = 0; kind < ORDER_COUNT; kind++) {
    rank(s->pieces, s->used, s->count, (order_kind)kind, s->offsets, s->order);
    for (int round = 0; round < MENDING_ROUNDS && total->bytes > total->lower_bound_bytes; round++) put_first(s, try_order(s));
  }
}

icn_status icn_memplan(icn_memory_piece *pieces, size_t count, bool reuse, const icn_allocator *allocator, icn_memory_total *total,
                       icn_error *error) {
  icn_status status = ICN_OK;
  size_t used_count = 0;
  uint64_t sum = 0;
  memset(total, 0, sizeof *total);
  size_t *used = icn_allocate_array(allocator, count + 1, sizeof *used);
  size_t *placed = icn_allocate_array(allocator, count + 1, sizeof *placed);
  ranked *order = icn_allocate_array(allocator, count + 1, sizeof *order);
  uint64_t *offsets = icn_allocate_array(allocator, count + 1, sizeof *offsets);
  if (used == NULL || placed == NULL || order == NULL || offsets == NULL) {
    status = icn_error_memory(error, (count + 1) * sizeof *order, "the memory plan");
    goto done;
  }
  for (size_t i = 0; i < count; i++) {
    if (pieces[i].first < 0 || pieces[i].bytes == 0) continue;
    ICN_REQUIRE(pieces[i].bytes <= ((uint64_t)1 << 50) && sum <= ((uint64_t)1 << 60), ICN_DEVICE_MEMORY,
                "the activations need more than 2^50 bytes");
    sum += pieces[i].bytes;
    used[used_count++] = i;
  }
  if (used_count == 0) goto done;
  lower_bound(pieces, used, used_count, total);
  if (reuse) {
    place_best(&(search){pieces, used, used_count, order, offsets, placed, total});
  } else {
    place_apart(pieces, used, used_count, total);
  }
done:
  icn_release(allocator, used);
  icn_release(allocator, placed);
  icn_release(allocator, order);
  icn_release(allocator, offsets);
  return status;
}
