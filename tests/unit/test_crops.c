/* The crops of a picture: where they lie, against a second calculation of their definition, and that their tensors are those parts of the
 * resized picture. tests/net/crops.py compares the numbers with NumPy and Pillow. */
#include <math.h>

#include "crops.h"
#include "support/test_picture.h"

static icn_preprocess recipe(const char *name) {
  icn_preprocess preprocess;
  icn_error error;
  if (icn_preprocess_recipe(&preprocess, name, &error) != ICN_OK) fail_msg("%s", error.message);
  return preprocess;
}

static icn_crop crop_of(const char *name, int picture_width, int picture_height, int width, int height, int crops, int index) {
  icn_preprocess preprocess = recipe(name);
  icn_crop crop;
  icn_error error;
  if (icn_crop_at(&preprocess, picture_width, picture_height, width, height, crops, index, &crop, &error) != ICN_OK)
    fail_msg("%s", error.message);
  return crop;
}

/* Where the crop's top left pixel lies in the resized picture. */
static void assert_place(const icn_crop *crop, int64_t full_width, int64_t full_height, int64_t x, int64_t y, bool mirror) {
  const icn_resize_window *r = &crop->region;
  if (r->full_width != full_width || r->full_height != full_height || r->x + crop->x != x || r->y + crop->y != y || crop->mirror != mirror)
    fail_msg("it is at %lld, %lld of %lldx%lld%s", (long long)(r->x + crop->x), (long long)(r->y + crop->y), (long long)r->full_width,
             (long long)r->full_height, crop->mirror ? ", mirrored" : "");
}

/* AlexNet's: 256 x 256 patches of 224 from a 256 x 341 picture. */
static void five_and_ten(void **state) {
  (void)state;
  static const int places[5][2] = {{0, 0}, {117, 0}, {0, 32}, {117, 32}, {58, 16}};
  for (int k = 0; k < 5; k++) {
    icn_crop crop = crop_of("torchvision", 640, 480, 224, 224, 5, k);
    assert_place(&crop, 341, 256, places[k][0], places[k][1], false);
    for (int mirror = 0; mirror < 2; mirror++) {
      crop = crop_of("torchvision", 640, 480, 224, 224, 10, 2 * k + mirror);
      assert_place(&crop, 341, 256, places[k][0], places[k][1], mirror == 1);
      assert_false(crop.whole);
    }
  }
  icn_crop upright = crop_of("torchvision", 480, 640, 224, 224, 5, 3);
  assert_place(&upright, 256, 341, 32, 117, false);
  /* Recipes that squeeze: 256 x 256 of the whole picture; with a central part, of that part's proportion. */
  icn_crop squeezed = crop_of("caffe", 640, 480, 224, 224, 10, 7), slim = crop_of("tf-slim", 640, 480, 299, 299, 5, 4);
  assert_place(&squeezed, 256, 256, 32, 32, true);
  assert_place(&slim, 342, 342, 22, 22, false);
  assert_int_equal(slim.part_width, 640);
}

/* One crop is the recipe's. */
static void one_is_the_recipes(void **state) {
  (void)state;
  icn_crop crop = crop_of("torchvision", 640, 480, 224, 224, 1, 0);
  assert_place(&crop, 341, 256, 58, 16, false);
  crop = crop_of("tf-slim", 640, 480, 299, 299, 1, 0);
  assert_place(&crop, 299, 299, 0, 0, false);
  assert_int_equal(crop.part_x, 40);
  assert_int_equal(crop.part_y, 30);
  assert_int_equal(crop.part_width, 560);
  assert_int_equal(crop.part_height, 420);
}

/* All 144, in loops of their own. */
static void check_144(int picture_width, int picture_height, int input) {
  static const int scales[] = {256, 288, 320, 352};
  int index = 0;
  for (int s = 0; s < 4; s++) {
    const int side = (int)floor(input * scales[s] / 224.0 + 0.5), shorter = picture_width < picture_height ? picture_width : picture_height;
    const int full_width = (int)((int64_t)side * picture_width / shorter), full_height = (int)((int64_t)side * picture_height / shorter);
    for (int square = 0; square < 3; square++) {
      const double share[] = {0.0, 0.5, 1.0};
      const int square_x = (int)nearbyint((full_width - side) * share[square]),
                square_y = (int)nearbyint((full_height - side) * share[square]);
      for (int part = 0; part < 6; part++) {
        for (int mirror = 0; mirror < 2; mirror++, index++) {
          const icn_crop crop = crop_of("caffe", picture_width, picture_height, input, input, 144, index);
          const double part_x[] = {0, 1, 0, 1, 0.5, 0}, part_y[] = {0, 0, 1, 1, 0.5, 0};
          assert_int_equal(crop.region.width, side);
          assert_int_equal(crop.region.height, side);
          assert_int_equal(crop.whole, part == 5);
          assert_place(&crop, full_width, full_height, square_x + (int)nearbyint((side - input) * part_x[part]),
                       square_y + (int)nearbyint((side - input) * part_y[part]), mirror == 1);
        }
      }
    }
  }
  assert_int_equal(index, 144);
}

static void a_hundred_and_forty_four(void **state) {
  (void)state;
  check_144(640, 480, 224);
  check_144(480, 640, 299);
  check_144(500, 500, 224);
  check_144(3000, 17, 75);
  check_144(1, 1, 8);
}

static void twelve_are_among_them(void **state) {
  (void)state;
  for (int k = 0; k < 12; k++) {
    const icn_crop one = crop_of("unit", 640, 480, 224, 224, 12, k), same = crop_of("unit", 640, 480, 224, 224, 144, 12 + k);
    assert_memory_equal(&one, &same, sizeof one);
  }
}

/* Every crop by itself is what it is in a range; mirrors are mirrors; a picture far larger in one direction is no trouble. */
static void ranges_are_single_crops(void **state) {
  (void)state;
  static const int kinds[] = {1, 5, 10, 12, 144};
  enum { SIDE = 12, VALUES = 3 * SIDE * SIDE };
  static float all[144 * VALUES], one[VALUES];
  icn_image *pictures[2] = {test_decode_data_image("picture.png"), test_decode_data_image("20000x1.png")};
  for (int p = 0; p < 2; p++) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
      const icn_preprocess preprocess = recipe("torchvision");
      assert_int_equal(icn_image_to_crops(pictures[p], &preprocess, kinds[i], 0, kinds[i], SIDE, SIDE, all, NULL), ICN_OK);
      for (int k = 0; k < kinds[i]; k++) {
        assert_int_equal(icn_image_to_crops(pictures[p], &preprocess, kinds[i], k, 1, SIDE, SIDE, one, NULL), ICN_OK);
        assert_memory_equal(one, all + k * VALUES, sizeof one);
        for (int v = 0; v < VALUES && kinds[i] >= 10 && k % 2 == 1; v++)
          assert_true(one[v] == all[(k - 1) * VALUES + v - v % SIDE + SIDE - 1 - v % SIDE]);
      }
    }
    icn_image_destroy(pictures[p]);
  }
}

static void what_cannot_be(void **state) {
  (void)state;
  icn_image *picture = test_decode_data_image("1x1.png");
  icn_preprocess preprocess = recipe(NULL);
  icn_error error;
  float tensor[3 * 8 * 8];
  assert_int_equal(icn_image_to_crops(picture, NULL, 7, 0, 1, 8, 8, tensor, &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "1, 5, 10, 12 or 144"));
  assert_int_equal(icn_image_to_crops(picture, NULL, 10, 10, 1, 8, 8, tensor, &error), ICN_ARGUMENT);
  assert_int_equal(icn_image_to_crops(picture, NULL, 10, -1, 1, 8, 8, tensor, &error), ICN_ARGUMENT);
  assert_int_equal(icn_image_to_crops(picture, NULL, 10, 9, 2, 8, 8, tensor, &error), ICN_ARGUMENT);
  assert_int_equal(icn_image_to_crops(picture, NULL, 10, 0, 0, 8, 8, tensor, &error), ICN_ARGUMENT);
  assert_int_equal(icn_image_to_crops(picture, NULL, 10, 2147483647, 2147483647, 8, 8, tensor, &error), ICN_ARGUMENT);
  assert_int_equal(icn_image_to_crops(picture, NULL, 144, 0, 1, 0, 8, tensor, &error), ICN_ARGUMENT);
  preprocess.resize_shorter = 7;
  assert_int_equal(icn_image_to_crops(picture, &preprocess, 5, 0, 1, 8, 8, tensor, &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "would be resized to 7 pixels"));
  assert_int_equal(icn_image_to_crops(picture, &preprocess, 12, 0, 1, 8, 8, tensor, &error), ICN_OK); /* which ask for no such size */
  assert_int_equal(icn_image_to_crops(picture, NULL, 12, 0, 1, 30000, 30000, tensor, &error), ICN_ARGUMENT);
  icn_image_destroy(picture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_is_the_recipes),       cmocka_unit_test(five_and_ten),
      cmocka_unit_test(a_hundred_and_forty_four), cmocka_unit_test(twelve_are_among_them),
      cmocka_unit_test(ranges_are_single_crops),  cmocka_unit_test(what_cannot_be),
  };
  return cmocka_run_group_tests_name("crops", tests, NULL, NULL);
}
