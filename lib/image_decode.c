/* From a file's bytes to an upright picture. */
#include <string.h>

#include "image.h"

icn_status icn_image_allocate(const icn_allocator *allocator, int width, int height, icn_image **image, icn_error *error) {
  icn_status status = ICN_OK;
  icn_image *made = icn_allocate_array(allocator, 1, sizeof *made);
  size_t bytes = (size_t)width * (size_t)height * 3;
  *image = NULL;
  if (made == NULL) return icn_error_memory(error, sizeof *made, "an image");
  made->allocator = *allocator;
  made->width = width;
  made->height = height;
  made->pixels = icn_allocate(allocator, bytes);
  if (made->pixels == NULL) {
    status = icn_error_memory(error, bytes, "an image's pixels");
    icn_image_destroy(made);
    return status;
  }
  *image = made;
  return ICN_OK;
}

void icn_image_destroy(icn_image *image) {
  if (image == NULL) return;
  icn_allocator allocator = image->allocator;
  icn_release(&allocator, image->pixels);
  icn_release(&allocator, image);
}

/* Where pixel (x, y) of the upright picture stands in the stored one: start + x * step_x + y * step_y (pixels). EXIF 2.3, table 6: bit by
 * bit, orientations 5 to 8 swap the axes, the others mirror. */
typedef struct walk {
  int64_t start, step_x, step_y;
} walk;

static walk orientation_walk(int orientation, int64_t width, int64_t height) {
  bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8; /* in the stored picture's axes */
  bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  int64_t step_column = mirror_x ? -1 : 1, step_row = mirror_y ? -width : width;
  walk result = {(mirror_x ? width - 1 : 0) + (mirror_y ? (height - 1) * width : 0), step_column, step_row};
  if (orientation >= 5) {
    result.step_x = step_row;
    result.step_y = step_column;
  }
  return result;
}

/* Replaces the image by its upright version. */
static icn_status turn_upright(icn_image **image, int orientation, icn_error *error) {
  icn_image *stored = *image, *upright = NULL;
  bool swap = orientation >= 5;
  icn_status status =
      icn_image_allocate(&stored->allocator, swap ? stored->height : stored->width, swap ? stored->width : stored->height, &upright, error);
  if (status != ICN_OK) return status;
  walk step = orientation_walk(orientation, stored->width, stored->height);
  uint8_t *out = upright->pixels;
  for (int y = 0; y < upright->height; y++) {
    const uint8_t *in = stored->pixels + 3 * (step.start + y * step.step_y);
    for (int x = 0; x < upright->width; x++, out += 3) memcpy(out, in + 3 * x * step.step_x, 3);
  }
  icn_image_destroy(stored);
  *image = upright;
  return ICN_OK;
}

icn_status icn_image_decode(const icn_allocator *allocator, const void *data, size_t bytes, const char *name, icn_image **image,
                            icn_error *error) {
  icn_status status = ICN_OK;
  icn_image_header header;
  *image = NULL;
  ICN_TRY(icn_image_scan(data, bytes, name, &header, error));
  ICN_TRY(icn_image_allocate(allocator, header.width, header.height, image, error));
  if (header.format == ICN_IMAGE_PNM)
    ICN_TRY(icn_image_decode_pnm(data, bytes, name, &header, (*image)->pixels, error));
  else
    ICN_TRY(icn_image_decode_stb(data, bytes, name, &header, (*image)->pixels, error));
  if (header.orientation != 1) ICN_TRY(turn_upright(image, header.orientation, error));
done:
  if (status != ICN_OK) {
    icn_image_destroy(*image);
    *image = NULL;
  }
  return status;
}

void icn_image_size(const icn_image *image, int *width, int *height) {
  if (width != NULL) *width = image->width;
  if (height != NULL) *height = image->height;
}

const uint8_t *icn_image_pixels(const icn_image *image) { return image->pixels; }
