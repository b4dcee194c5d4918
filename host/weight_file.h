/* The file of one plan's packed weights: a header, a table with a row a weight, then the weights, each at a multiple of 4096 bytes, in the
 * plan's order. Its bytes are read with suspicion: everything is bounded and compared before it is used. No file is touched here.
 *
 *   header, table, zeros to 4096 | weight 0, zeros to 4096 | weight 1, zeros to 4096 | ...
 *
 * Integers as this machine has them (byte_order tells a file from another one). Where each weight lies follows from all lengths, so there
 * is one right file for a list of weights: no byte of it can be changed unnoticed. */
#ifndef ICN_HOST_WEIGHT_FILE_H
#define ICN_HOST_WEIGHT_FILE_H

#include "base.h"
#include "cache_folder.h"

enum { ICN_WEIGHT_FILE_PAGE = 4096, ICN_WEIGHT_FILE_SUBJECT_BYTES = 192 };

typedef struct icn_weight_hash {
  uint8_t bytes[16];
} icn_weight_hash;
icn_weight_hash icn_weight_hash_of(const void *data, uint64_t bytes);
bool icn_weight_hash_equal(const icn_weight_hash *a, const icn_weight_hash *b);

typedef struct icn_weight_file_header {
  char magic[8];
  uint64_t byte_order;
  char version[16]; /* icn_version */
  uint8_t key[16];
  uint64_t bytes;                              /* of the whole file */
  uint64_t count;                              /* of weights */
  char subject[ICN_WEIGHT_FILE_SUBJECT_BYTES]; /* for people: model and device that it was first made for */
  uint64_t checksum;                           /* of this header, with 0 here, and the table */
} icn_weight_file_header;

typedef struct icn_weight_file_row {
  uint64_t offset, bytes;
  icn_weight_hash hash;
} icn_weight_file_row;

/* Bytes up to the next page; of header and table together; UINT64_MAX where that is more than any file has. */
uint64_t icn_weight_file_room(uint64_t bytes);
uint64_t icn_weight_file_head_bytes(uint64_t count);
/* Fills rows' offsets from their lengths; returns the bytes of the whole file, UINT64_MAX where that is too much. */
uint64_t icn_weight_file_place(icn_weight_file_row *rows, size_t count);
/* The header for rows whose hashes are known. `head` has room for icn_weight_file_head_bytes and the rows behind the header. */
void icn_weight_file_seal(void *head, const icn_cache_key *key, const char *subject, uint64_t bytes, size_t count);

/* Why header and table of a file cannot be used, or NULL. `key` NULL: any (the one in the header is told). No weight is read. */
const char *icn_weight_file_problem(const void *data, uint64_t bytes, const icn_cache_key *key);
/* The same where only the first `there` bytes of the file have been read: all of header and table of one with as many weights as expected,
 * and the zeros behind them. */
const char *icn_weight_file_head_problem(const void *head, uint64_t there, uint64_t bytes, const icn_cache_key *key);
/* Of a file without problem: its header (unaligned data are copied), a row, and whether that weight and the zeros behind it are whole. */
void icn_weight_file_read_header(const void *data, icn_weight_file_header *header);
void icn_weight_file_read_row(const void *data, size_t index, icn_weight_file_row *row);
bool icn_weight_file_whole(const void *data, const icn_weight_file_row *row);
/* The same of a weight that was read alone, with the zeros behind it. */
bool icn_weight_file_weight_whole(const void *weight, const icn_weight_file_row *row);

#endif
