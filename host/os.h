/* Every call to the operating system: files, folders, libraries, threads, time. Two implementations: os_posix.c, os_windows.c. */
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

/* Asks for large pages where this memory is, whole small pages inside it; does nothing where the system has no such thing. Of use before
 * the memory is touched: what is there already stays in small ones. */
void icn_os_advise_large_pages(void *memory, size_t bytes);

/* Writes a whole file: to a temporary beside it, then renamed, so that it is there whole or not at all. */
icn_status icn_os_write_file(const char *path, const void *data, size_t bytes, icn_error *error);
/* Makes a folder and its parents; true when it is there afterwards. */
bool icn_os_make_folder(const char *path);
bool icn_os_remove(const char *path);
bool icn_os_exists(const char *path); /* something of that name is there */
/* Keeps other processes (not other threads of this one) that ask for the same out until it is given back, by a file PATH.lock that is
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
unsigned long icn_os_process(void); /* process number, for names of temporaries */

#endif
