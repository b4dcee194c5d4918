/* The file of what is known of kernels on this machine (lib/kernel_log.h): "kernels.txt" in the cache folder. It is small, read whole and
 * replaced whole, under a lock; what cannot be read or written is as if it were not there, with a log line. */
#ifndef ICN_HOST_KERNEL_FILE_H
#define ICN_HOST_KERNEL_FILE_H

#include "context.h"
#include "kernel_log.h"

/* False when there is no cache folder. */
bool icn_kernel_file_path(const icn_context *context, char *path, size_t bytes);
/* The file's entries; none where there is no file. Damaged lines are a warning, once a context. *log is initialised whatever is returned.
 * Fails: ICN_NO_MEMORY. */
icn_status icn_kernel_file_load(icn_context *context, icn_kernel_log *log, icn_error *error);
/* Reads the file, lets `edit` change the entries, and writes it, all under its lock; *log holds them afterwards, to be freed by the caller
 * whatever is returned. `edit` fails with ICN_NO_MEMORY. Fails: ICN_IO (no folder, not writable), ICN_NO_MEMORY. */
typedef icn_status icn_kernel_edit(void *user, icn_kernel_log *log, icn_error *error);
icn_status icn_kernel_file_edit(icn_context *context, icn_kernel_edit *edit, void *user, icn_kernel_log *log, icn_error *error);
/* True of a marker whose process is gone. Of one on another machine with the same folder (a cluster's home folders, containers) nobody here
 * can tell: that counts as gone once its start is an hour ago. `now`: as icn_os_date has it. */
bool icn_kernel_file_is_left_behind(const icn_kernel_entry *marker, const char *now);

#endif
