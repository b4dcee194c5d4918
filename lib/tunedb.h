/* The tuning database: what `clinception tune` measured, as text. A line a result, sorted, its fields separated by tabs:
 *   device pattern   problem key   kernel row   parameters   microseconds   driver   library version   date
 * In place of the time may stand "wrong": the row computed wrongly there. Lines that begin with '#' are comments. A device pattern is one
 * of lib/glob.h over icn_tunedb_device(): name, platform, size and (CPU devices name no model) the processor. Whatever stands in such a
 * file is checked here and once more by selection, for the device and the problem at hand: a bad line costs time, never a result.
 *
 * Two such texts are read: the user's file, and below it the lines that are shipped inside the library (lib/tuning/shipped.txt, shipped.h).
 *
 * A user's line is for the one device whose text it was made of. A shipped line is for every device that is alike in what decides between
 * kernel rows, and for no other, so its pattern keeps
 *   the runtime and its compiler's target   PoCL calls its devices pthread-TARGET-PROCESSOR (up to 3) or cpu-TARGET-PROCESSOR; the platform
 *   the lanes of a vector                   tiles are cut for them; AVX-512 that a virtual machine hides shows here and in the target
 *   the number of units                     how work is divided among them, and how much of the memory's rate each has
 *   the processor's vendor, family, model   its microarchitecture: caches, ports, clock under wide vectors
 * and has a '*' for the name under which a processor is sold ("AMD EPYC" in a virtual machine, "AMD EPYC 9R14 96-Core Processor" outside):
 *   pthread-skylake-avx512-* on Portable Computing Language, 2 units of 16 lanes, *AuthenticAMD family 25 model 17
 * A GPU's name says what it is; its text is the pattern as it stands. Stepping and driver version are left out: they seldom change what is
 * the fastest, and a wrong guess costs time only. */
#ifndef ICN_LIB_TUNEDB_H
#define ICN_LIB_TUNEDB_H

#include "kernel.h"

enum { ICN_TUNE_DEVICE_BYTES = 640, ICN_TUNE_LINE_BYTES = 3072 };

typedef struct icn_tune_row {
  const char *key, *row; /* problem, kernel row */
  icn_config config;
  double seconds; /* 0: it computed wrongly */
  bool shipped;   /* not the user's own: it came with the library */
} icn_tune_row;

/* The lines that are for one device and this version of the library. */
typedef struct icn_tunedb {
  icn_arena arena;
  icn_tune_row *rows; /* by key; of one key the user's before the shipped ones, the wrong ones first, then the fastest */
  size_t count, capacity;
  bool without_shipped;                        /* icn_tunedb_find leaves shipped ones out */
  size_t other_device, other_version, damaged; /* the user's lines that are not used, and why; of other versions those for this device */
  size_t outdated;                             /* those of other versions for whose problem this version has no result */
  size_t damaged_line;                         /* number of the first damaged one */
  char damage[96];
} icn_tunedb;

/* What patterns are matched with: "NAME on PLATFORM, N units of W lanes", and of CPU devices ", PROCESSOR": what it is sold as and its
 * model (icn_os_machine). `processor` may be NULL: not known. */
const char *icn_tunedb_device(const icn_device_desc *desc, const char *processor, char text[ICN_TUNE_DEVICE_BYTES]);

/* `device` is icn_tunedb_device's text. Lines are read one by one: no content is an error. Fails: ICN_FORMAT (too large), ICN_NO_MEMORY.
 * *db is initialised whatever is returned. */
icn_status icn_tunedb_parse(icn_tunedb *db, const char *data, size_t bytes, const char *device, const icn_allocator *allocator,
                            icn_error *error);
/* The lines of `text` for the same device, below those that are there; lines that are not used are not counted. Fails: ICN_NO_MEMORY. */
icn_status icn_tunedb_add_shipped(icn_tunedb *db, const char *text, size_t bytes, const char *device, icn_error *error);
void icn_tunedb_fini(icn_tunedb *db);
/* The results for a problem: *count of them from the pointer on. NULL without any; db may be NULL. */
const icn_tune_row *icn_tunedb_find(const icn_tunedb *db, const char *key, size_t *count);
/* True when the user has measured the problem. */
bool icn_tunedb_knows(const icn_tunedb *db, const char *key);
/* One sentence on the damaged lines, false when there are none. */
bool icn_tunedb_complaint(const icn_tunedb *db, const char *path, char *text, size_t bytes);
/* The same on the outdated ones. */
bool icn_tunedb_outdated(const icn_tunedb *db, const char *path, char *text, size_t bytes);

/* One line without its end; `device` is icn_tunedb_device's text, which becomes a pattern. False when it does not fit. */
bool icn_tunedb_line(const char *device, const char *driver, const char *date, const icn_tune_row *row, char line[ICN_TUNE_LINE_BYTES]);
/* The text of a file with `added` lines (each with its end) put in: of lines on one device, problem and row the added one stays, else the
 * newest. Lines that are not understood stay as they are. Fails: ICN_FORMAT where `data` is no such file at all, or too large;
 * ICN_NO_MEMORY. */
icn_status icn_tunedb_merge(const char *data, size_t bytes, const char *added, icn_text *merged, icn_error *error);

#endif
