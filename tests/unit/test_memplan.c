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
    assert_true(total.bytes >= total.lower_bound_bytes);
    used += (double)total.bytes;
    least += (double)total.lower_bound_bytes;
  }
  assert_true(used < 1.1 * least);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(chain_uses_two_places),    cmocka_unit_test(unused_pieces_take_nothing), cmocka_unit_test(peak_is_named),
      cmocka_unit_test(absurd_sizes_are_refused), cmocka_unit_test(random_lives_never_collide),
  };
  return cmocka_run_group_tests_name("memplan", tests, NULL, NULL);
}
