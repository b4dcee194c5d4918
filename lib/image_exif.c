/* The orientation tag of EXIF: TIFF 6.0 section 2 (byte order, directory of 12-byte entries), EXIF 2.3 section 4.6.4 (tag 0x112). */
#include <string.h>

#include "image.h"

static uint32_t read_number(const uint8_t *p, int bytes, bool big) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; i++) value = value << 8 | p[big ? i : bytes - 1 - i];
  return value;
}

int icn_exif_orientation(const uint8_t *tiff, size_t bytes) {
  enum { ENTRY_BYTES = 12, TAG_ORIENTATION = 0x112, TYPE_SHORT = 3 };
  if (bytes < 8 || (memcmp(tiff, "II*\0", 4) != 0 && memcmp(tiff, "MM\0*", 4) != 0)) return 1;
  bool big = tiff[0] == 'M';
  size_t directory = read_number(tiff + 4, 4, big);
  if (directory > bytes - 2) return 1;
  size_t count = read_number(tiff + directory, 2, big);
  for (size_t i = 0; i < count; i++) {
    size_t at = directory + 2 + i * ENTRY_BYTES;
    if (bytes < ENTRY_BYTES || at > bytes - ENTRY_BYTES) return 1;
    const uint8_t *entry = tiff + at;
    if (read_number(entry, 2, big) != TAG_ORIENTATION) continue;
    if (read_number(entry + 2, 2, big) != TYPE_SHORT || read_number(entry + 4, 4, big) != 1) return 1;
    uint32_t orientation = read_number(entry + 8, 2, big);
    return orientation >= 1 && orientation <= 8 ? (int)orientation : 1;
  }
  return 1;
}
