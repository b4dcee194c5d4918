/* Recipes that turn a picture into a network's input. */
#include <math.h>
#include <string.h>

#include "crops.h"

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

/* So that what is resized to have such a middle can be counted (crops.c). */
#define LEAST_CENTRAL 0.001F

icn_status icn_preprocess_check(const icn_preprocess *p, int width, int height, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(width > 0 && height > 0 && width <= 32768 && height <= 32768, ICN_ARGUMENT,
              "a picture cannot be made %dx%d pixels large; 1 to 32768 a side is allowed", width, height);
  ICN_REQUIRE(p->resize >= ICN_RESIZE_BICUBIC && p->resize <= ICN_RESIZE_NEAREST, ICN_ARGUMENT, "there is no resize number %d",
              (int)p->resize);
  ICN_REQUIRE(p->resize_shorter >= -1 && p->resize_shorter <= 32768, ICN_ARGUMENT, "resize_shorter is %d; -1 to 32768 is allowed",
              p->resize_shorter);
  ICN_REQUIRE(p->central >= LEAST_CENTRAL && p->central <= 1.0F, ICN_ARGUMENT, "the central part is %g of the picture; %g to 1 is allowed",
              (double)p->central, (double)LEAST_CENTRAL);
  ICN_REQUIRE(isfinite(p->scale), ICN_ARGUMENT, "the scale of the pixels is not a finite number");
  for (int c = 0; c < 3; c++)
    ICN_REQUIRE(isfinite(p->mean[c]) && isfinite(p->std[c]) && p->std[c] != 0.0F, ICN_ARGUMENT,
                "mean %g and std %g of channel %d: both must be finite, and std not 0", (double)p->mean[c], (double)p->std[c], c);
done:
  return status;
}

/* tensor[c][y][x] = (pixel * scale - mean[c]) / std[c], by a table of the 256 possible values. */
static void write_plane(const icn_pixels *pixels, int c, const icn_preprocess *p, bool mirror, float *plane) {
  float value[256];
  const int64_t step = mirror ? -3 : 3;
  for (int i = 0; i < 256; i++) value[i] = ((float)i * p->scale - p->mean[c]) / p->std[c];
  for (int y = 0; y < pixels->height; y++, plane += pixels->width) {
    const uint8_t *in = pixels->data + (size_t)y * pixels->row_bytes + (p->bgr != 0 ? 2 - c : c);
    if (mirror) in += 3 * (pixels->width - 1);
    for (int x = 0; x < pixels->width; x++, in += step) plane[x] = value[*in];
  }
}

void icn_preprocess_write(const icn_preprocess *preprocess, const icn_pixels *pixels, bool mirror, float *tensor) {
  const size_t plane = (size_t)pixels->width * (size_t)pixels->height;
  for (int c = 0; c < 3; c++) write_plane(pixels, c, preprocess, mirror, tensor + (size_t)c * plane);
}

icn_status icn_preprocess_apply(const icn_preprocess *preprocess, const icn_image *image, int width, int height, float *tensor,
                                icn_error *error) {
  return icn_crops_apply(preprocess, image, 1, 0, 1, width, height, tensor, error);
}
