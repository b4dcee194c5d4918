/* A file that gzip compressed (RFC 1952), whole in memory. */
#ifndef ICN_LIB_GZIP_H
#define ICN_LIB_GZIP_H

#include "base.h"

bool icn_is_gzip(const uint8_t *data, size_t bytes);
/* Decompresses it; its check sum must be right. *out is NEW (icn_release), *out_bytes long. `name` is the file's, for messages. Fails:
 * ICN_FORMAT (damaged), ICN_UNSUPPORTED (more than 2^31 - 1 bytes, several members), ICN_NO_MEMORY. */
icn_status icn_gunzip(const icn_allocator *allocator, const uint8_t *data, size_t bytes, const char *name, uint8_t **out, size_t *out_bytes,
                      icn_error *error);

/* Raw deflate data, and a few bytes behind their end, into out[0..out_bytes): how many bytes they were, or below 0 where they are damaged
 * or more (image_stb.c has it). */
int64_t icn_inflate(const uint8_t *data, size_t bytes, uint8_t *out, size_t out_bytes);

#endif
