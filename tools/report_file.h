/* The file of `clinception report`: whole and valid JSON from the first moment on, whatever happens to the process. It is written anew by
 * rename, so that there is always the last good state; a crash of the driver or Ctrl-C writes it once more, naming what was running. */
#ifndef ICN_TOOLS_REPORT_FILE_H
#define ICN_TOOLS_REPORT_FILE_H

#include "json.h"

/* Remembers the path (which must live on) and looks whether it can be written; TOOL_OK or the exit code. A file that is no regular one (a
 * pipe, a device) is written once, by report_file_finish(). */
int report_file_open(const char *path);
/* What the keys "state" and "running", first in the object, hold until they are replaced when the text is written. */
void report_file_add_state(cJSON *object);
/* What is being run, for the key "running". */
void report_file_running(const char *format, ...) TOOL_PRINTF(1, 2);
/* True when the last write is long enough ago for another. */
bool report_file_is_due(void);
/* Writes and frees the object, with state "running". */
int report_file_write(cJSON *object);
/* The last time, with this state; nothing is running then unless `still_running`. `bytes` gets the file's size. */
int report_file_finish(cJSON *object, const char *state, bool still_running, size_t *bytes);

#endif
