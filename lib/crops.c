/* Crops: where they lie, and their tensors. */
#include "crops.h"

#include <string.h>

enum { POSITIONS = 6, SQUARES = 3, SCALES = 4, MOST_PIXELS = 1 << 28 };

bool icn_crops_exist(int crops) { return crops == 1 || crops == 5 || crops == 10 || crops == 12 || crops == 144; }

/* ---------------------------------------------------------------- geometry */

/* (room) / 2 rounded to even, as Python's round, so that crops agree with torchvision's. */
static int64_t half_even(int64_t room) { return room / 2 + (room % 2 != 0 && room / 2 % 2 != 0 ? 1 : 0); }

static int64_t larger_side(int width, int height) { return width > height ? width : height; }

/* The middle part of the picture. */
static void take_central_part(icn_crop *crop, int picture_width, int picture_height, float part) {
  int width = (int)((double)picture_width * (double)part + 0.5), height = (int)((double)picture_height * (double)part + 0.5);
  crop->part_width = width < 1 ? 1 : width;
  crop->part_height = height < 1 ? 1 : height;
  crop->part_x = (picture_width - crop->part_width) / 2;
  crop->part_y = (picture_height - crop->part_height) / 2;
}

static void take_whole_picture(icn_crop *crop, int picture_width, int picture_height) {
  crop->part_x = crop->part_y = 0;
  crop->part_width = picture_width;
  crop->part_height = picture_height;
}

/* The part resized so that its shorter side has this many pixels. */
static void resize_shorter(icn_crop *crop, int64_t shorter) {
  const bool wide = crop->part_width >= crop->part_height;
  const int64_t longer = wide ? shorter * crop->part_width / crop->part_height : shorter * crop->part_height / crop->part_width;
  crop->region.full_width = wide ? longer : shorter;
  crop->region.full_height = wide ? shorter : longer;
}

static icn_status recipe_shorter(const icn_preprocess *p, int width, int height, int64_t *shorter, icn_error *error) {
  const int64_t side = larger_side(width, height);
  *shorter = p->resize_shorter > 0 ? p->resize_shorter : (side * 16 + 7) / 14;
  if (*shorter >= side) return ICN_OK;
  return icn_error_set(error, ICN_ARGUMENT, "the picture's shorter side would be resized to %lld pixels, but the model needs %dx%d",
                       (long long)*shorter, width, height);
}

/* Top left, top right, bottom left, bottom right, middle of a room of that size. */
enum { MIDDLE = 4, WHOLE = 5 };
static void place(int position, int64_t room_x, int64_t room_y, int64_t *x, int64_t *y) {
  *x = position == MIDDLE ? half_even(room_x) : position % 2 == 1 ? room_x : 0;
  *y = position == MIDDLE ? half_even(room_y) : position >= 2 ? room_y : 0;
}

/* The recipe's own crop. */
static icn_status crop_alone(const icn_preprocess *p, int picture_width, int picture_height, icn_crop *crop, icn_error *error) {
  icn_status status = ICN_OK;
  icn_resize_window *r = &crop->region;
  int64_t shorter = 0;
  take_central_part(crop, picture_width, picture_height, p->central);
  if (p->resize_shorter == 0) {
    r->full_width = r->width;
    r->full_height = r->height;
    return ICN_OK;
  }
  ICN_TRY(recipe_shorter(p, r->width, r->height, &shorter, error));
  resize_shorter(crop, shorter);
  place(MIDDLE, r->full_width - r->width, r->full_height - r->height, &r->x, &r->y);
done:
  return status;
}

/* One of the corners or the middle of the recipe's resized picture. */
static icn_status crop_of_five(const icn_preprocess *p, int picture_width, int picture_height, int position, icn_crop *crop,
                               icn_error *error) {
  icn_status status = ICN_OK;
  icn_resize_window *r = &crop->region;
  int64_t shorter = 0;
  if (p->resize_shorter != 0) {
    ICN_TRY(recipe_shorter(p, r->width, r->height, &shorter, error));
    take_central_part(crop, picture_width, picture_height, p->central);
    resize_shorter(crop, shorter);
  } else {
    const double part = p->central < 1.0F ? (double)p->central : 224.0 / 256.0;
    take_whole_picture(crop, picture_width, picture_height);
    r->full_width = (int64_t)(r->width / part + 0.5);
    r->full_height = (int64_t)(r->height / part + 0.5);
  }
  place(position, r->full_width - r->width, r->full_height - r->height, &r->x, &r->y);
done:
  return status;
}

/* One of the six parts of a square of the picture at some scale. */
static icn_status crop_of_square(int picture_width, int picture_height, int scale, int square, int position, icn_crop *crop,
                                 icn_error *error) {
  icn_resize_window *r = &crop->region;
  const int width = r->width, height = r->height;
  const int64_t side = larger_side(width, height), shorter = (side * (256 + 32 * scale) * 2 + 224) / (2 * 224);
  if (shorter * shorter > MOST_PIXELS)
    return icn_error_set(error, ICN_ARGUMENT, "an input of %dx%d is too large for these crops: squares of %lld pixels a side", width,
                         height, (long long)shorter);
  take_whole_picture(crop, picture_width, picture_height);
  resize_shorter(crop, shorter);
  r->width = r->height = (int)shorter;
  const int64_t room_x = r->full_width - shorter, room_y = r->full_height - shorter; /* one of them is 0 */
  r->x = square == 1 ? half_even(room_x) : square == 2 ? room_x : 0;
  r->y = square == 1 ? half_even(room_y) : square == 2 ? room_y : 0;
  crop->whole = position == WHOLE;
  if (!crop->whole) {
    int64_t x, y;
    place(position, shorter - width, shorter - height, &x, &y);
    crop->x = (int)x;
    crop->y = (int)y;
  }
  return ICN_OK;
}

icn_status icn_crop_at(const icn_preprocess *preprocess, int picture_width, int picture_height, int width, int height, int crops, int index,
                       icn_crop *crop, icn_error *error) {
  icn_status status = icn_preprocess_check(preprocess, width, height, error);
  if (status != ICN_OK) return status;
  if (!icn_crops_exist(crops))
    return icn_error_set(error, ICN_ARGUMENT, "there are no %d crops of a picture; there are 1, 5, 10, 12 and 144", crops);
  if (index < 0 || index >= crops) return icn_error_set(error, ICN_ARGUMENT, "there is no crop %d of %d", index, crops);
  memset(crop, 0, sizeof *crop); /* so that two regions can be compared as bytes */
  crop->region.width = width;
  crop->region.height = height;
  if (crops == 1) return crop_alone(preprocess, picture_width, picture_height, crop, error);
  if (crops == 5) return crop_of_five(preprocess, picture_width, picture_height, index, crop, error);
  crop->mirror = index % 2 == 1;
  index /= 2;
  if (crops == 10) return crop_of_five(preprocess, picture_width, picture_height, index, crop, error);
  const int position = index % POSITIONS, square = crops == 12 ? 1 : index / POSITIONS % SQUARES;
  const int scale = crops == 12 ? 0 : index / (POSITIONS * SQUARES) % SCALES;
  return crop_of_square(picture_width, picture_height, scale, square, position, crop, error);
}

/* ----------------------------------------------------------------- tensors */

/* The regions that the last crop was made of. */
typedef struct workshop {
  const icn_image *image;
  icn_resize resize;
  uint8_t *region, *resized; /* [region.height][region.width][3]; [height][width][3] of all of it, made when it is asked for */
  icn_crop of;               /* what `region` holds */
  size_t capacity;
  bool has_region, has_resized;
} workshop;

static bool same_region(const icn_crop *a, const icn_crop *b) {
  return a->part_x == b->part_x && a->part_y == b->part_y && a->part_width == b->part_width && a->part_height == b->part_height &&
         memcmp(&a->region, &b->region, sizeof a->region) == 0;
}

static icn_status make_region(workshop *w, const icn_crop *crop, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_image *image = w->image;
  const icn_resize_window *r = &crop->region;
  const size_t bytes = (size_t)r->width * (size_t)r->height * 3, row_bytes = (size_t)image->width * 3;
  if (w->has_region && same_region(&w->of, crop)) return ICN_OK;
  w->has_region = w->has_resized = false;
  if (bytes > w->capacity) {
    icn_release(&image->allocator, w->region);
    w->region = icn_allocate(&image->allocator, bytes);
    w->capacity = w->region == NULL ? 0 : bytes;
    if (w->region == NULL) ICN_TRY(icn_error_memory(error, bytes, "a resized picture"));
  }
  const icn_pixels part = {image->pixels + (size_t)crop->part_y * row_bytes + (size_t)crop->part_x * 3, crop->part_width, crop->part_height,
                           row_bytes};
  ICN_TRY(icn_pixels_resize(&image->allocator, &part, w->resize, r, w->region, error));
  w->of = *crop;
  w->has_region = true;
done:
  return status;
}

/* All of the region resized to the input's size. */
static icn_status make_resized(workshop *w, int width, int height, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_resize_window *r = &w->of.region, all = {width, height, 0, 0, width, height};
  const icn_pixels region = {w->region, r->width, r->height, (size_t)r->width * 3};
  const size_t bytes = (size_t)width * (size_t)height * 3;
  if (w->has_resized) return ICN_OK;
  if (w->resized == NULL) w->resized = icn_allocate(&w->image->allocator, bytes);
  if (w->resized == NULL) ICN_TRY(icn_error_memory(error, bytes, "a resized picture"));
  ICN_TRY(icn_pixels_resize(&w->image->allocator, &region, w->resize, &all, w->resized, error));
  w->has_resized = true;
done:
  return status;
}

icn_status icn_crops_apply(const icn_preprocess *preprocess, const icn_image *image, int crops, int first, int count, int width, int height,
                           float *tensor, icn_error *error) {
  icn_status status = ICN_OK;
  workshop w = {.image = image, .resize = preprocess->resize};
  for (int k = 0; k < count; k++) {
    icn_crop crop;
    ICN_TRY(icn_crop_at(preprocess, image->width, image->height, width, height, crops, first + k, &crop, error));
    ICN_TRY(make_region(&w, &crop, error));
    const size_t row_bytes = (size_t)crop.region.width * 3;
    icn_pixels pixels = {w.region + (size_t)crop.y * row_bytes + (size_t)crop.x * 3, width, height, row_bytes};
    if (crop.whole) {
      ICN_TRY(make_resized(&w, width, height, error));
      pixels = (icn_pixels){w.resized, width, height, (size_t)width * 3};
    }
    icn_preprocess_write(preprocess, &pixels, crop.mirror, tensor + (size_t)k * 3 * (size_t)width * (size_t)height);
  }
done:
  icn_release(&image->allocator, w.region);
  icn_release(&image->allocator, w.resized);
  return status;
}
