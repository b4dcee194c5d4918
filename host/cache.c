#include "cache.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* The file: magic, key, length and checksum of the binary, the binary. Integers as this machine has them: the key covers the driver. */
typedef struct entry_header {
  char magic[8];
  uint8_t key[16];
  uint64_t bytes, checksum;
} entry_header;

static const char MAGIC[8] = {'I', 'C', 'N', 'P', 'R', 'O', 'G', '1'};
static const uint64_t MAX_BINARY_BYTES = (uint64_t)1 << 28;

static void hash_text(XXH3_state_t *state, const char *text, size_t bytes) {
  uint64_t length = bytes; /* lengths go in, so that no two lists of texts look alike */
  (void)XXH3_128bits_update(state, &length, sizeof length);
  (void)XXH3_128bits_update(state, text, bytes);
}

icn_cache_key icn_cache_key_of(const icn_device_desc *device, const char *source, size_t source_bytes, const char *options) {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  (void)XXH3_128bits_reset(&state);
  const char *const texts[] = {icn_version(), device->platform, device->vendor, device->name, device->driver, device->version, options};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) hash_text(&state, texts[i], strlen(texts[i]));
  hash_text(&state, source, source_bytes);
  /* One folder may serve 32-bit and 64-bit processes, and (a home on the network) CPUs of one name that show different vector units. */
  const uint32_t numbers[] = {(uint32_t)sizeof(void *), device->vector_width};
  (void)XXH3_128bits_update(&state, numbers, sizeof numbers);
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
  icn_cache_key key;
  memcpy(key.bytes, canonical.digest, sizeof key.bytes);
  return key;
}

static bool entry_path(const icn_context *context, const icn_cache_key *key, char *path, size_t bytes) {
  char name[33];
  for (int i = 0; i < 16; i++) snprintf(name + 2 * i, 3, "%02x", key->bytes[i]);
  int length = snprintf(path, bytes, "%s/%s.bin", context->cache_dir, name);
  return length > 0 && (size_t)length < bytes;
}

/* Why the mapped entry cannot be used, or NULL. */
static const char *damage(const icn_mapping *mapping, const icn_cache_key *key, entry_header *header) {
  if (mapping->bytes < sizeof *header) return "it is cut off";
  memcpy(header, mapping->data, sizeof *header);
  if (memcmp(header->magic, MAGIC, sizeof MAGIC) != 0) return "it is not one of ours";
  if (memcmp(header->key, key->bytes, sizeof header->key) != 0) return "it belongs to another program";
  if (header->bytes == 0 || header->bytes > MAX_BINARY_BYTES) return "its length is wrong";
  if (header->bytes != mapping->bytes - sizeof *header) return "its length is wrong";
  const unsigned char *binary = (const unsigned char *)mapping->data + sizeof *header;
  if (XXH3_64bits(binary, (size_t)header->bytes) != header->checksum) return "its checksum is wrong";
  return NULL;
}

/* One cause (a full disk, a folder that cannot be made, damaged files) shows at each program: the first is a warning, the others are for
 * those who ask for more. */
static void complain(icn_share *share, const char *format, ...) {
  char line[4096 + 256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  const bool first = !share->cache_complained;
  share->cache_complained = true;
  icn_log(&share->context->logger, first ? ICN_LOG_WARNING : ICN_LOG_INFO, "program cache: %s%s", line,
          first ? " (further programs are not named)" : "");
}

unsigned char *icn_cache_load(icn_share *share, const icn_cache_key *key, const char *file, size_t *bytes) {
  const icn_context *context = share->context;
  char path[4096];
  icn_mapping mapping;
  entry_header header;
  unsigned char *binary = NULL;
  *bytes = 0;
  if (context->cache_dir == NULL || !entry_path(context, key, path, sizeof path)) return NULL;
  if (icn_os_map(path, &mapping, NULL) != ICN_OK) return NULL; /* the ordinary miss */
  const char *problem = damage(&mapping, key, &header);
  if (problem != NULL) {
    complain(share, "the entry for '%s' is not used: %s (%s)", file, problem, path);
  } else {
    binary = icn_allocate(&context->allocator, (size_t)header.bytes);
    if (binary != NULL) {
      memcpy(binary, (const unsigned char *)mapping.data + sizeof header, (size_t)header.bytes);
      *bytes = (size_t)header.bytes;
    }
  }
  icn_os_unmap(&mapping);
  return binary;
}

void icn_cache_store(icn_share *share, const icn_cache_key *key, const char *file, const unsigned char *binary, size_t bytes) {
  const icn_context *context = share->context;
  char path[4096];
  icn_error error;
  entry_header header;
  if (context->cache_dir == NULL || bytes == 0 || bytes > MAX_BINARY_BYTES || !entry_path(context, key, path, sizeof path)) return;
  unsigned char *whole = icn_allocate(&context->allocator, sizeof header + bytes);
  if (whole == NULL) return;
  memset(&header, 0, sizeof header);
  memcpy(header.magic, MAGIC, sizeof MAGIC);
  memcpy(header.key, key->bytes, sizeof header.key);
  header.bytes = bytes;
  header.checksum = XXH3_64bits(binary, bytes);
  memcpy(whole, &header, sizeof header);
  memcpy(whole + sizeof header, binary, bytes);
  icn_error_clear(&error);
  if (!icn_os_make_folder(context->cache_dir)) {
    complain(share, "the folder '%s' cannot be made; '%s' is compiled anew each time", context->cache_dir, file);
  } else if (icn_os_write_file(path, whole, sizeof header + bytes, &error) != ICN_OK) {
    complain(share, "'%s' is not kept: %s", file, error.message);
  }
  icn_release(&context->allocator, whole);
}

void icn_cache_remove(const icn_context *context, const icn_cache_key *key) {
  char path[4096];
  if (context->cache_dir != NULL && entry_path(context, key, path, sizeof path)) (void)icn_os_remove(path);
}
