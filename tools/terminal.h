/* What the tool asks of the terminal and the process it runs in: the only file of tools/ with system calls. */
#ifndef ICN_TOOLS_TERMINAL_H
#define ICN_TOOLS_TERMINAL_H

#include <stdbool.h>

/* Once, first: a closed standard stream must not become some file's descriptor; writing into a closed pipe shall fail, not kill;
 * and PoCL binds its threads to cores (much faster) unless the user has said otherwise. */
void terminal_setup(void);
/* Standard error is a terminal: progress may be shown. */
bool terminal_shows_progress(void);
/* True when standard output is a pipe that nobody reads any more. */
bool terminal_reader_is_gone(void);

#endif
