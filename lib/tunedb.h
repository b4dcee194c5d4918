/* The tuning database: what `clinception tune` measured, as text. A line a result, sorted, its fields separated by tabs:
 *   device pattern   problem key   kernel row   parameters   microseconds   driver   library version   date
 * In place of the time may stand "wrong": the row computed wrongly there. Lines that begin with '#' are comments. A device pattern is one
 * of lib/glob.h over icn_tunedb_device(): name, platform, size and (CPU devices name no model) the processor. Whatever stands in such a
 * file is checked here and once more by selection, for the device and the problem at hand: a bad line costs time, never a result. */
#ifndef ICN_LIB_TUNEDB_H
#define ICN_LIB_TUNEDB_H

#include "kernel.h"

enum { ICN_TUNE_DEVICE_BYTES = 640, ICN_TUNE_LINE_BYTES = 3072 };

typedef struct icn_tune_row {
  const char *key, *row; /* problem, kernel row */
  icn_config config;
  double seconds; /* 0: it computed wrongly; only in what is written */
} icn_tune_row;

/* The lines of a file that are for one device and this version of the library. */
typedef struct icn_tunedb {
  icn_arena arena;
  icn_tune_row *rows; /* by key, the fastest first */
  size_t count, capacity;
  size_t other_device, other_version, damaged; /* lines that are not used, and why */
  size_t damaged_line;                         /* number of the first damaged one */
  char damage[96];
} icn_tunedb;

/* What patterns are matched with: "NAME on PLATFORM, N units of W lanes, PROCESSOR". `processor` may be NULL: not known. */
const char *icn_tunedb_device(const icn_device_desc *desc, const char *processor, char text[ICN_TUNE_DEVICE_BYTES]);

/* `device` is icn_tunedb_device's text. Lines are read one by one: no content is an error. Fails: ICN_FORMAT (too large), ICN_NO_MEMORY.
 * *db is initialised whatever is returned. */
icn_status icn_tunedb_parse(icn_tunedb *db, const char *data, size_t bytes, const char *device, const icn_allocator *allocator,
                            icn_error *error);
void icn_tunedb_fini(icn_tunedb *db);
/* The results for a problem: *count of them from the pointer on. NULL without any; db may be NULL. */
const icn_tune_row *icn_tunedb_find(const icn_tunedb *db, const char *key, size_t *count);
/* One sentence on the damaged lines, false when there are none. */
bool icn_tunedb_complaint(const icn_tunedb *db, const char *path, char *text, size_t bytes);

/* One line without its end; `device` is icn_tunedb_device's text, which becomes a pattern. False when it does not fit. */
bool icn_tunedb_line(const char *device, const char *driver, const char *date, const icn_tune_row *row, char line[ICN_TUNE_LINE_BYTES]);
/* The text of a file with `added` lines (each with its end) put in: of lines on one device, problem and row the added one stays, else the
 * newest. Lines that are not understood stay as they are. Fails: ICN_FORMAT where `data` is no such file at all, or too large;
 * ICN_NO_MEMORY. */
icn_status icn_tunedb_merge(const char *data, size_t bytes, const char *added, icn_text *merged, icn_error *error);

#endif
