/* Arena offsets: pieces alive together never overlap, packing is tight, every offset is aligned. */
#include "memplan.h"
#include "support/icn_test.h"

static icn_allocator heap(void) { return icn_allocator_default(); }

static uint32_t next_random(uint32_t *seed) {
  *seed = *seed * 1664525U + 1013904223U;
  return *seed >> 8;
}

static void check_pieces(const icn_memory_piece *pieces, size_t count, bool reuse, const icn_memory_total *total) {
  for (size_t i = 0; i < count; i++) {
    if (pieces[i].first < 0 || pieces[i].bytes == 0) continue;
    assert_int_equal(pieces[i].offset_bytes % ICN_ARENA_ALIGNMENT, 0);
    assert_true(pieces[i].offset_bytes + pieces[i].bytes <= total->bytes);
    for (size_t j = 0; j < i; j++) {
      if (pieces[j].first < 0 || pieces[j].bytes == 0) continue;
      bool together = !reuse || (pieces[i].first <= pieces[j].last && pieces[j].first <= pieces[i].last);
      bool apart = pieces[i].offset_bytes + pieces[i].bytes <= pieces[j].offset_bytes ||
                   pieces[j].offset_bytes + pieces[j].bytes <= pieces[i].offset_bytes;
      if (together) assert_true(apart);
    }
  }
}

static void chain_uses_two_places(void **state) {
  (void)state;
  icn_allocator allocator = heap();
  icn_memory_piece pieces[10];
  for (int i = 0; i < 10; i++) pieces[i] = (icn_memory_piece){4096, i, i + 1, 0};
  icn_memory_total total;
  assert_int_equal(icn_memplan(pieces, 10, true, &allocator, &total, NULL), ICN_OK);
  assert_int_equal(total.bytes, 2 * 4096);
  assert_int_equal(total.lower_bound_bytes, 2 * 4096);
  check_pieces(pieces, 10, true, &total);
  assert_int_equal(icn_memplan(pieces, 10, false, &allocator, &total, NULL), ICN_OK);
  assert_int_equal(total.bytes, 10 * 4096);
  check_pieces(pieces, 10, false, &total);
}

static void unused_pieces_take_nothing(void **state) {
  (void)state;
  icn_allocator allocator = heap();
  icn_memory_piece pieces[3] = {{1000, -1, -1, 0}, {0, 0, 1, 0}, {100, 0, 1, 0}};
  icn_memory_total total;
  assert_int_equal(icn_memplan(pieces, 3, true, &allocator, &total, NULL), ICN_OK);
  assert_int_equal(total.bytes, ICN_ARENA_ALIGNMENT);
  assert_int_equal(icn_memplan(NULL, 0, true, &allocator, &total, NULL), ICN_OK);
  assert_int_equal(total.bytes, 0);
}

static void peak_is_named(void **state) {
  (void)state;
  icn_allocator allocator = heap();
  icn_memory_piece pieces[3] = {{1024, 0, 2, 0}, {4096, 3, 5, 0}, {2048, 5, 6, 0}};
  icn_memory_total total;
  assert_int_equal(icn_memplan(pieces, 3, true, &allocator, &total, NULL), ICN_OK);
  assert_int_equal(total.peak_step, 5);
  assert_int_equal(total.lower_bound_bytes, 6144);
}

static void absurd_sizes_are_refused(void **state) {
  (void)state;
  icn_allocator allocator = heap();
  icn_memory_piece piece = {UINT64_MAX - 10, 0, 1, 0};
  icn_memory_total total;
  assert_int_equal(icn_memplan(&piece, 1, true, &allocator, &total, NULL), ICN_DEVICE_MEMORY);
}

static uint64_t sum_of(const icn_memory_piece *pieces, size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += (pieces[i].bytes + ICN_ARENA_ALIGNMENT - 1) / ICN_ARENA_ALIGNMENT * ICN_ARENA_ALIGNMENT;
  return sum;
}

static void random_lives_never_collide(void **state) {
  (void)state;
  icn_allocator allocator = heap();
  uint32_t seed = 20240607;
  double used = 0, least = 0;
  for (int round = 0; round < 200; round++) {
    icn_memory_piece pieces[60];
    size_t count = 1 + next_random(&seed) % 60;
    for (size_t i = 0; i < count; i++) {
      int first = (int)(next_random(&seed) % 40);
      pieces[i] = (icn_memory_piece){next_random(&seed) % 100000, first, first + (int)(next_random(&seed) % 8), 0};
    }
    icn_memory_total total;
    assert_int_equal(icn_memplan(pieces, count, true, &allocator, &total, NULL), ICN_OK);
    check_pieces(pieces, count, true, &total);
    assert_true(total.bytes >= total.lower_bound_bytes && total.bytes <= sum_of(pieces, count));
    used += (double)total.bytes;
    least += (double)total.lower_bound_bytes;
  }
  print_message("random lives: %.2f %% above the bound\n", (used / least - 1) * 100);
  assert_true(used < 1.01 * least);
}

/* The bound by its definition: step by step, every piece that is alive. */
static void bound_is_what_is_alive(void **state) {
  (void)state;
  enum { STEPS = 50, PIECES = 40 };
  icn_allocator allocator = heap();
  uint32_t seed = 7;
  for (int round = 0; round < 100; round++) {
    icn_memory_piece pieces[PIECES];
    uint64_t most = 0;
    for (size_t i = 0; i < PIECES; i++) {
      const int first = (int)(next_random(&seed) % (STEPS - 10));
      pieces[i] = (icn_memory_piece){1 + next_random(&seed) % 50000, first, first + (int)(next_random(&seed) % 10), 0};
    }
    for (int step = 0; step < STEPS; step++) {
      uint64_t alive = 0;
      for (size_t i = 0; i < PIECES; i++) alive += pieces[i].first <= step && step <= pieces[i].last ? sum_of(&pieces[i], 1) : 0;
      if (alive > most) most = alive;
    }
    icn_memory_total total;
    assert_int_equal(icn_memplan(pieces, PIECES, true, &allocator, &total, NULL), ICN_OK);
    assert_int_equal(total.lower_bound_bytes, most);
    check_pieces(pieces, PIECES, true, &total);
    const icn_memory_total first = total;
    assert_int_equal(icn_memplan(pieces, PIECES, true, &allocator, &total, NULL), ICN_OK);
    assert_int_equal(total.bytes, first.bytes); /* the same again, whatever lay in offset_bytes */
  }
}

/* Lives of many sizes and of one kind each, where single orders do badly. */
static void hard_lives_are_packed(void **state) {
  (void)state;
  icn_allocator allocator = heap();
  uint32_t seed = 99;
  for (int kind = 0; kind < 3; kind++) {
    double used = 0, least = 0;
    for (int round = 0; round < 60; round++) {
      icn_memory_piece pieces[80];
      for (size_t i = 0; i < 80; i++) {
        const int first = (int)(next_random(&seed) % 60), longest = kind == 0 ? 3 : kind == 1 ? 40 : 12;
        const uint64_t bytes = kind == 2 ? 256u << next_random(&seed) % 10 : 1 + next_random(&seed) % 200000;
        pieces[i] = (icn_memory_piece){bytes, first, first + (int)(next_random(&seed) % (uint32_t)longest), 0};
      }
      icn_memory_total total;
      assert_int_equal(icn_memplan(pieces, 80, true, &allocator, &total, NULL), ICN_OK);
      check_pieces(pieces, 80, true, &total);
      assert_true(total.bytes >= total.lower_bound_bytes && total.bytes <= sum_of(pieces, 80));
      used += (double)total.bytes;
      least += (double)total.lower_bound_bytes;
    }
    print_message("kind %d: %.2f %% above the bound\n", kind, (used / least - 1) * 100);
    assert_true(used < 1.02 * least);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(chain_uses_two_places),    cmocka_unit_test(unused_pieces_take_nothing), cmocka_unit_test(peak_is_named),
      cmocka_unit_test(absurd_sizes_are_refused), cmocka_unit_test(random_lives_never_collide), cmocka_unit_test(bound_is_what_is_alive),
      cmocka_unit_test(hard_lives_are_packed),
  };
  return cmocka_run_group_tests_name("memplan", tests, NULL, NULL);
}
