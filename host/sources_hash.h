/* What this build of the library was made from. Weights that another build packed are not taken for its own, even where both bear the same
 * version: while somebody works on a row, what it packs changes from build to build. */
#ifndef ICN_HOST_SOURCES_HASH_H
#define ICN_HOST_SOURCES_HASH_H

/* SHA-256 over lib's sources and headers and over what packs (host/exec_weights.c), in hexadecimal digits. Made at build time. */
extern const char icn_sources_hash[65];

#endif
