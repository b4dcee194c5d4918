/* Program binaries on disk, one file a program. Every failure is a miss with a log line, never an error.
 * The share's mutex is held by the caller. */
#ifndef ICN_HOST_CACHE_H
#define ICN_HOST_CACHE_H

#include "cache_folder.h"
#include "share.h"

/* Hash over everything that makes a binary what it is: source, options, platform, device and its vector width, driver, library version,
 * pointer size of this process. */
icn_cache_key icn_cache_key_of(const icn_device_desc *device, const char *source, size_t source_bytes, const char *options);

/* The file begins with this, then comes the binary. Integers as this machine has them: the key covers the driver. */
typedef struct icn_program_header {
  char magic[8];
  uint8_t key[16];
  uint64_t bytes, checksum; /* the checksum is that of all that follows */
  char subject[184];        /* for people: kernel file and device */
} icn_program_header;
/* Why the mapped file is no entry of that key, or NULL: then the header is filled and all checksums are right. */
const char *icn_cache_program_problem(const icn_mapping *mapping, const icn_cache_key *key, icn_program_header *header);

/* The entry's binary (NEW, context's allocator; NULL when there is none or it is damaged). `file` is the kernel file, for the log. */
unsigned char *icn_cache_load(icn_share *share, const icn_cache_key *key, const char *file, size_t *bytes);
void icn_cache_store(icn_share *share, const icn_cache_key *key, const char *file, const unsigned char *binary, size_t bytes);
void icn_cache_remove(const icn_context *context, const icn_cache_key *key);

#endif
