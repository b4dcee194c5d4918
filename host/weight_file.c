#include "weight_file.h"

#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static const char MAGIC[8] = {'I', 'C', 'N', 'W', 'G', 'T', 'S', '1'};
static const uint64_t BYTE_ORDER_MARK = 0x0102030405060708;
static const uint64_t MOST_BYTES = (uint64_t)1 << 46; /* of a file: sums of a few such fit 64 bits */

icn_weight_hash icn_weight_hash_of(const void *data, uint64_t bytes) {
  XXH128_canonical_t canonical;
  icn_weight_hash hash;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, (size_t)bytes));
  memcpy(hash.bytes, canonical.digest, sizeof hash.bytes);
  return hash;
}

bool icn_weight_hash_equal(const icn_weight_hash *a, const icn_weight_hash *b) { return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0; }

/* ------------------------------------------------------------------ layout */

uint64_t icn_weight_file_room(uint64_t bytes) { return (bytes + ICN_WEIGHT_FILE_PAGE - 1) / ICN_WEIGHT_FILE_PAGE * ICN_WEIGHT_FILE_PAGE; }

uint64_t icn_weight_file_head_bytes(uint64_t count) {
  if (count > MOST_BYTES / sizeof(icn_weight_file_row)) return UINT64_MAX;
  return sizeof(icn_weight_file_header) + count * sizeof(icn_weight_file_row);
}

uint64_t icn_weight_file_place(icn_weight_file_row *rows, size_t count) {
  uint64_t end = icn_weight_file_room(icn_weight_file_head_bytes(count));
  for (size_t i = 0; i < count; i++) {
    if (rows[i].bytes > MOST_BYTES || end > MOST_BYTES) return UINT64_MAX;
    rows[i].offset = end;
    end += icn_weight_file_room(rows[i].bytes);
  }
  return end;
}

static uint64_t head_checksum(const icn_weight_file_header *header, const void *rows) {
  XXH3_state_t state;
  icn_weight_file_header cleared = *header;
  cleared.checksum = 0;
  XXH3_INITSTATE(&state);
  (void)XXH3_64bits_reset(&state);
  (void)XXH3_64bits_update(&state, &cleared, sizeof cleared);
  (void)XXH3_64bits_update(&state, rows, (size_t)header->count * sizeof(icn_weight_file_row));
  return XXH3_64bits_digest(&state);
}

void icn_weight_file_seal(void *head, const icn_cache_key *key, const char *subject, uint64_t bytes, size_t count) {
  icn_weight_file_header header;
  memset(&header, 0, sizeof header);
  memcpy(header.magic, MAGIC, sizeof MAGIC);
  header.byte_order = BYTE_ORDER_MARK;
  snprintf(header.version, sizeof header.version, "%s", icn_version());
  memcpy(header.key, key->bytes, sizeof header.key);
  header.bytes = bytes;
  header.count = count;
  snprintf(header.subject, sizeof header.subject, "%s", subject);
  header.checksum = head_checksum(&header, (const char *)head + sizeof header);
  memcpy(head, &header, sizeof header);
}

/* ----------------------------------------------------------------- reading */

void icn_weight_file_read_header(const void *data, icn_weight_file_header *header) { memcpy(header, data, sizeof *header); }

void icn_weight_file_read_row(const void *data, size_t index, icn_weight_file_row *row) {
  memcpy(row, (const char *)data + sizeof(icn_weight_file_header) + index * sizeof *row, sizeof *row);
}

static bool zeros(const void *data, uint64_t begin, uint64_t end) {
  const char *bytes = data;
  for (uint64_t i = begin; i < end; i++)
    if (bytes[i] != 0) return false;
  return true;
}

/* The table says what follows from its lengths. */
static bool is_placed(const void *data, const icn_weight_file_header *header) {
  uint64_t end = icn_weight_file_room(icn_weight_file_head_bytes(header->count));
  for (uint64_t i = 0; i < header->count; i++) {
    icn_weight_file_row row;
    icn_weight_file_read_row(data, (size_t)i, &row);
    if (row.offset != end || end > header->bytes || row.bytes > header->bytes - end) return false;
    end += icn_weight_file_room(row.bytes);
  }
  return end == header->bytes;
}

static bool is_text(const char *text, size_t bytes) { return memchr(text, '\0', bytes) != NULL; }

const char *icn_weight_file_problem(const void *data, uint64_t bytes, const icn_cache_key *key) {
  return icn_weight_file_head_problem(data, bytes, bytes, key);
}

const char *icn_weight_file_head_problem(const void *data, uint64_t there, uint64_t bytes, const icn_cache_key *key) {
  icn_weight_file_header header;
  if (there < sizeof header) return "it is cut off";
  icn_weight_file_read_header(data, &header);
  if (memcmp(header.magic, MAGIC, sizeof MAGIC - 1) != 0) return "it is not one of ours";
  if (header.magic[sizeof MAGIC - 1] != MAGIC[sizeof MAGIC - 1]) return "it is of another version";
  if (header.byte_order != BYTE_ORDER_MARK) return "it is from a machine with another order of bytes";
  if (!is_text(header.version, sizeof header.version) || strcmp(header.version, icn_version()) != 0) return "it is of another version";
  if (key != NULL && memcmp(header.key, key->bytes, sizeof header.key) != 0) return "it belongs to other weights";
  if (header.bytes != bytes) return "its length is wrong";
  const uint64_t head_bytes = icn_weight_file_head_bytes(header.count);
  if (head_bytes > bytes) return "its length is wrong";
  if (there < bytes && icn_weight_file_room(head_bytes) > there) return "it belongs to other weights";
  if (header.checksum != head_checksum(&header, (const char *)data + sizeof header)) return "its header's checksum is wrong";
  if (!is_text(header.subject, sizeof header.subject)) return "its header is wrong";
  if (!is_placed(data, &header) || !zeros(data, head_bytes, icn_weight_file_room(head_bytes))) return "its table is wrong";
  return NULL;
}

bool icn_weight_file_whole(const void *data, const icn_weight_file_row *row) {
  return icn_weight_file_weight_whole((const char *)data + row->offset, row);
}

bool icn_weight_file_weight_whole(const void *weight, const icn_weight_file_row *row) {
  const icn_weight_hash hash = icn_weight_hash_of(weight, row->bytes);
  return icn_weight_hash_equal(&hash, &row->hash) && zeros(weight, row->bytes, icn_weight_file_room(row->bytes));
}
