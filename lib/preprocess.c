/* Recipes that turn a picture into a network's input. */
#include <math.h>
#include <string.h>

#include "image.h"

/* unit: this project's default. torchvision: Inception_V3_Weights and its relatives ("ImageClassification" presets). tf-slim: its Inception
 * evaluation (central 87.5 %, bilinear). keras: keras.applications' "tf" mode. caffe: BVLC GoogLeNet (means of the BGR channels). */
static const icn_preprocess recipes[] = {
    {sizeof(icn_preprocess), "unit", ICN_RESIZE_BICUBIC, 0, 0, 1.0F / 255.0F, {0.0F, 0.0F, 0.0F}, {1.0F, 1.0F, 1.0F}, 1.0F},
    {sizeof(icn_preprocess),
     "torchvision",
     ICN_RESIZE_BILINEAR,
     -1,
     0,
     1.0F / 255.0F,
     {0.485F, 0.456F, 0.406F},
     {0.229F, 0.224F, 0.225F},
     1.0F},
    {sizeof(icn_preprocess), "tf-slim", ICN_RESIZE_BILINEAR, 0, 0, 1.0F, {127.5F, 127.5F, 127.5F}, {127.5F, 127.5F, 127.5F}, 0.875F},
    {sizeof(icn_preprocess), "keras", ICN_RESIZE_BILINEAR, 0, 0, 1.0F, {127.5F, 127.5F, 127.5F}, {127.5F, 127.5F, 127.5F}, 1.0F},
    {sizeof(icn_preprocess), "caffe", ICN_RESIZE_BILINEAR, 0, 1, 1.0F, {104.0F, 117.0F, 123.0F}, {1.0F, 1.0F, 1.0F}, 1.0F},
};

icn_status icn_preprocess_recipe(icn_preprocess *preprocess, const char *name, icn_error *error) {
  if (name == NULL) name = recipes[0].name;
  for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++) {
    if (strcmp(recipes[i].name, name) != 0) continue;
    *preprocess = recipes[i];
    return ICN_OK;
  }
  return icn_error_set(error, ICN_ARGUMENT, "there is no preprocessing recipe '%s'; there are unit, torchvision, tf-slim, keras and caffe",
                       name);
}

static icn_status check(const icn_preprocess *p, int width, int height, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(width > 0 && height > 0 && width <= 32768 && height <= 32768, ICN_ARGUMENT,
              "a picture cannot be made %dx%d pixels large; 1 to 32768 a side is allowed", width, height);
  ICN_REQUIRE(p->resize >= ICN_RESIZE_BICUBIC && p->resize <= ICN_RESIZE_NEAREST, ICN_ARGUMENT, "there is no resize number %d",
              (int)p->resize);
  ICN_REQUIRE(p->resize_shorter >= -1 && p->resize_shorter <= 32768, ICN_ARGUMENT, "resize_shorter is %d; -1 to 32768 is allowed",
              p->resize_shorter);
  ICN_REQUIRE(p->central > 0.0F && p->central <= 1.0F, ICN_ARGUMENT, "the central part is %g of the picture; above 0 to 1 is allowed",
              (double)p->central);
  ICN_REQUIRE(isfinite(p->scale), ICN_ARGUMENT, "the scale of the pixels is not a finite number");
  for (int c = 0; c < 3; c++)
    ICN_REQUIRE(isfinite(p->mean[c]) && isfinite(p->std[c]) && p->std[c] != 0.0F, ICN_ARGUMENT,
                "mean %g and std %g of channel %d: both must be finite, and std not 0", (double)p->mean[c], (double)p->std[c], c);
done:
  return status;
}

/* The middle part of the picture. */
static icn_pixels central_part(const icn_image *image, float part) {
  int width = (int)((double)image->width * (double)part + 0.5), height = (int)((double)image->height * (double)part + 0.5);
  width = width < 1 ? 1 : width;
  height = height < 1 ? 1 : height;
  size_t x = (size_t)((image->width - width) / 2), y = (size_t)((image->height - height) / 2);
  return (icn_pixels){image->pixels + (y * (size_t)image->width + x) * 3, width, height, (size_t)image->width * 3};
}

/* (room) / 2 rounded to even, as Python's round, so that crops agree with torchvision's. */
static int64_t half_even(int64_t room) { return room / 2 + (room % 2 != 0 && room / 2 % 2 != 0 ? 1 : 0); }

/* To which size the picture is resized and which part of that the network sees. */
static icn_status window_of(const icn_preprocess *p, const icn_pixels *source, int width, int height, icn_resize_window *window,
                            icn_error *error) {
  *window = (icn_resize_window){width, height, 0, 0, width, height};
  if (p->resize_shorter == 0) return ICN_OK;
  int64_t side = width > height ? width : height, shorter = p->resize_shorter > 0 ? p->resize_shorter : (side * 16 + 7) / 14;
  if (shorter < side)
    return icn_error_set(error, ICN_ARGUMENT, "the picture's shorter side would be resized to %lld pixels, but the model needs %dx%d",
                         (long long)shorter, width, height);
  bool wide = source->width >= source->height;
  int64_t longer = wide ? shorter * source->width / source->height : shorter * source->height / source->width;
  window->full_width = wide ? longer : shorter;
  window->full_height = wide ? shorter : longer;
  window->x = half_even(window->full_width - width);
  window->y = half_even(window->full_height - height);
  return ICN_OK;
}

/* tensor[c][y][x] = (pixel * scale - mean[c]) / std[c], by a table of the 256 possible values. */
static void write_plane(const uint8_t *pixels, size_t count, int c, const icn_preprocess *p, float *plane) {
  float value[256];
  for (int i = 0; i < 256; i++) value[i] = ((float)i * p->scale - p->mean[c]) / p->std[c];
  const uint8_t *channel = pixels + (p->bgr != 0 ? 2 - c : c);
  for (size_t i = 0; i < count; i++) plane[i] = value[channel[3 * i]];
}

icn_status icn_preprocess_apply(const icn_preprocess *preprocess, const icn_image *image, int width, int height, float *tensor,
                                icn_error *error) {
  icn_status status = ICN_OK;
  uint8_t *resized = NULL;
  icn_resize_window window;
  size_t count = (size_t)(width > 0 ? width : 0) * (size_t)(height > 0 ? height : 0);
  ICN_TRY(check(preprocess, width, height, error));
  icn_pixels source = central_part(image, preprocess->central);
  ICN_TRY(window_of(preprocess, &source, width, height, &window, error));
  resized = icn_allocate(&image->allocator, count * 3);
  if (resized == NULL) {
    status = icn_error_memory(error, count * 3, "a resized picture");
    goto done;
  }
  ICN_TRY(icn_pixels_resize(&image->allocator, &source, preprocess->resize, &window, resized, error));
  for (int c = 0; c < 3; c++) write_plane(resized, count, c, preprocess, tensor + (size_t)c * count);
done:
  icn_release(&image->allocator, resized);
  return status;
}
