/* Pictures: from a file's bytes to 8-bit RGB, resized and written as an input tensor. No I/O. */
#ifndef ICN_LIB_IMAGE_H
#define ICN_LIB_IMAGE_H

#include "base.h"

struct icn_image {
  icn_allocator allocator;
  int width, height;
  uint8_t *pixels; /* [height][width][3], RGB */
};

typedef enum icn_image_format {
  ICN_IMAGE_NONE = 0,
  ICN_IMAGE_JPEG,
  ICN_IMAGE_PNG,
  ICN_IMAGE_BMP,
  ICN_IMAGE_GIF,
  ICN_IMAGE_TGA, /* only with the "TRUEVISION-XFILE" footer: the older kind has nothing to be known by */
  ICN_IMAGE_PNM
} icn_image_format;

/* What the scan of a file's structure finds. */
typedef struct icn_image_header {
  icn_image_format format;
  int width, height; /* as stored, before the orientation is applied */
  int orientation;   /* EXIF 1 to 8; 1 when the file has none */
  size_t alpha_at;   /* GIF: where the byte stands whose lowest bit makes one colour of the first picture transparent; 0: nowhere */
} icn_image_header;

/* By the first bytes (TGA: by the last). */
icn_image_format icn_image_identify(const uint8_t *data, size_t bytes);
const char *icn_image_format_name(icn_image_format format);

/* Walks the file's structure from its first byte to its end mark, so that a file that was cut off anywhere is refused, whatever the decoder
 * would make of it. `name` is the file's, for messages. Fails: ICN_FORMAT, ICN_UNSUPPORTED (more than 2^28 pixels). */
icn_status icn_image_scan(const uint8_t *data, size_t bytes, const char *name, icn_image_header *header, icn_error *error);

/* The orientation in a TIFF block as EXIF has it; 1 when there is none or the block is damaged. */
int icn_exif_orientation(const uint8_t *tiff, size_t bytes);

/* Scan, decode, orientation: what icn_image_load_memory does. *image is NEW. */
icn_status icn_image_decode(const icn_allocator *allocator, const void *data, size_t bytes, const char *name, icn_image **image,
                            icn_error *error);
/* An image with room for its pixels, not filled. */
icn_status icn_image_allocate(const icn_allocator *allocator, int width, int height, icn_image **image, icn_error *error);

/* One format's decoder: fills pixels[height][width][3] of the scanned header's size. */
icn_status icn_image_decode_stb(const uint8_t *data, size_t bytes, const char *name, const icn_image_header *header, uint8_t *pixels,
                                icn_error *error);
icn_status icn_image_decode_pnm(const uint8_t *data, size_t bytes, const char *name, const icn_image_header *header, uint8_t *pixels,
                                icn_error *error);
/* Finds the size of a PNM file and checks that all of its samples are there. */
icn_status icn_image_scan_pnm(const uint8_t *data, size_t bytes, const char *name, icn_image_header *header, icn_error *error);

/* uint8 data[height][row_bytes], of which 3 * width bytes a row are the picture: may be a part of a larger one. */
typedef struct icn_pixels {
  const uint8_t *data;
  int width, height;
  size_t row_bytes;
} icn_pixels;

/* The picture resized to full_width x full_height, of which only the window [x, x + width) x [y, y + height) is made. */
typedef struct icn_resize_window {
  int64_t full_width, full_height, x, y;
  int width, height;
} icn_resize_window;

/* Writes uint8 output[height][width][3]. Fails: ICN_NO_MEMORY, ICN_UNSUPPORTED (intermediate picture above 1 GiB). */
icn_status icn_pixels_resize(const icn_allocator *allocator, const icn_pixels *source, icn_resize resize, const icn_resize_window *window,
                             uint8_t *output, icn_error *error);

/* Fills every field. Fails: ICN_ARGUMENT (unknown name; the ones that exist are listed). */
icn_status icn_preprocess_recipe(icn_preprocess *preprocess, const char *name, icn_error *error);
/* Fails: ICN_ARGUMENT (a recipe or a size of the input that cannot be; the sentence says what is wrong). */
icn_status icn_preprocess_check(const icn_preprocess *preprocess, int width, int height, icn_error *error);
/* float tensor[3][height][width] by the recipe's arithmetic, from pixels of that size; `mirror`: left and right change places. */
void icn_preprocess_write(const icn_preprocess *preprocess, const icn_pixels *pixels, bool mirror, float *tensor);
/* What icn_image_to_tensor does. */
icn_status icn_preprocess_apply(const icn_preprocess *preprocess, const icn_image *image, int width, int height, float *tensor,
                                icn_error *error);

#endif
