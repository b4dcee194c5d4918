/* stb_image behind two functions: JPEG, PNG, BMP, GIF (first frame) and TGA to 8-bit RGB; and its inflate. The only file that includes it;
 * its own scratch memory comes from the C library. The scan has already bounded the size, and it has seen the file's end mark. Known in
 * stb_image 2.27: JPEGs with chroma halved in width only (4:2:2) have the two weights of their last but one chroma sample swapped, which is
 * seen in one column of pixels. */
#include <string.h>

#include "gzip.h"
#include "image.h"

#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-function" /* asked at the end of the file, so not inside the push */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#endif
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_NO_PSD
#define STBI_NO_PIC
#define STBI_NO_PNM                      /* its 16-bit variant reads past its buffer */
#define STBI_ASSERT(condition) ((void)0) /* a damaged file must not end the host's process; the conditions hold for whole ones */
#include <stb/stb_image.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

int64_t icn_inflate(const uint8_t *data, size_t bytes, uint8_t *out, size_t out_bytes) {
  if (bytes > INT32_MAX || out_bytes > INT32_MAX) return -1;
  return stbi_zlib_decode_noheader_buffer((char *)out, (int)out_bytes, (const char *)data, (int)bytes);
}

typedef struct reader {
  const uint8_t *data;
  size_t bytes, at;
  bool past_end;
  size_t alpha_at; /* icn_image_header: alpha is ignored, so that bit is read as 0; stb_image would leave such pixels out */
} reader;

static int reader_read(void *user, char *out, int wanted) {
  reader *file = user;
  size_t left = file->bytes - file->at, count = (size_t)wanted < left ? (size_t)wanted : left;
  if (left == 0) file->past_end = true;
  memcpy(out, file->data + file->at, count);
  if (file->alpha_at >= file->at && file->alpha_at - file->at < count && file->alpha_at != 0)
    out[file->alpha_at - file->at] = (char)(out[file->alpha_at - file->at] & ~1);
  file->at += count;
  return (int)count;
}

static void reader_skip(void *user, int count) {
  reader *file = user;
  if (count < 0) {
    size_t back = (size_t) - (int64_t)count;
    file->at = back < file->at ? file->at - back : 0;
  } else if ((size_t)count > file->bytes - file->at) {
    file->past_end = true;
    file->at = file->bytes;
  } else {
    file->at += (size_t)count;
  }
}

static int reader_at_end(void *user) {
  const reader *file = user;
  return file->at == file->bytes;
}

icn_status icn_image_decode_stb(const uint8_t *data, size_t bytes, const char *name, const icn_image_header *header, uint8_t *pixels,
                                icn_error *error) {
  static const stbi_io_callbacks callbacks = {reader_read, reader_skip, reader_at_end};
  icn_status status = ICN_OK;
  reader file = {data, bytes, 0, false, header->alpha_at};
  int width = 0, height = 0, channels = 0;
  const char *kind = icn_image_format_name(header->format);
  stbi_uc *decoded = stbi_load_from_callbacks(&callbacks, &file, &width, &height, &channels, 3);
  if (decoded == NULL) {
    const char *reason = stbi_failure_reason();
    ICN_REQUIRE(!file.past_end, ICN_FORMAT, "image '%s' is cut off or damaged: the %s decoder reads past its end", name, kind);
    ICN_REQUIRE(reason == NULL || strcmp(reason, "outofmem") != 0, ICN_NO_MEMORY, "out of memory while image '%s' was decoded", name);
    ICN_FAIL(ICN_FORMAT, "image '%s' cannot be decoded: it is damaged or a rare kind of %s (%s)", name, kind,
             reason == NULL ? "no reason given" : reason);
  }
  ICN_REQUIRE(!file.past_end, ICN_FORMAT, "image '%s' is cut off or damaged: the %s decoder reads past its end", name, kind);
  ICN_REQUIRE(width == header->width && height == header->height, ICN_FORMAT,
              "image '%s' is damaged: its %s header says %dx%d, its data %dx%d", name, kind, header->width, header->height, width, height);
  memcpy(pixels, decoded, (size_t)width * (size_t)height * 3);
done:
  stbi_image_free(decoded);
  return status;
}
