/* The file of what the tuner measured (lib/tunedb.h): where it is, reading it for a device, adding to it. */
#ifndef ICN_HOST_TUNE_FILE_H
#define ICN_HOST_TUNE_FILE_H

#include "tunedb.h"

/* The user's own: "tuning.txt" in the cache folder. False when there is none. */
bool icn_tuning_default_path(char *path, size_t bytes);
/* What a device of this machine (`here`; else one that was recorded elsewhere) is called in the file. */
const char *icn_tuning_device(const icn_device_desc *desc, bool here, char text[ICN_TUNE_DEVICE_BYTES]);
/* The results for a device from the context's file, where there is one, and below them those that are shipped. A file that cannot be read,
 * lines that are damaged and lines of other versions are warnings, once a context. *db is initialised whatever is returned. Fails:
 * ICN_NO_MEMORY. */
icn_status icn_tuning_load(icn_context *context, const icn_device_desc *desc, bool here, icn_tunedb *db, icn_error *error);

/* That results can be written to `path`: makes its folder, tries its lock. Fails: ICN_IO. */
icn_status icn_tuning_check_path(const char *path, icn_error *error);
/* Merges `added` (lines of icn_tunedb_line, each with its end) into the file under its lock, and replaces it whole. Fails: ICN_IO;
 * ICN_FORMAT where it is another kind of file; ICN_NO_MEMORY. */
icn_status icn_tuning_store(const char *path, const char *added, const icn_allocator *allocator, icn_error *error);

#endif
