/* The folder that programs' binaries and packed weights are kept in: one file each, named by a hash of all that it depends on. */
#ifndef ICN_HOST_CACHE_FOLDER_H
#define ICN_HOST_CACHE_FOLDER_H

#include "context.h"

typedef struct icn_cache_key {
  uint8_t bytes[16];
} icn_cache_key;

#define ICN_CACHE_PROGRAM_SUFFIX ".bin"
#define ICN_CACHE_WEIGHTS_SUFFIX ".weights"
enum { ICN_CACHE_KEY_DIGITS = 32, ICN_CACHE_PATH_BYTES = 4096 };

/* False: there is no cache, or its folder cannot be trusted (icn_os_folder_problem), now. Asked before each use: somebody else may have
 * made the folder meanwhile. */
bool icn_cache_usable(const icn_context *context);
/* "FOLDER/KEY.suffix"; false where that is too long. */
bool icn_cache_path(const icn_context *context, const icn_cache_key *key, const char *suffix, char path[ICN_CACHE_PATH_BYTES]);
/* The key in a file's name, false where it is no name of an entry with that suffix. */
bool icn_cache_key_of_name(const char *name, const char *suffix, icn_cache_key *key);
/* A temporary of an entry: KEY.SUFFIX.PROCESS-NUMBER.tmp. Whoever is gone without finishing it leaves it behind. */
bool icn_cache_is_temporary(const char *name);
/* Nobody writes to one of such an age any more. */
enum { ICN_CACHE_STALE_SECONDS = 3600 };

#endif
