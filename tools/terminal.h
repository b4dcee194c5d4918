/* What the tool asks of the terminal and the process it runs in: the only file of tools/ with system calls. */
#ifndef ICN_TOOLS_TERMINAL_H
#define ICN_TOOLS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Once, first: a closed standard stream must not become some file's descriptor; writing into a closed pipe shall fail, not kill;
 * and PoCL binds its threads to cores (much faster) unless the user has said otherwise. */
void terminal_setup(void);
/* Standard error is a terminal: progress may be shown. */
bool terminal_shows_progress(void);
/* True when standard output is a pipe that nobody reads any more. */
bool terminal_reader_is_gone(void);

/* True for what is there and is no regular file: a pipe, a terminal, /dev/null, a folder. */
bool terminal_writes_in_place(const char *path);
/* A pipe with a name: who opens it a second time may wait for a reader for ever. */
bool terminal_is_pipe(const char *path);

/* From now on a signal that asks the process to end (Ctrl-C and its like) calls `ended` and makes terminal_interrupted() true; a second one
 * ends the process. One that means a crash calls `ended`, then the process dies of it. `ended` may do only what a signal handler may.
 * Where there are no such signals nothing happens. */
void terminal_catch_signals(void (*ended)(const char *signal_name, bool crashed));
bool terminal_interrupted(void);
/* Writes the pieces one behind the other to `temporary` and renames it to `path`; for signal handlers. */
void terminal_replace_file(const char *path, const char *temporary, const char *const *pieces, const size_t *lengths, size_t count);
/* Texts to standard error; for signal handlers. */
void terminal_say(const char *const *texts, size_t count);

#endif
