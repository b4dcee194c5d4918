/* Pictures: every format against what Pillow decodes, orientation, resizing against Pillow's, the recipes. */
#include <math.h>

#include "support/test_picture.h"

/* `tolerance`: 0 for lossless formats; JPEG decoders may differ by rounding in the transform and the colour conversion. */
typedef struct decode_case {
  const char *name;
  int tolerance;
} decode_case;

static const decode_case decode_cases[] = {
    {"rgb.png", 0},          {"rgb.bmp", 0},          {"rgb.tga", 0},          {"rle.tga", 0},          {"rgb.ppm", 0},
    {"text.ppm", 0},         {"grey.png", 0},         {"grey.pgm", 0},         {"grey16.pgm", 0},       {"grey.bmp", 0},
    {"alpha.png", 0},        {"grey_alpha.png", 0},   {"rgb16.png", 0},        {"grey16.png", 0},       {"interlaced.png", 0},
    {"palette.png", 0},      {"palette.bmp", 0},      {"palette.gif", 0},      {"animated.gif", 0},     {"transparent.gif", 0},
    {"bits.png", 0},         {"orientation6.png", 0}, {"rgb.jpg", 3},          {"grey.jpg", 3},         {"cmyk.jpg", 3},
    {"progressive.jpg", 3},  {"restarts.jpg", 3},     {"subsampled.jpg", 12},  {"orientation1.jpg", 3}, {"orientation2.jpg", 3},
    {"orientation3.jpg", 3}, {"orientation4.jpg", 3}, {"orientation5.jpg", 3}, {"orientation6.jpg", 3}, {"orientation7.jpg", 3},
    {"orientation8.jpg", 3},
};

static void every_format_decodes_as_in_pillow(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof decode_cases / sizeof decode_cases[0]; i++) {
    char expected_name[128];
    snprintf(expected_name, sizeof expected_name, "%s.expected.png", decode_cases[i].name);
    icn_image *image = test_decode_data_image(decode_cases[i].name), *expected = test_decode_data_image(expected_name);
    if (image->width != expected->width || image->height != expected->height)
      fail_msg("%s is %dx%d, not %dx%d", decode_cases[i].name, image->width, image->height, expected->width, expected->height);
    size_t count = (size_t)image->width * (size_t)image->height * 3;
    int difference = test_largest_difference(image->pixels, expected->pixels, count);
    if (difference > decode_cases[i].tolerance) fail_msg("%s differs by %d from Pillow", decode_cases[i].name, difference);
    icn_image_destroy(image);
    icn_image_destroy(expected);
  }
}

static icn_image *resized(const icn_image *image, icn_resize resize, int width, int height) {
  icn_image *result;
  icn_error error;
  icn_pixels source = {image->pixels, image->width, image->height, (size_t)image->width * 3};
  icn_resize_window window = {width, height, 0, 0, width, height};
  assert_int_equal(icn_image_allocate(&image->allocator, width, height, &result, &error), ICN_OK);
  icn_status status = icn_pixels_resize(&image->allocator, &source, resize, &window, result->pixels, &error);
  if (status != ICN_OK) fail_msg("%s", error.message);
  return result;
}

static void resizing_is_pillows(void **state) {
  (void)state;
  static const char *const methods[] = {"bicubic", "bilinear", "nearest"};
  static const int sizes[][2] = {{23, 19}, {90, 71}, {61, 20}, {20, 47}, {7, 100}, {1, 1}};
  icn_image *picture = test_decode_data_image("picture.png");
  for (int method = 0; method < 3; method++) {
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      char name[128];
      snprintf(name, sizeof name, "resized_%s_%dx%d.png", methods[method], sizes[i][0], sizes[i][1]);
      icn_image *expected = test_decode_data_image(name), *made = resized(picture, (icn_resize)method, sizes[i][0], sizes[i][1]);
      int difference = test_largest_difference(made->pixels, expected->pixels, (size_t)sizes[i][0] * (size_t)sizes[i][1] * 3);
      if (difference != 0) fail_msg("%s differs by %d", name, difference);
      icn_image_destroy(made);
      icn_image_destroy(expected);
    }
  }
  icn_image_destroy(picture);
}

/* A window of a resize is that part of the whole resize. */
static void windows_are_parts(void **state) {
  (void)state;
  icn_image *picture = test_decode_data_image("picture.png");
  icn_pixels source = {picture->pixels, picture->width, picture->height, (size_t)picture->width * 3};
  for (int method = 0; method < 3; method++) {
    for (int same_height = 0; same_height < 2; same_height++) {
      int full_height = same_height ? 47 : 40;
      icn_image *whole = resized(picture, (icn_resize)method, 50, full_height);
      icn_resize_window window = {50, full_height, 11, 7, 30, 21};
      uint8_t part[21 * 30 * 3];
      assert_int_equal(icn_pixels_resize(&picture->allocator, &source, (icn_resize)method, &window, part, NULL), ICN_OK);
      for (int y = 0; y < 21; y++) assert_memory_equal(part + y * 90, whole->pixels + ((y + 7) * 50 + 11) * 3, 90);
      icn_image_destroy(whole);
    }
  }
  icn_image_destroy(picture);
}

static void the_smallest_and_the_longest(void **state) {
  (void)state;
  icn_image *dot = test_decode_data_image("1x1.png"), *line = test_decode_data_image("20000x1.png");
  icn_image *large = resized(dot, ICN_RESIZE_BICUBIC, 299, 299);
  for (int i = 0; i < 299 * 299; i++) assert_memory_equal(large->pixels + i * 3, dot->pixels, 3);
  icn_image_destroy(large);
  assert_int_equal(line->width, 20000);
  icn_image *expected = test_decode_data_image("20000x1_64.png"), *made = resized(line, ICN_RESIZE_BICUBIC, 64, 64);
  assert_int_equal(test_largest_difference(made->pixels, expected->pixels, 64 * 64 * 3), 0);
  icn_image_destroy(made);
  icn_image_destroy(expected);
  icn_image_destroy(dot);
  icn_image_destroy(line);
}

static void photos_resize_as_in_pillow(void **state) {
  (void)state;
  static const char *const names[][2] = {{"images/grace_hopper.bmp", "images/grace_hopper.299.png"},
                                         {"images/sunflower.bmp", "images/sunflower.299.png"},
                                         {"images/drawing.png", "images/drawing.299.png"}};
  char path[1024], expected_path[1024];
  if (test_shared_missing("images/grace_hopper.bmp")) skip();
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    assert_non_null(icn_test_shared(names[i][0], path, sizeof path));
    assert_non_null(icn_test_shared(names[i][1], expected_path, sizeof expected_path));
    icn_image *photo = test_decode_path(path), *expected = test_decode_path(expected_path);
    icn_image *made = resized(photo, ICN_RESIZE_BICUBIC, 299, 299);
    int difference = test_largest_difference(made->pixels, expected->pixels, 299 * 299 * 3);
    if (difference > 1) fail_msg("%s differs by %d", path, difference);
    icn_image_destroy(made);
    icn_image_destroy(expected);
    icn_image_destroy(photo);
  }
}

/* tensor[3][h][w] by the definition, from the pixels that Pillow made. */
static void assert_tensor(const icn_image *picture, const char *recipe, const char *expected_name, int bgr, double scale,
                          const double mean[3], const double std[3]) {
  icn_preprocess preprocess;
  icn_error error;
  icn_image *expected = test_decode_data_image(expected_name);
  int width = expected->width, height = expected->height;
  size_t plane = (size_t)width * (size_t)height;
  float *tensor = malloc(3 * plane * sizeof *tensor);
  assert_non_null(tensor);
  assert_int_equal(icn_preprocess_recipe(&preprocess, recipe, &error), ICN_OK);
  if (icn_preprocess_apply(&preprocess, picture, width, height, tensor, &error) != ICN_OK) fail_msg("%s: %s", recipe, error.message);
  for (size_t c = 0; c < 3; c++)
    for (size_t i = 0; i < plane; i++) {
      double value = (expected->pixels[3 * i + (bgr ? 2 - c : c)] * scale - mean[c]) / std[c];
      if (fabs(value - (double)tensor[c * plane + i]) > 1e-5 * fmax(1.0, fabs(value)))
        fail_msg("%s: channel %zu, pixel %zu is %g, not %g", recipe, c, i, (double)tensor[c * plane + i], value);
    }
  free(tensor);
  icn_image_destroy(expected);
}

static void recipes_write_tensors(void **state) {
  (void)state;
  icn_image *picture = test_decode_data_image("picture.png"), *small = test_decode_data_image("resized_bilinear_23x19.png");
  static const double zero[3] = {0, 0, 0}, one[3] = {1, 1, 1}, half[3] = {127.5, 127.5, 127.5};
  static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225}, caffe[3] = {104, 117, 123};
  assert_tensor(picture, NULL, "resized_bicubic_23x19.png", 0, 1.0 / 255.0, zero, one);
  assert_tensor(picture, "unit", "resized_bicubic_90x71.png", 0, 1.0 / 255.0, zero, one);
  assert_tensor(picture, "torchvision", "torchvision_28.png", 0, 1.0 / 255.0, mean, std);
  assert_tensor(picture, "tf-slim", "tf-slim_28.png", 0, 1.0, half, half);
  assert_tensor(picture, "keras", "resized_bilinear_61x20.png", 0, 1.0, half, half);
  assert_tensor(picture, "caffe", "resized_bilinear_20x47.png", 1, 1.0, caffe, one);
  icn_image_destroy(small);
  icn_image_destroy(picture);
}

static void torchvision_sizes(void **state) {
  (void)state;
  /* 299 -> 342 and 224 -> 256: a picture of exactly that size is only cropped. */
  static const int sides[][2] = {{299, 342}, {224, 256}};
  icn_allocator allocator = icn_allocator_default();
  float *tensor = malloc(3 * 299 * 299 * sizeof *tensor);
  assert_non_null(tensor);
  for (int k = 0; k < 2; k++) {
    int side = sides[k][0], full = sides[k][1], border = (full - side) / 2 + ((full - side) % 4 == 3);
    icn_image *image;
    icn_preprocess preprocess;
    assert_int_equal(icn_image_allocate(&allocator, full, full, &image, NULL), ICN_OK);
    for (int i = 0; i < full * full * 3; i++) image->pixels[i] = (uint8_t)(i * 7 + i / 3000);
    assert_int_equal(icn_preprocess_recipe(&preprocess, "torchvision", NULL), ICN_OK);
    assert_int_equal(icn_preprocess_apply(&preprocess, image, side, side, tensor, NULL), ICN_OK);
    int pixel = image->pixels[(border * full + border) * 3];
    assert_true(fabs((double)tensor[0] - (pixel / 255.0 - 0.485) / 0.229) < 1e-5);
    icn_image_destroy(image);
  }
  free(tensor);
}

static void bad_recipes_are_refused(void **state) {
  (void)state;
  icn_image *picture = test_decode_data_image("1x1.png");
  icn_preprocess good, bad;
  icn_error error;
  float tensor[3 * 4 * 4];
  assert_int_equal(icn_preprocess_recipe(&good, "tensorflow", &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "tf-slim"));
  assert_int_equal(icn_preprocess_recipe(&good, "unit", &error), ICN_OK);
  bad = good, bad.std[1] = 0.0F;
  assert_int_equal(icn_preprocess_apply(&bad, picture, 4, 4, tensor, &error), ICN_ARGUMENT);
  bad = good, bad.scale = (float)NAN;
  assert_int_equal(icn_preprocess_apply(&bad, picture, 4, 4, tensor, &error), ICN_ARGUMENT);
  bad = good, bad.struct_bytes = 3;
  assert_int_equal(icn_image_to_tensor(picture, &bad, 4, 4, tensor, &error), ICN_ARGUMENT);
  bad = good, bad.resize_shorter = 3;
  assert_int_equal(icn_preprocess_apply(&bad, picture, 4, 4, tensor, &error), ICN_ARGUMENT);
  bad = good, bad.central = 0.0F;
  assert_int_equal(icn_preprocess_apply(&bad, picture, 4, 4, tensor, &error), ICN_ARGUMENT);
  assert_int_equal(icn_preprocess_apply(&good, picture, 0, 4, tensor, &error), ICN_ARGUMENT);
  assert_int_equal(icn_preprocess_apply(&good, picture, 4, 4, tensor, &error), ICN_OK);
  icn_image_destroy(picture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_format_decodes_as_in_pillow),
      cmocka_unit_test(resizing_is_pillows),
      cmocka_unit_test(windows_are_parts),
      cmocka_unit_test(the_smallest_and_the_longest),
      cmocka_unit_test(photos_resize_as_in_pillow),
      cmocka_unit_test(recipes_write_tensors),
      cmocka_unit_test(torchvision_sizes),
      cmocka_unit_test(bad_recipes_are_refused),
  };
  return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
