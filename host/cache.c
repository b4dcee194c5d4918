#include "cache.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static const char MAGIC[8] = {'I', 'C', 'N', 'P', 'R', 'O', 'G', '2'};
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

/* Of all that follows the header's numbers. */
static uint64_t checksum_of(const icn_program_header *header, const unsigned char *binary) {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  (void)XXH3_64bits_reset(&state);
  (void)XXH3_64bits_update(&state, header->subject, sizeof header->subject);
  (void)XXH3_64bits_update(&state, binary, (size_t)header->bytes);
  return XXH3_64bits_digest(&state);
}

const char *icn_cache_program_problem(const icn_mapping *mapping, const icn_cache_key *key, icn_program_header *header) {
  if (mapping->bytes < sizeof *header) return "it is cut off";
  memcpy(header, mapping->data, sizeof *header);
  if (memcmp(header->magic, MAGIC, sizeof MAGIC - 1) != 0) return "it is not one of ours";
  if (header->magic[sizeof MAGIC - 1] != MAGIC[sizeof MAGIC - 1]) return "it is of another version";
  if (memcmp(header->key, key->bytes, sizeof header->key) != 0) return "it belongs to another program";
  if (header->bytes == 0 || header->bytes > MAX_BINARY_BYTES) return "its length is wrong";
  if (header->bytes != mapping->bytes - sizeof *header) return "its length is wrong";
  if (checksum_of(header, (const unsigned char *)mapping->data + sizeof *header) != header->checksum) return "its checksum is wrong";
  if (memchr(header->subject, '\0', sizeof header->subject) == NULL) return "its header is wrong";
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
  char path[ICN_CACHE_PATH_BYTES];
  icn_mapping mapping;
  icn_program_header header;
  unsigned char *binary = NULL;
  *bytes = 0;
  if (!icn_cache_usable(context) || !icn_cache_path(context, key, ICN_CACHE_PROGRAM_SUFFIX, path)) return NULL;
  if (icn_os_map(path, &mapping, NULL) != ICN_OK) return NULL; /* the ordinary miss */
  const char *problem = icn_cache_program_problem(&mapping, key, &header);
  if (problem != NULL) {
    complain(share, "the entry for '%s' is not used: %s (%s)", file, problem, path);
  } else {
    (void)icn_os_touch(path); /* for 'clinception cache list' */
    binary = icn_allocate(&context->allocator, (size_t)header.bytes);
    if (binary != NULL) {
      memcpy(binary, (const unsigned char *)mapping.data + sizeof header, (size_t)header.bytes);
      *bytes = (size_t)header.bytes;
    }
  }
  icn_os_unmap(&mapping);
  return binary;
}

/* Not icn_os_write_file, whose files others may write to where the umask lets them: programs run with this user's rights. */
static icn_status write_entry(const char *path, const void *data, size_t bytes, icn_error *error) {
  icn_status status = ICN_OK;
  icn_os_writer writer;
  ICN_TRY(icn_os_writer_open_in_cache(path, &writer, error));
  status = icn_os_writer_append(&writer, data, bytes, error);
  if (status == ICN_OK) return icn_os_writer_finish(&writer, data, 0, error);
  icn_os_writer_abandon(&writer);
done:
  return status;
}

void icn_cache_store(icn_share *share, const icn_cache_key *key, const char *file, const unsigned char *binary, size_t bytes) {
  const icn_context *context = share->context;
  char path[ICN_CACHE_PATH_BYTES];
  icn_error error;
  icn_program_header header;
  if (!icn_cache_usable(context) || bytes == 0 || bytes > MAX_BINARY_BYTES) return;
  if (!icn_cache_path(context, key, ICN_CACHE_PROGRAM_SUFFIX, path)) return;
  unsigned char *whole = icn_allocate(&context->allocator, sizeof header + bytes);
  if (whole == NULL) return;
  memset(&header, 0, sizeof header);
  memcpy(header.magic, MAGIC, sizeof MAGIC);
  memcpy(header.key, key->bytes, sizeof header.key);
  header.bytes = bytes;
  snprintf(header.subject, sizeof header.subject, "%.60s on '%.100s'", file, share->desc.name);
  header.checksum = checksum_of(&header, binary);
  memcpy(whole, &header, sizeof header);
  memcpy(whole + sizeof header, binary, bytes);
  icn_error_clear(&error);
  if (!icn_os_make_folder(context->cache_dir)) {
    complain(share, "the folder '%s' cannot be made; '%s' is compiled anew each time", context->cache_dir, file);
  } else if (write_entry(path, whole, sizeof header + bytes, &error) != ICN_OK) {
    complain(share, "'%s' is not kept: %s", file, error.message);
  }
  icn_release(&context->allocator, whole);
}

void icn_cache_remove(const icn_context *context, const icn_cache_key *key) {
  char path[ICN_CACHE_PATH_BYTES];
  if (icn_cache_usable(context) && icn_cache_path(context, key, ICN_CACHE_PROGRAM_SUFFIX, path)) (void)icn_os_remove(path);
}
