/* What is known of kernels on this machine, as text: which were tested and found right or wrong, which one is being run for the first time
 * (a marker), and which rows a process did not come back from. One file holds it (host/kernel_file.h). A line an entry, its fields
 * separated by tabs: state   device   driver   library version   kernel row   parameters   problem   kernel   process   date   note
 * "-" stands for nothing. Lines that begin with '#' are comments. `kernel` is a hash over all that makes a launch what it is: source,
 * options, device, driver, library, sizes; right, wrong and refused are about that. A marker and a crash are about a row on a device and
 * driver. Whatever stands in such a file is checked here: a bad line is skipped and counted, and costs at most a test, or a faster kernel.
 */
#ifndef ICN_LIB_KERNEL_LOG_H
#define ICN_LIB_KERNEL_LOG_H

#include "base.h"

typedef enum icn_kernel_state {
  ICN_KERNEL_RIGHT = 0,
  ICN_KERNEL_WRONG,
  ICN_KERNEL_RUNNING,       /* its first run has begun, in `process`; with the note ICN_KERNEL_BUILDING the compiler is at it */
  ICN_KERNEL_STOPPED,       /* that process ended in the compiler, where somebody may have lost patience: once is nothing */
  ICN_KERNEL_CRASHED,       /* that process ended meanwhile, known at `date`: the row is left out for a day */
  ICN_KERNEL_CRASHED_TWICE, /* again: left out until the driver changes */
  ICN_KERNEL_REFUSED        /* the driver did not build it, known at `date`, while another row could take its place: not tried for a day */
} icn_kernel_state;
enum { ICN_KERNEL_STATES = 7 };
#define ICN_KERNEL_BUILDING "building"

enum { ICN_KERNEL_HASH_BYTES = 33, ICN_KERNEL_LINES = 4096, ICN_KERNEL_NOTE_BYTES = 256 };

typedef struct icn_kernel_entry {
  icn_kernel_state state;
  const char *device, *driver, *library, *row, *config, *problem, *kernel, *process, *date, *note;
} icn_kernel_entry;

typedef struct icn_kernel_log {
  icn_arena arena;
  icn_kernel_entry *entries;
  size_t count, capacity;
  size_t damaged, damaged_line; /* lines that were skipped; the number of the first */
  char damage[64];
} icn_kernel_log;

/* "right", "wrong", "running", "stopped", "crashed", "crashed twice", "refused" */
const char *icn_kernel_state_name(icn_kernel_state state);

void icn_kernel_log_init(icn_kernel_log *log, const icn_allocator *allocator);
void icn_kernel_log_fini(icn_kernel_log *log);
/* Adds the entries of a text. No content is an error. Fails: ICN_FORMAT (too large), ICN_NO_MEMORY. */
icn_status icn_kernel_log_parse(icn_kernel_log *log, const char *data, size_t bytes, icn_error *error);
/* The file's text; of tested kernels the newest ICN_KERNEL_LINES. */
void icn_kernel_log_print(const icn_kernel_log *log, icn_text *text);
/* One sentence on the damaged lines, false when there are none. */
bool icn_kernel_log_complaint(const icn_kernel_log *log, const char *path, char *text, size_t bytes);

/* Adds an entry (texts are copied; NULL and "" become "-", control characters blanks) in place of one on the same thing: of right, wrong
 * and refused the same kernel, of a marker the same row, device, driver and process, of a crash the same row, device and driver. Fails:
 * ICN_NO_MEMORY.
 */
icn_status icn_kernel_log_put(icn_kernel_log *log, const icn_kernel_entry *entry, icn_error *error);
void icn_kernel_log_remove(icn_kernel_log *log, size_t index);

/* What is known of a kernel: its entry, NULL when it was not tested. */
const icn_kernel_entry *icn_kernel_log_tested(const icn_kernel_log *log, const char *kernel);
/* True when the entry says that its row (refused: its kernel) is not to be used at `now` (a date as icn_os_date has it). */
bool icn_kernel_is_out(const icn_kernel_entry *entry, const char *now);
/* The process of a marker is gone: the marker becomes a crash (in the compiler only the second time), the second crash a lasting one.
 * Pointers to entries go stale. Fails: ICN_NO_MEMORY. */
icn_status icn_kernel_log_strike(icn_kernel_log *log, size_t marker, const char *now, icn_error *error);

/* Seconds since 1970 of "2026-11-23T18:05:33Z", -1 for another text. */
int64_t icn_date_seconds(const char *date);

#endif
