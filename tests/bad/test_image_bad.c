/* Damaged pictures: cut off at every place, changed at random, empty, not pictures at all. Each is one sentence and no more. */
#include "support/test_picture.h"

static const char *const whole_files[] = {
    "rgb.png",   "rgb.bmp",     "rgb.tga",     "rle.tga",         "rgb.ppm",      "text.ppm",         "grey16.pgm",       "alpha.png",
    "rgb16.png", "palette.png", "palette.bmp", "palette.gif",     "animated.gif", "transparent.gif",  "interlaced.png",   "rgb.jpg",
    "grey.jpg",  "cmyk.jpg",    "grey.bmp",    "progressive.jpg", "restarts.jpg", "orientation6.jpg", "orientation6.png",
};
enum { FILE_COUNT = sizeof whole_files / sizeof whole_files[0] };

static void assert_refused(const uint8_t *data, size_t bytes, const char *what) {
  icn_image *image = NULL;
  icn_error error;
  icn_status status = test_decode(data, bytes, &image, &error);
  if (status == ICN_OK) fail_msg("%s, cut off after %zu bytes, is accepted", what, bytes);
  assert_null(image);
  assert_true(status == ICN_FORMAT || status == ICN_UNSUPPORTED);
  assert_int_equal(error.status, status);
  assert_true(strlen(error.message) > 20);
  assert_null(strchr(error.message, '\n'));
}

static void every_cut_is_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < FILE_COUNT; i++) {
    size_t bytes;
    uint8_t *data = test_read_data_image(whole_files[i], &bytes);
    for (size_t cut = 0; cut < bytes; cut++) assert_refused(data, cut, whole_files[i]);
    free(data);
  }
}

static void cut_photos_are_refused(void **state) {
  (void)state;
  static const char *const names[] = {"cat_720p.jpg", "hot_dog.jpg",   "kite_and_cold.jpg",    "parrot.jpg",
                                      "drawing.png",  "sunflower.bmp", "grace_hopper.299.png", "grace_hopper.bmp"};
  char path[1024], relative[128];
  if (test_shared_missing("images/parrot.jpg")) skip();
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    size_t bytes;
    snprintf(relative, sizeof relative, "images/%s", names[i]);
    assert_non_null(icn_test_shared(relative, path, sizeof path));
    uint8_t *data = test_read_file(path, &bytes);
    for (size_t k = 0; k < 300; k++) assert_refused(data, bytes / 300 * k + k % 7, names[i]);
    for (size_t k = 1; k < 100; k++) assert_refused(data, bytes - k, names[i]);
    free(data);
  }
}

/* xorshift64*, a fixed seed: the same damage everywhere. */
static uint64_t next_random(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * UINT64_C(2685821657736338717);
}

/* Damage that leaves the length alone may go unnoticed; it must not do harm (run under AddressSanitizer). */
static void random_damage_does_no_harm(void **state) {
  (void)state;
  uint64_t random = 20240607;
  int refused = 0, accepted = 0;
  for (size_t i = 0; i < FILE_COUNT; i++) {
    size_t bytes;
    uint8_t *data = test_read_data_image(whole_files[i], &bytes), *copy = malloc(bytes);
    assert_non_null(copy);
    for (int round = 0; round < 400; round++) {
      icn_image *image = NULL;
      icn_error error;
      memcpy(copy, data, bytes);
      for (uint64_t k = next_random(&random) % 4; k < 4; k++) {
        uint64_t place = next_random(&random);
        copy[place % (round % 2 == 0 ? bytes : (bytes < 64 ? bytes : 64))] = (uint8_t)(place >> 56);
      }
      if (test_decode(copy, bytes, &image, &error) == ICN_OK)
        accepted++;
      else
        refused++;
      icn_image_destroy(image);
    }
    free(copy);
    free(data);
  }
  assert_true(refused > 1000);
  assert_true(accepted > 100);
}

static void things_that_are_no_pictures(void **state) {
  (void)state;
  uint8_t noise[4096];
  uint64_t random = 7;
  icn_error error;
  icn_image *image;
  for (size_t i = 0; i < sizeof noise; i++) noise[i] = (uint8_t)(next_random(&random) >> 56);
  assert_refused(noise, sizeof noise, "random bytes");
  assert_refused((const uint8_t *)"8BPS\0\1\0\0\0\0\0\0\0\3\0\0\0\1\0\0\0\1\0\10\0\3", 26, "a PSD");
  assert_refused((const uint8_t *)"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\nabcd", 50, "an HDR");
  assert_refused((const uint8_t *)"GIF89a", 6, "a GIF's first bytes");
  assert_int_equal(test_decode(noise, 0, &image, &error), ICN_FORMAT);
  assert_non_null(strstr(error.message, "is empty"));
}

/* Sizes that lie are refused before anything of that size is allocated. */
static void enormous_sizes_are_refused(void **state) {
  (void)state;
  icn_error error;
  icn_image *image;
  size_t bytes;
  static const char ppm[] = "P6 200000 200000 255\nabc";
  assert_int_equal(test_decode((const uint8_t *)ppm, sizeof ppm - 1, &image, &error), ICN_UNSUPPORTED);
  uint8_t *bmp = test_read_data_image("rgb.bmp", &bytes);
  memset(bmp + 18, 0x7F, 8); /* width and height */
  assert_int_equal(test_decode(bmp, bytes, &image, &error), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "2^28"));
  free(bmp);
  uint8_t *gif = test_read_data_image("palette.gif", &bytes);
  memset(gif + 6, 0xFF, 4);
  assert_int_equal(test_decode(gif, bytes, &image, &error), ICN_UNSUPPORTED);
  free(gif);
}

static void damaged_exif_is_upright(void **state) {
  (void)state;
  static const uint8_t whole[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0};
  uint8_t block[sizeof whole];
  assert_int_equal(icn_exif_orientation(whole, sizeof whole), 6);
  for (size_t cut = 0; cut < 22; cut++) {
    uint8_t *part = malloc(cut + 1);
    assert_non_null(part);
    memcpy(part, whole, cut);
    assert_int_equal(icn_exif_orientation(part, cut), 1);
    free(part);
  }
  memcpy(block, whole, sizeof whole);
  block[18] = 9;
  assert_int_equal(icn_exif_orientation(block, sizeof block), 1);
  memcpy(block, whole, sizeof whole);
  memset(block + 4, 0xFF, 4); /* the directory lies far outside */
  assert_int_equal(icn_exif_orientation(block, sizeof block), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_cut_is_refused),       cmocka_unit_test(cut_photos_are_refused),
      cmocka_unit_test(random_damage_does_no_harm), cmocka_unit_test(things_that_are_no_pictures),
      cmocka_unit_test(enormous_sizes_are_refused), cmocka_unit_test(damaged_exif_is_upright),
  };
  return cmocka_run_group_tests_name("image_bad", tests, NULL, NULL);
}
