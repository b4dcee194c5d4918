/* gzip's header and trailer; what is between them stb_image's inflate decompresses. */
#include "gzip.h"

enum { HEAD = 10, TAIL = 8, DEFLATE = 8, HAS_CRC = 2, HAS_EXTRA = 4, HAS_NAME = 8, HAS_COMMENT = 16, RESERVED = 0xE0 };
/* Deflate makes at most 258 bytes of 2 bits. */
enum { MOST_GROWTH = 1032 };

bool icn_is_gzip(const uint8_t *data, size_t bytes) { return bytes >= 2 && data[0] == 0x1F && data[1] == 0x8B; }

static uint32_t little_endian(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* CRC-32 of ISO 3309, as gzip has it. */
static uint32_t crc32_of(const uint8_t *data, size_t bytes) {
  uint32_t table[256], crc = 0xFFFFFFFFU;
  for (uint32_t i = 0; i < 256; i++) {
    table[i] = i;
    for (int k = 0; k < 8; k++) table[i] = (table[i] & 1) != 0 ? table[i] >> 1 ^ 0xEDB88320U : table[i] >> 1;
  }
  for (size_t i = 0; i < bytes; i++) crc = table[(crc ^ data[i]) & 0xFF] ^ crc >> 8;
  return ~crc;
}

/* Behind a text with its zero byte; beyond the end where it has none. */
static size_t skip_text(const uint8_t *data, size_t bytes, size_t at) {
  while (at < bytes && data[at] != 0) at++;
  return at + 1;
}

/* Where the deflate data begin; more than `bytes` where the header is damaged. */
static size_t header_bytes(const uint8_t *data, size_t bytes) {
  size_t at = HEAD;
  if (bytes < HEAD + TAIL || data[2] != DEFLATE || (data[3] & RESERVED) != 0) return bytes + 1;
  if ((data[3] & HAS_EXTRA) != 0) at += 2 + ((size_t)data[at] | (size_t)data[at + 1] << 8);
  if ((data[3] & HAS_NAME) != 0) at = skip_text(data, bytes, at);
  if ((data[3] & HAS_COMMENT) != 0) at = skip_text(data, bytes, at);
  if ((data[3] & HAS_CRC) != 0) at += 2;
  return at;
}

icn_status icn_gunzip(const icn_allocator *allocator, const uint8_t *data, size_t bytes, const char *name, uint8_t **out, size_t *out_bytes,
                      icn_error *error) {
  icn_status status = ICN_OK;
  *out = NULL;
  *out_bytes = 0;
  ICN_REQUIRE(icn_is_gzip(data, bytes), ICN_FORMAT, "'%s' is not compressed by gzip", name);
  const size_t begin = header_bytes(data, bytes);
  ICN_REQUIRE(bytes >= TAIL && begin <= bytes - TAIL, ICN_FORMAT, "'%s' is cut off or damaged: its gzip header is not whole", name);
  const uint8_t *tail = data + bytes - TAIL;
  const size_t length = little_endian(tail + 4), packed = bytes - TAIL - begin;
  ICN_REQUIRE(length / MOST_GROWTH <= packed, ICN_FORMAT, "'%s' is cut off or damaged: %zu bytes cannot be %zu compressed ones", name,
              packed, length);
  ICN_REQUIRE(packed <= INT32_MAX - TAIL && length <= INT32_MAX, ICN_UNSUPPORTED, "'%s' is more than 2 GiB", name);
  *out = icn_allocate(allocator, length + 1);
  if (*out == NULL) ICN_TRY(icn_error_memory(error, length, "a decompressed file"));
  const int64_t made =
      icn_inflate(data + begin, packed + TAIL, *out, length); /* with the trailer: stb_image wants something behind the end */
  ICN_REQUIRE(made >= 0 && (size_t)made == length && crc32_of(*out, length) == little_endian(tail), ICN_FORMAT,
              "'%s' is cut off or damaged: what gzip compressed cannot be restored", name);
  *out_bytes = length;
done:
  if (status != ICN_OK) {
    icn_release(allocator, *out);
    *out = NULL;
  }
  return status;
}
