/* Every call to the operating system: files, folders, libraries, threads, time. Two implementations: os_posix.c, os_folder_posix.c and
 * os_system_posix.c; os_windows.c. */
#ifndef ICN_HOST_OS_H
#define ICN_HOST_OS_H

#include "base.h"

typedef struct icn_mapping {
  const void *data; /* NULL for an empty file */
  uint64_t bytes;
  void *handle;
} icn_mapping;
/* Maps a regular file read-only. Fails: ICN_IO: missing, a directory, not readable; the sentence has the path and the system's reason. */
icn_status icn_os_map(const char *path, icn_mapping *mapping, icn_error *error);
void icn_os_unmap(icn_mapping *mapping);
/* Whole pages of a mapped file that are not needed for now: they count no more to this process's memory, and come back when they are read.
 * Does nothing where the system has no such thing. */
void icn_os_forget_pages(const void *data, uint64_t bytes);

/* Asks for large pages where this memory is, whole small pages inside it; does nothing where the system has no such thing. Of use before
 * the memory is touched: what is there already stays in small ones. */
void icn_os_advise_large_pages(void *memory, size_t bytes);

/* Writes a whole file: to a temporary beside it, then renamed, so that it is there whole or not at all. */
icn_status icn_os_write_file(const char *path, const void *data, size_t bytes, icn_error *error);
/* The same piece by piece, for what is too large to hold: appended to a temporary, which takes the file's name when it is finished. Only
 * its owner can write to it, whatever the umask. After open, exactly one of finish and abandon, whatever failed in between. A file of the
 * user's that exists keeps its mode, and a link to it stays one. In a cache, where another user may have put it, whatever has that name
 * is replaced, and a link is not followed. */
typedef struct icn_os_writer {
  char *path, *temporary;
  intptr_t handle;
} icn_os_writer;
icn_status icn_os_writer_open(const char *path, icn_os_writer *writer, icn_error *error);
icn_status icn_os_writer_open_in_cache(const char *path, icn_os_writer *writer, icn_error *error);
icn_status icn_os_writer_append(icn_os_writer *writer, const void *data, size_t bytes, icn_error *error);
/* The first bytes of the file are `head` instead of what was appended there: what is known last may stand first. */
icn_status icn_os_writer_finish(icn_os_writer *writer, const void *head, size_t bytes, icn_error *error);
void icn_os_writer_abandon(icn_os_writer *writer);

/* A regular file read piece by piece: one that is cut off meanwhile is an error, where it ends the process that reads a mapping. */
typedef struct icn_os_reader {
  uint64_t bytes;
  intptr_t handle;
} icn_os_reader;
icn_status icn_os_reader_open(const char *path, icn_os_reader *reader, icn_error *error);
/* All of `bytes` from `offset` on. Fails: ICN_IO, also where the file has fewer. */
icn_status icn_os_reader_read(const icn_os_reader *reader, uint64_t offset, void *data, size_t bytes, icn_error *error);
void icn_os_reader_close(icn_os_reader *reader);

/* Makes a folder and its parents, which only their owner can write to; true when it is there afterwards. */
bool icn_os_make_folder(const char *path);
bool icn_os_remove(const char *path);
bool icn_os_exists(const char *path); /* something of that name is there */

/* Why what lies in the folder cannot be trusted ("it belongs to another user", "everybody may write to it"), or NULL. Root's folders can.
 * NULL as well where there is no such folder, and on Windows, whose folders for users' caches are the users' own. */
const char *icn_os_folder_problem(const char *path);
/* Calls `visit` for each regular file in the folder, links left out, until it returns false; `changed` is when the file was written or
 * touched, in seconds since 1970 (UTC). False when the folder cannot be read. */
typedef bool icn_os_visit(void *user, const char *name, uint64_t bytes, int64_t changed);
bool icn_os_list_files(const char *folder, icn_os_visit *visit, void *user);
/* The same for files of any size and folders, what links lead to included, as people have their pictures; but for "." and "..". */
typedef bool icn_os_visit_entry(void *user, const char *name, bool is_folder);
bool icn_os_list_folder(const char *folder, icn_os_visit_entry *visit, void *user);
bool icn_os_is_folder(const char *path);
bool icn_os_touch(const char *path); /* the file was changed now */
int64_t icn_os_clock(void);          /* seconds since 1970 (UTC) */
/* Keeps other processes, and other threads of this one, that ask for the same out until it is given back, by a file PATH.lock that is
 * there meanwhile; a process that ends gives it back. Waits for `seconds` at most. Fails: ICN_IO. */
typedef struct icn_os_lock {
  char *path;
  intptr_t handle;
} icn_os_lock;
icn_status icn_os_lock_file(const char *path, double seconds, icn_os_lock *lock, icn_error *error);
void icn_os_unlock_file(icn_os_lock *lock);
/* `location` (a model's own text) inside the folder of the file `base`, as a path into `out`; ICN_FORMAT when it is absolute or leaves that
 * folder (links resolved). */
icn_status icn_os_confined_path(const char *base, const char *location, char *out, size_t out_bytes, icn_error *error);
/* The user's cache folder for clinception into `out` (XDG_CACHE_HOME, LOCALAPPDATA, ...); false when there is none. */
bool icn_os_cache_folder(char *out, size_t bytes);

void *icn_os_library_open(const char *name);
void *icn_os_library_symbol(void *library, const char *name);
void icn_os_library_close(void *library);
const char *icn_os_environment(const char *name); /* NULL when unset or empty */

typedef struct icn_mutex icn_mutex;
icn_mutex *icn_mutex_create(const icn_allocator *allocator);
void icn_mutex_destroy(icn_mutex *mutex);
void icn_mutex_lock(icn_mutex *mutex);
void icn_mutex_unlock(icn_mutex *mutex);

/* Calls work(user) on a thread of its own; NULL where the system has none to give (then do it yourself). Join each one once. */
typedef struct icn_worker icn_worker;
icn_worker *icn_worker_start(const icn_allocator *allocator, void (*work)(void *user), void *user);
void icn_worker_join(icn_worker *worker); /* waits for its end; takes NULL */

/* What this machine is, without anything that tells whose it is: "Debian GNU/Linux 12 (bookworm), Linux 6.1.0 x86_64", "AMD EPYC 9B14". A
 * virtual machine may call its processor just "AMD EPYC"; `model` tells its kind: "AuthenticAMD family 25 model 17", of ARM processors
 * "implementer 0x41 part 0xd40" (the first core's, where there are several kinds). Each text is empty where it is not known. */
typedef struct icn_os_machine {
  char system[256], processor[128], model[96];
  uint32_t processors; /* logical; 0: not known */
  uint64_t memory_bytes;
} icn_os_machine;
void icn_os_describe_machine(icn_os_machine *machine);
/* A UTC date and time of day as "2026-11-22T18:05:33Z". */
void icn_os_date(char text[32]);

double icn_os_seconds(void);        /* monotonic */
void icn_os_sleep(double seconds);  /* about that long: at least a scheduler's tick where it is coarse */
uint64_t icn_os_thread(void);       /* the calling thread's number, not 0 */
unsigned long icn_os_process(void); /* process number, for names of temporaries */

/* Who this process is, for others that find it written somewhere: its number, when it began, which start of the machine that was, and of
 * which machine; one word. A process is alive when it is there with the same beginning: a number that was given to another one since is not
 * it. Of a process of another machine, or in a container with a name of its own, that share a folder with this one, nobody here can tell.
 */
enum { ICN_OS_PROCESS_BYTES = 96 };
void icn_os_process_mark(char mark[ICN_OS_PROCESS_BYTES]);
bool icn_os_process_is_elsewhere(const char *mark);
bool icn_os_process_is_alive(const char *mark); /* here */

#endif
