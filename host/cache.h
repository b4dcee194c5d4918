/* Program binaries on disk, one file a program. Every failure is a miss with a log line, never an error.
 * The share's mutex is held by the caller. */
#ifndef ICN_HOST_CACHE_H
#define ICN_HOST_CACHE_H

#include "share.h"

typedef struct icn_cache_key {
  uint8_t bytes[16];
} icn_cache_key;

/* Hash over everything that makes a binary what it is: source, options, platform, device and its vector width, driver, library version,
 * pointer size of this process. */
icn_cache_key icn_cache_key_of(const icn_device_desc *device, const char *source, size_t source_bytes, const char *options);

/* The entry's binary (NEW, context's allocator; NULL when there is none or it is damaged). `file` is the kernel file, for the log. */
unsigned char *icn_cache_load(icn_share *share, const icn_cache_key *key, const char *file, size_t *bytes);
void icn_cache_store(icn_share *share, const icn_cache_key *key, const char *file, const unsigned char *binary, size_t bytes);
void icn_cache_remove(const icn_context *context, const icn_cache_key *key);

#endif
