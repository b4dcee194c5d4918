/* PGM and PPM (P2, P3 as text, P5, P6 binary), 8 and 16 bits: Netpbm's pgm(5) and ppm(5). */
#include "image.h"

typedef struct pnm {
  const uint8_t *data;
  size_t bytes, at;
  bool text;
  int channels;
  uint32_t largest; /* the value of white */
} pnm;

static bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The next decimal number; comments run from '#' to the end of the line. False at the end of the file or where no number stands. */
static bool read_number(pnm *file, uint32_t *number) {
  for (; file->at < file->bytes; file->at++) {
    if (file->data[file->at] == '#') {
      while (file->at < file->bytes && file->data[file->at] != '\n') file->at++;
      if (file->at == file->bytes) return false;
    } else if (!is_space(file->data[file->at])) {
      break;
    }
  }
  uint64_t value = 0;
  size_t start = file->at;
  for (; file->at < file->bytes && file->data[file->at] >= '0' && file->data[file->at] <= '9'; file->at++) {
    value = value * 10 + (uint64_t)(file->data[file->at] - '0');
    if (value > INT32_MAX) return false;
  }
  *number = (uint32_t)value;
  return file->at > start;
}

/* Reads the header; `at` is the first sample then. */
static bool read_header(pnm *file, const uint8_t *data, size_t bytes, uint32_t *width, uint32_t *height) {
  *file = (pnm){data, bytes, 2, data[1] == '2' || data[1] == '3', data[1] == '3' || data[1] == '6' ? 3 : 1, 0};
  if (!read_number(file, width) || !read_number(file, height) || !read_number(file, &file->largest)) return false;
  return file->at < bytes && is_space(data[file->at++]);
}

/* A number in text needs something behind it: else it may have lost digits to a cut. */
static bool read_sample(pnm *file, uint32_t *sample) {
  if (file->text) return read_number(file, sample) && file->at < file->bytes && is_space(file->data[file->at]);
  size_t size = file->largest > 255 ? 2 : 1;
  if (file->bytes - file->at < size) return false;
  *sample = size == 1 ? file->data[file->at] : (uint32_t)file->data[file->at] << 8 | file->data[file->at + 1];
  file->at += size;
  return true;
}

icn_status icn_image_scan_pnm(const uint8_t *data, size_t bytes, const char *name, icn_image_header *header, icn_error *error) {
  icn_status status = ICN_OK;
  pnm file;
  uint32_t width = 0, height = 0;
  ICN_REQUIRE(read_header(&file, data, bytes, &width, &height), ICN_FORMAT,
              "image '%s' is cut off or damaged: its PNM header has no width, height and largest value", name);
  ICN_REQUIRE(file.largest >= 1 && file.largest <= 65535, ICN_FORMAT,
              "image '%s' is damaged: its largest value is %u, but 1 to 65535 is allowed", name, file.largest);
  ICN_REQUIRE(width > 0 && height > 0, ICN_FORMAT, "image '%s' is damaged: its size is %ux%u", name, width, height);
  ICN_REQUIRE((uint64_t)width * height <= UINT64_C(1) << 28, ICN_UNSUPPORTED,
              "image '%s' is %ux%u pixels large; at most 2^28 pixels are read", name, width, height);
  uint64_t samples = (uint64_t)width * height * (uint64_t)file.channels;
  uint64_t least_bytes = file.text ? samples * 2 : samples * (file.largest > 255 ? 2 : 1);
  ICN_REQUIRE(bytes - file.at >= least_bytes, ICN_FORMAT, "image '%s' is cut off: it ends after %zu bytes, before its last pixel", name,
              bytes);
  header->width = (int)width;
  header->height = (int)height;
done:
  return status;
}

icn_status icn_image_decode_pnm(const uint8_t *data, size_t bytes, const char *name, const icn_image_header *header, uint8_t *pixels,
                                icn_error *error) {
  pnm file;
  uint32_t width, height, sample = 0;
  if (!read_header(&file, data, bytes, &width, &height)) return icn_error_set(error, ICN_FORMAT, "image '%s' is damaged", name);
  size_t count = (size_t)header->width * (size_t)header->height * 3;
  for (size_t i = 0; i < count; i++) {
    if (file.channels == 3 || i % 3 == 0) {
      if (!read_sample(&file, &sample))
        return icn_error_set(error, ICN_FORMAT, "image '%s' is cut off or damaged at byte %zu, before its last pixel", name, file.at);
      if (sample > file.largest) sample = file.largest;
    }
    pixels[i] = (uint8_t)((sample * 255 + file.largest / 2) / file.largest);
  }
  return ICN_OK;
}
