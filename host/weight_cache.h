/* Packed weights on disk, one file a plan (weight_file.h). Every failure is a miss with a log line, never an error.
 *
 * An entry is either read (what it has is there, checked) or written (what was packed is added, and the file appears when all of it is
 * there). Its key is a hash of all that packing depends on, the model's own weights included, so an entry need not be compared with
 * anything else: where the key fits, packing would give the same bytes. */
#ifndef ICN_HOST_WEIGHT_CACHE_H
#define ICN_HOST_WEIGHT_CACHE_H

#include "cache_folder.h"
#include "weight_file.h"

typedef struct icn_weight_entry icn_weight_entry;

/* Whether weights of so many bytes are kept at all: there is a cache, they are worth a file, and below its limit. */
bool icn_weight_cache_wanted(const icn_context *context, uint64_t bytes);
/* The entry of `key` to read or, where there is none that is right, to write; NULL: neither can be. bytes[0..count): of each weight.
 * `anew`: to write, whatever is there. `subject`: model and device, for people. */
icn_weight_entry *icn_weight_cache_open(icn_context *context, const icn_cache_key *key, const uint64_t *bytes, size_t count,
                                        const char *subject, bool anew);
bool icn_weight_entry_has(const icn_weight_entry *entry);                             /* it is read */
bool icn_weight_entry_is_of(const icn_weight_entry *entry, const icn_cache_key *key); /* it was opened for it */
/* Weight `index` of an entry that is read, until the next one is or it is closed; NULL where it is damaged: the entry is of no use then. */
const void *icn_weight_entry_read(icn_weight_entry *entry, size_t index, icn_weight_hash *hash);
/* Adds the next weight to one that is written. */
void icn_weight_entry_write(icn_weight_entry *entry, const void *data, const icn_weight_hash *hash);
/* Ends it. `keep`: a written one becomes the entry, older ones make room. Without, it is as if it had not been opened. NULL is fine. */
void icn_weight_entry_close(icn_weight_entry *entry, bool keep);

#endif
