/* Arena, text, lists, shapes and views. */

#include "support/icn_test.h"
#include "tensor.h"

static void arena_keeps_what_it_gave(void **state) {
  (void)state;
  icn_allocator allocator = icn_allocator_default();
  icn_arena arena;
  icn_arena_init(&arena, &allocator);
  char *first = icn_arena_format(&arena, "layer %d", 7);
  for (int i = 0; i < 2000; i++) {
    unsigned char *block = icn_arena_allocate(&arena, (size_t)(i % 300) + 1);
    assert_non_null(block);
    assert_int_equal(block[i % 300], 0);
    memset(block, 0xFF, (size_t)(i % 300) + 1);
  }
  float *large = icn_arena_array(&arena, 100000, sizeof(float));
  assert_int_equal((uintptr_t)large % 64, 0);
  assert_string_equal(first, "layer 7");
  assert_null(icn_arena_array(&arena, SIZE_MAX / 2, 4));
  icn_arena_fini(&arena);
}

static void lists_match_whole_names(void **state) {
  (void)state;
  assert_true(icn_list_has("a,bc,d", "bc"));
  assert_false(icn_list_has("a,bcd", "bc"));
  assert_true(icn_list_has("all", "anything"));
  assert_false(icn_list_has(NULL, "a"));
}

static void shapes_refuse_overflow(void **state) {
  (void)state;
  icn_shape shape = icn_shape_make(4, (const int64_t[]){1 << 20, 1 << 20, 1 << 20, 1 << 20});
  assert_int_equal(icn_shape_elems(&shape), -1);
  shape = icn_shape_make(3, (const int64_t[]){0, (int64_t)1 << 40, (int64_t)1 << 40}); /* its strides would overflow */
  assert_int_equal(icn_shape_elems(&shape), -1);
  shape = icn_shape_make(3, (const int64_t[]){0, -1, 5});
  assert_int_equal(icn_shape_elems(&shape), -1);
  shape = icn_shape_make(3, (const int64_t[]){7, 0, 5});
  assert_int_equal(icn_shape_elems(&shape), 0);
  char text[ICN_SHAPE_TEXT_BYTES];
  shape = icn_shape_make(3, (const int64_t[]){1, 3, 299});
  assert_string_equal(icn_shape_text(&shape, text), "1x3x299");
}

static void device_views_are_nhwc(void **state) {
  (void)state;
  icn_shape shape = icn_shape_make(4, (const int64_t[]){2, 5, 3, 4});
  icn_view view = icn_view_device(&shape, 8);
  assert_true(icn_view_is_nhwc(&view));
  assert_int_equal(icn_view_pixel_stride(&view), 8);
  assert_int_equal(icn_view_extent(&view), 8 * 23 + 5);
  icn_view dense = icn_view_dense(&shape);
  assert_true(icn_view_is_dense(&dense));
  assert_false(icn_view_is_nhwc(&dense));
}

typedef struct grown { /* a public struct of today; yesterday's ended before `added` */
  size_t struct_bytes;
  int first, added;
} grown;

enum { YESTERDAY = offsetof(grown, added) };

static void structs_grow_without_breaking_old_callers(void **state) {
  (void)state;
  grown given = {99, 98, 97}, ours = {0, 1, 2};
  icn_struct_init(&given, YESTERDAY);
  assert_int_equal(given.struct_bytes, YESTERDAY);
  assert_int_equal(given.first, 0);
  assert_int_equal(given.added, 97); /* not the caller's struct any more */
  given.first = 5;
  assert_true(icn_struct_read(&ours, sizeof ours, &given));
  assert_int_equal(ours.first, 5);
  assert_int_equal(ours.added, 2); /* the default */
  assert_int_equal(ours.struct_bytes, sizeof ours);
}

static void structs_of_newer_callers_are_read_as_far_as_known(void **state) {
  (void)state;
  grown given;
  unsigned char ours[YESTERDAY];
  icn_struct_init(&given, sizeof given);
  given.first = 6;
  assert_true(icn_struct_read(ours, sizeof ours, &given));
  assert_memory_equal(ours + offsetof(grown, first), &given.first, sizeof given.first);
  given.added = 1; /* a wish that this library would not fulfil */
  assert_false(icn_struct_read(ours, sizeof ours, &given));
  given = (grown){.struct_bytes = 0};
  assert_false(icn_struct_read(ours, sizeof ours, &given));
  given.struct_bytes = SIZE_MAX / 3; /* never initialised */
  assert_false(icn_struct_read(ours, sizeof ours, &given));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arena_keeps_what_it_gave),
      cmocka_unit_test(lists_match_whole_names),
      cmocka_unit_test(shapes_refuse_overflow),
      cmocka_unit_test(device_views_are_nhwc),
      cmocka_unit_test(structs_grow_without_breaking_old_callers),
      cmocka_unit_test(structs_of_newer_callers_are_read_as_far_as_known),
  };
  return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
