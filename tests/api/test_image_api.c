/* The image functions of the public API: files, memory, misuse, an allocator that fails. */
#include <clinception/clinception.h>

#include "support/test_picture.h"

static icn_context_options quiet_options(void) {
  icn_context_options options;
  icn_context_options_init(&options);
  options.opencl_library = "none";
  options.cache_dir = "none";
  return options;
}

static const char *data_path(const char *name, char path[1024]) {
  snprintf(path, 1024, "%s/images/%s", getenv("ICN_TEST_DATA"), name);
  return path;
}

static void files_and_memory_give_the_same_picture(void **state) {
  (void)state;
  icn_context_options options = quiet_options();
  icn_context *context;
  icn_image *file, *memory;
  char path[1024];
  size_t bytes;
  int width = 0, height = 0;
  assert_int_equal(icn_context_create(&options, &context, NULL), ICN_OK);
  assert_int_equal(icn_image_load(context, data_path("orientation6.jpg", path), &file, NULL), ICN_OK);
  uint8_t *data = test_read_file(path, &bytes);
  assert_int_equal(icn_image_load_memory(context, data, bytes, &memory, NULL), ICN_OK);
  free(data); /* the image keeps nothing of it */
  icn_image_size(file, &width, &height);
  assert_int_equal(width, 13); /* stored as 21x13, turned */
  assert_int_equal(height, 21);
  assert_memory_equal(icn_image_pixels(file), icn_image_pixels(memory), (size_t)width * (size_t)height * 3);
  float tensor[3 * 5 * 7];
  assert_int_equal(icn_image_to_tensor(file, NULL, 7, 5, tensor, NULL), ICN_OK);
  for (int i = 0; i < 105; i++) assert_true(tensor[i] >= 0.0F && tensor[i] <= 1.0F);
  icn_image_destroy(file);
  icn_image_destroy(memory);
  icn_image_destroy(NULL);
  icn_context_destroy(context);
}

static void misuse_is_refused(void **state) {
  (void)state;
  icn_context_options options = quiet_options();
  icn_context *context;
  icn_image *image = (icn_image *)&options;
  icn_error error;
  icn_preprocess recipe;
  char path[1024];
  assert_int_equal(icn_context_create(&options, &context, NULL), ICN_OK);
  assert_int_equal(icn_image_load(context, "/nowhere/picture.jpg", &image, &error), ICN_IO);
  assert_non_null(strstr(error.message, "/nowhere/picture.jpg"));
  assert_null(image);
  assert_int_equal(icn_image_load(context, "/", &image, &error), ICN_IO);
  assert_int_equal(icn_image_load(NULL, "x", &image, &error), ICN_ARGUMENT);
  assert_int_equal(icn_image_load(context, NULL, &image, &error), ICN_ARGUMENT);
  assert_int_equal(icn_image_load(context, "x", NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_image_load_memory(context, NULL, 5, &image, &error), ICN_ARGUMENT);
  assert_int_equal(icn_image_load_memory(context, "abcde", 0, &image, &error), ICN_FORMAT);
  assert_int_equal(icn_image_load_memory(context, "abcde", 5, &image, &error), ICN_FORMAT);
  assert_int_equal(icn_preprocess_init(NULL, "unit", &error), ICN_ARGUMENT);
  assert_int_equal(icn_preprocess_init(&recipe, "units", &error), ICN_ARGUMENT);
  assert_int_equal(icn_preprocess_init(&recipe, NULL, &error), ICN_OK);
  assert_string_equal(recipe.name, "unit");
  assert_int_equal(icn_image_load(context, data_path("rgb.png", path), &image, &error), ICN_OK);
  float tensor[3];
  assert_int_equal(icn_image_to_tensor(NULL, &recipe, 1, 1, tensor, &error), ICN_ARGUMENT);
  assert_int_equal(icn_image_to_tensor(image, &recipe, 1, 1, NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_image_to_tensor(image, &recipe, 100000, 1, tensor, &error), ICN_ARGUMENT);
  assert_int_equal(icn_image_to_tensor(image, &recipe, 1, 1, tensor, &error), ICN_OK);
  icn_image_destroy(image);
  icn_context_destroy(context);
}

/* Counts down; the allocation that reaches 0 fails. */
typedef struct failing {
  icn_allocator base;
  int left, alive;
} failing;

static void *failing_allocate(void *user, size_t bytes) {
  failing *f = user;
  if (f->left == 0) return NULL;
  f->left--;
  void *memory = f->base.allocate(f->base.user, bytes);
  f->alive += memory != NULL;
  return memory;
}

static void failing_release(void *user, void *memory) {
  failing *f = user;
  f->alive -= memory != NULL;
  f->base.release(f->base.user, memory);
}

/* The n-th allocation fails, for n = 0, 1, ... until all is well; each failure says so and leaves nothing behind. */
static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  size_t bytes;
  uint8_t *data = test_read_data_image("orientation6.jpg", &bytes);
  int n = 0, failures = 0;
  for (bool whole = false; !whole; n++) {
    failing f = {icn_allocator_default(), n, 0};
    icn_allocator allocator = {&f, failing_allocate, failing_release};
    icn_image *image = NULL;
    icn_error error = {ICN_OK, ""};
    icn_preprocess recipe;
    float tensor[3 * 6 * 4];
    icn_status status = icn_image_decode(&allocator, data, bytes, "picture", &image, &error);
    assert_int_equal(icn_preprocess_recipe(&recipe, NULL, NULL), ICN_OK);
    if (status == ICN_OK) status = icn_preprocess_apply(&recipe, image, 6, 4, tensor, &error);
    whole = status == ICN_OK;
    if (!whole) {
      failures++;
      assert_int_equal(status, ICN_NO_MEMORY);
      assert_non_null(strstr(error.message, "out of memory"));
    }
    icn_image_destroy(image);
    assert_int_equal(f.alive, 0);
    assert_true(n < 100);
  }
  assert_true(failures > 8);
  free(data);
}

/* A program that was compiled when icn_preprocess ended with the name of the recipe: nothing behind it is written or read. */
static void a_shorter_preprocess_is_respected(void **state) {
  (void)state;
  enum { SHORT = offsetof(icn_preprocess, resize) };
  icn_preprocess preprocess;
  icn_error error;
  memset(&preprocess, 0x5A, sizeof preprocess);
  assert_int_equal(icn_preprocess_init_sized(&preprocess, SHORT, "torchvision", &error), ICN_OK);
  assert_int_equal(preprocess.struct_bytes, SHORT);
  assert_string_equal(preprocess.name, "torchvision");
  for (size_t i = SHORT; i < sizeof preprocess; i++) assert_int_equal(((const unsigned char *)&preprocess)[i], 0x5A);
  assert_int_equal(icn_preprocess_init_sized(&preprocess, 1, NULL, &error), ICN_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files_and_memory_give_the_same_picture),
      cmocka_unit_test(misuse_is_refused),
      cmocka_unit_test(every_failed_allocation_is_reported),
      cmocka_unit_test(a_shorter_preprocess_is_respected),
  };
  return cmocka_run_group_tests_name("image_api", tests, NULL, NULL);
}
