/* Which picture format it is, how large the picture is, and whether the file is whole: structure only, nothing is decoded. */
#include <string.h>

#include "image.h"

enum { MAX_PIXELS_LOG2 = 28 };

/* A place in the file that never moves past its end. */
typedef struct cursor {
  const uint8_t *data;
  size_t bytes, at;
} cursor;

static bool has(const cursor *c, size_t bytes) { return bytes <= c->bytes - c->at; }
static bool skip(cursor *c, size_t bytes) {
  if (!has(c, bytes)) return false;
  c->at += bytes;
  return true;
}
static uint32_t be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static uint32_t be32(const uint8_t *p) { return be16(p) << 16 | be16(p + 2); }
static uint32_t le16(const uint8_t *p) { return (uint32_t)p[1] << 8 | p[0]; }
static uint32_t le32(const uint8_t *p) { return le16(p + 2) << 16 | le16(p); }

static icn_status cut_off(const char *name, size_t bytes, const char *expected, icn_error *error) {
  return icn_error_set(error, ICN_FORMAT, "image '%s' is cut off: it ends after %zu bytes, before %s", name, bytes, expected);
}

static icn_status set_size(icn_image_header *header, int64_t width, int64_t height, const char *name, icn_error *error) {
  if (width <= 0 || height <= 0)
    return icn_error_set(error, ICN_FORMAT, "image '%s' is damaged: its size is %lldx%lld", name, (long long)width, (long long)height);
  if (width > INT64_C(1) << MAX_PIXELS_LOG2 || height > (INT64_C(1) << MAX_PIXELS_LOG2) / width)
    return icn_error_set(error, ICN_UNSUPPORTED, "image '%s' is %lldx%lld pixels large; at most 2^%d pixels are read", name,
                         (long long)width, (long long)height, MAX_PIXELS_LOG2);
  header->width = (int)width;
  header->height = (int)height;
  return ICN_OK;
}

/* -------------------------------------------------------------------- JPEG */

static bool jpeg_is_frame(int marker) { return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC; }

/* Moves to the byte after the next marker's code; the code, or -1 at the end of the file, or -2 where no marker stands. */
static int jpeg_marker(cursor *c) {
  if (!has(c, 1)) return -1;
  if (c->data[c->at] != 0xFF) return -2;
  while (has(c, 1) && c->data[c->at] == 0xFF) c->at++;
  return has(c, 1) ? c->data[c->at++] : -1;
}

/* Moves to the next marker that is neither a stuffed 0xFF nor a restart. */
static void jpeg_skip_entropy(cursor *c) {
  while (has(c, 2)) {
    const uint8_t *here = c->data + c->at, next = here[1];
    if (here[0] == 0xFF && next != 0 && next != 0xFF && (next < 0xD0 || next > 0xD7)) return;
    c->at++;
  }
  c->at = c->bytes;
}

/* Huffman tables: 17 bytes of class and counts, then one byte a code. Some versions of stb_image write past their table when the counts add
 * up to more than 256 or run past the segment. */
static bool jpeg_tables_are_sound(const uint8_t *data, size_t bytes) {
  while (bytes > 0) {
    if (bytes < 17) return false;
    size_t codes = 0;
    for (int i = 1; i <= 16; i++) codes += data[i];
    if (codes > 256 || bytes < 17 + codes) return false;
    data += 17 + codes;
    bytes -= 17 + codes;
  }
  return true;
}

static icn_status jpeg_segment(const uint8_t *data, size_t bytes, int marker, const char *name, icn_image_header *header,
                               icn_error *error) {
  if (jpeg_is_frame(marker) && header->width == 0) {
    if (bytes < 6) return icn_error_set(error, ICN_FORMAT, "image '%s' is damaged: its frame header has only %zu bytes", name, bytes);
    return set_size(header, be16(data + 3), be16(data + 1), name, error);
  }
  if (marker == 0xC4 && !jpeg_tables_are_sound(data, bytes))
    return icn_error_set(error, ICN_FORMAT, "image '%s' is damaged: a JPEG Huffman table does not fit its segment", name);
  if (marker == 0xE1 && bytes > 6 && memcmp(data, "Exif\0\0", 6) == 0) header->orientation = icn_exif_orientation(data + 6, bytes - 6);
  return ICN_OK;
}

static icn_status scan_jpeg(cursor *c, const char *name, icn_image_header *header, icn_error *error) {
  icn_status status = ICN_OK;
  bool scan_seen = false;
  c->at = 2;
  for (;;) {
    size_t start = c->at;
    int marker = jpeg_marker(c);
    ICN_REQUIRE(marker != -2, ICN_FORMAT, "image '%s' is damaged: no JPEG marker at byte %zu", name, start);
    if (marker == -1) return cut_off(name, c->bytes, "its end-of-image marker", error);
    if (marker == 0xD9) break;
    if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7)) continue;
    if (!has(c, 2)) return cut_off(name, c->bytes, "the length of a segment", error);
    size_t length = be16(c->data + c->at);
    ICN_REQUIRE(length >= 2, ICN_FORMAT, "image '%s' is damaged: segment of %zu bytes at byte %zu", name, length, start);
    if (!has(c, length)) return cut_off(name, c->bytes, "the end of a segment", error);
    ICN_TRY(jpeg_segment(c->data + c->at + 2, length - 2, marker, name, header, error));
    c->at += length;
    if (marker == 0xDA) {
      scan_seen = true;
      jpeg_skip_entropy(c);
    }
  }
  ICN_REQUIRE(scan_seen && header->width > 0, ICN_FORMAT, "image '%s' is damaged: a JPEG without a picture in it", name);
done:
  return status;
}

/* --------------------------------------------------------------------- PNG */

static uint32_t png_crc(const uint8_t *data, size_t bytes) {
  uint32_t table[256];
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? UINT32_C(0xEDB88320) ^ (value >> 1) : value >> 1;
    table[i] = value;
  }
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < bytes; i++) crc = table[(crc ^ data[i]) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

static icn_status scan_png(cursor *c, const char *name, icn_image_header *header, icn_error *error) {
  icn_status status = ICN_OK;
  bool data_seen = false;
  c->at = 8;
  for (bool ended = false; !ended;) {
    if (!has(c, 12)) return cut_off(name, c->bytes, "its IEND chunk", error);
    const uint8_t *chunk = c->data + c->at, *type = chunk + 4;
    size_t length = be32(chunk);
    if (!has(c, 12 + length)) return cut_off(name, c->bytes, "the end of a chunk", error);
    ICN_REQUIRE(png_crc(type, length + 4) == be32(chunk + 8 + length), ICN_FORMAT,
                "image '%s' is damaged: the checksum of the PNG chunk at byte %zu is wrong", name, c->at);
    if (c->at == 8) {
      ICN_REQUIRE(memcmp(type, "IHDR", 4) == 0 && length == 13, ICN_FORMAT, "image '%s' is damaged: a PNG without a header", name);
      ICN_TRY(set_size(header, be32(chunk + 8), be32(chunk + 12), name, error));
    }
    if (memcmp(type, "eXIf", 4) == 0) header->orientation = icn_exif_orientation(chunk + 8, length);
    data_seen = data_seen || memcmp(type, "IDAT", 4) == 0;
    ended = memcmp(type, "IEND", 4) == 0;
    c->at += 12 + length;
  }
  ICN_REQUIRE(data_seen, ICN_FORMAT, "image '%s' is damaged: a PNG without pixels", name);
done:
  return status;
}

/* --------------------------------------------------------------------- BMP */

static icn_status scan_bmp(cursor *c, const char *name, icn_image_header *header, icn_error *error) {
  if (!has(c, 26)) return cut_off(name, c->bytes, "the end of its header", error);
  const uint8_t *data = c->data;
  uint64_t file_bytes = le32(data + 2), offset = le32(data + 10), info_bytes = le32(data + 14);
  bool old = info_bytes == 12;
  if (!has(c, old ? 26 : 54)) return cut_off(name, c->bytes, "the end of its header", error);
  int64_t width = old ? (int64_t)le16(data + 18) : (int64_t)le32(data + 18);
  int64_t height = old ? (int64_t)le16(data + 20) : (int64_t)le32(data + 22);
  if (!old && height > INT32_MAX) height = (INT64_C(1) << 32) - height; /* a negative height: the rows run from the top */
  uint32_t bits = old ? le16(data + 24) : le16(data + 28);
  uint32_t compression = old ? 0 : le32(data + 30);
  if (compression != 0 && compression != 3)
    return icn_error_set(error, ICN_UNSUPPORTED, "image '%s' is a compressed BMP (kind %u), which is not read", name, compression);
  icn_status status = set_size(header, width, height, name, error);
  if (status != ICN_OK) return status;
  uint64_t row_bytes = ((uint64_t)width * bits + 31) / 32 * 4, needed = offset + row_bytes * (uint64_t)height;
  if (file_bytes > needed) needed = file_bytes; /* what stands behind the pixels (a colour profile) */
  if (c->bytes < needed) return cut_off(name, c->bytes, "its last row", error);
  return ICN_OK;
}

/* --------------------------------------------------------------------- GIF */

/* Sub-blocks up to and with the empty one. */
static bool gif_skip_blocks(cursor *c) {
  for (;;) {
    if (!has(c, 1)) return false;
    size_t length = c->data[c->at++];
    if (length == 0) return true;
    if (!skip(c, length)) return false;
  }
}

static size_t gif_palette_bytes(uint8_t flags) { return (flags & 0x80) != 0 ? (size_t)3 << ((flags & 7) + 1) : 0; }

static icn_status scan_gif(cursor *c, const char *name, icn_image_header *header, icn_error *error) {
  if (!has(c, 13)) return cut_off(name, c->bytes, "the end of its header", error);
  icn_status status = set_size(header, le16(c->data + 6), le16(c->data + 8), name, error);
  if (status != ICN_OK) return status;
  bool picture_seen = false, whole = skip(c, 13 + gif_palette_bytes(c->data[10]));
  while (whole) {
    if (!has(c, 1)) break;
    uint8_t kind = c->data[c->at++];
    if (kind == 0x3B && picture_seen) return ICN_OK;
    if (kind == 0x21) {
      bool is_control = has(c, 3) && c->data[c->at] == 0xF9 && c->data[c->at + 1] >= 1;
      if (is_control && !picture_seen) header->alpha_at = c->at + 2;
      whole = skip(c, 1) && gif_skip_blocks(c);
    } else if (kind == 0x2C && has(c, 9)) {
      uint8_t flags = c->data[c->at + 8];
      whole = skip(c, 9 + gif_palette_bytes(flags) + 1) && gif_skip_blocks(c);
      picture_seen = true;
    } else if (kind != 0x2C) {
      return icn_error_set(error, ICN_FORMAT, "image '%s' is damaged: no GIF block at byte %zu", name, c->at - 1);
    } else {
      break;
    }
  }
  return cut_off(name, c->bytes, "its end mark", error);
}

/* --------------------------------------------------------------------- TGA */

static const char tga_footer[18] = "TRUEVISION-XFILE."; /* with its NUL, the last bytes of the file */

static bool is_tga(const uint8_t *data, size_t bytes) {
  return bytes >= 18 + 26 && memcmp(data + bytes - sizeof tga_footer, tga_footer, sizeof tga_footer) == 0;
}

static icn_status scan_tga(cursor *c, const char *name, icn_image_header *header, icn_error *error) {
  return set_size(header, le16(c->data + 12), le16(c->data + 14), name, error);
}

/* ----------------------------------------------------------- all of them */

icn_image_format icn_image_identify(const uint8_t *data, size_t bytes) {
  static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  if (bytes >= 3 && data[0] == 0xFF && data[1] == 0xD8 && data[2] == 0xFF) return ICN_IMAGE_JPEG;
  if (bytes >= 8 && memcmp(data, png, 8) == 0) return ICN_IMAGE_PNG;
  if (bytes >= 6 && (memcmp(data, "GIF87a", 6) == 0 || memcmp(data, "GIF89a", 6) == 0)) return ICN_IMAGE_GIF;
  if (bytes >= 18 && data[0] == 'B' && data[1] == 'M' && le32(data + 14) >= 12 && le32(data + 14) <= 124) return ICN_IMAGE_BMP;
  if (bytes >= 3 && data[0] == 'P' && strchr("2356", data[1]) != NULL && data[1] != '\0' && strchr(" \t\r\n#", data[2]) != NULL &&
      data[2] != '\0')
    return ICN_IMAGE_PNM;
  return is_tga(data, bytes) ? ICN_IMAGE_TGA : ICN_IMAGE_NONE;
}

const char *icn_image_format_name(icn_image_format format) {
  static const char *const names[] = {"no image", "JPEG", "PNG", "BMP", "GIF", "TGA", "PNM"};
  return names[format];
}

icn_status icn_image_scan(const uint8_t *data, size_t bytes, const char *name, icn_image_header *header, icn_error *error) {
  cursor c = {data, bytes, 0};
  *header = (icn_image_header){bytes == 0 ? ICN_IMAGE_NONE : icn_image_identify(data, bytes), 0, 0, 1, 0};
  switch (header->format) {
    case ICN_IMAGE_JPEG:
      return scan_jpeg(&c, name, header, error);
    case ICN_IMAGE_PNG:
      return scan_png(&c, name, header, error);
    case ICN_IMAGE_BMP:
      return scan_bmp(&c, name, header, error);
    case ICN_IMAGE_GIF:
      return scan_gif(&c, name, header, error);
    case ICN_IMAGE_TGA:
      return scan_tga(&c, name, header, error);
    case ICN_IMAGE_PNM:
      return icn_image_scan_pnm(data, bytes, name, header, error);
    case ICN_IMAGE_NONE:
      break;
  }
  if (bytes == 0) return icn_error_set(error, ICN_FORMAT, "image '%s' is empty", name);
  return icn_error_set(error, ICN_FORMAT, "'%s' is not an image that this library reads (JPEG, PNG, BMP, GIF, TGA, PNM)", name);
}
