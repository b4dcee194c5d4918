/* Files on Linux, Android, macOS and the other POSIX systems. X/Open 700 is POSIX.1-2008 plus realpath, which glibc hides otherwise; flock
 * is in neither: each system has a word of its own for what else it has. */
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os.h"

enum { PATH_BYTES = 4096, WRITE_BYTES = 1 << 30 }; /* Linux and macOS cut a single write at 2 GiB */

/* strerror is not safe between threads. */
static const char *system_reason(int code, char *text, size_t bytes) {
  if (strerror_r(code, text, bytes) != 0) snprintf(text, bytes, "system error %d", code);
  return text;
}

static icn_status io_error(icn_error *error, const char *what, const char *path, int code) {
  char reason[128];
  return icn_error_set(error, ICN_IO, "%s '%s': %s", what, path, system_reason(code, reason, sizeof reason));
}

/* ------------------------------------------------------------------- files */

static icn_status map_descriptor(int file, const char *path, icn_mapping *mapping, icn_error *error) {
  icn_status status = ICN_OK;
  struct stat info;
  if (fstat(file, &info) != 0) return io_error(error, "cannot read", path, errno);
  ICN_REQUIRE(!S_ISDIR(info.st_mode), ICN_IO, "cannot read '%s': it is a folder, not a file", path);
  ICN_REQUIRE(S_ISREG(info.st_mode), ICN_IO, "cannot read '%s': it is not a regular file", path);
  ICN_REQUIRE((uint64_t)info.st_size <= SIZE_MAX / 2, ICN_IO, "cannot read '%s': %llu bytes are more than this process can address", path,
              (unsigned long long)info.st_size);
  if (info.st_size == 0) return ICN_OK;
  void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  if (data == MAP_FAILED) return io_error(error, "cannot map", path, errno);
  mapping->data = mapping->handle = data;
  mapping->bytes = (uint64_t)info.st_size;
done:
  return status;
}

icn_status icn_os_map(const char *path, icn_mapping *mapping, icn_error *error) {
  memset(mapping, 0, sizeof *mapping);
  /* Not blocking: opening a named pipe must not wait for its writer. */
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return io_error(error, "cannot open", path, errno);
  icn_status status = map_descriptor(file, path, mapping, error);
  close(file); /* the mapping stays */
  return status;
}

void icn_os_unmap(icn_mapping *mapping) {
  if (mapping->handle != NULL) munmap(mapping->handle, (size_t)mapping->bytes);
  memset(mapping, 0, sizeof *mapping);
}

/* A regular file has what the process may write to one (ulimit -f): another byte would be answered by a signal that ends the process. */
static bool is_at_limit(int file) {
  struct rlimit limit;
  struct stat info;
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
  const off_t end = lseek(file, 0, SEEK_CUR);
  return end >= 0 && (rlim_t)end >= limit.rlim_cur && fstat(file, &info) == 0 && S_ISREG(info.st_mode);
}

/* 0 or the error's number. */
static int write_all(int file, const char *data, size_t bytes) {
  while (bytes > 0) {
    if (is_at_limit(file)) return EFBIG;
    ssize_t written = write(file, data, bytes < (size_t)WRITE_BYTES ? bytes : (size_t)WRITE_BYTES);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return ENOSPC;
    data += written;
    bytes -= (size_t)written;
  }
  return 0;
}

/* A pipe, a terminal, /dev/null: renaming a file over it would take it away, so it is written to directly. */
static icn_status write_device(const char *path, const void *data, size_t bytes, icn_error *error) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return io_error(error, "cannot open for writing", path, errno);
  int problem = write_all(file, data, bytes);
  if (close(file) != 0 && problem == 0) problem = errno;
  return problem == 0 ? ICN_OK : io_error(error, "cannot write", path, problem);
}

/* A new file `path`.PROCESS-NUMBER.tmp that nobody else writes. */
static int create_temporary(const char *path, mode_t mode, char *temporary, size_t bytes) {
  for (unsigned number = 0; number < 1000; number++) {
    int length = snprintf(temporary, bytes, "%s.%lu-%u.tmp", path, icn_os_process(), number);
    if (length < 0 || (size_t)length >= bytes) {
      errno = ENAMETOOLONG;
      return -1;
    }
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file >= 0 || errno != EEXIST) return file;
  }
  return -1;
}

static icn_status write_by_rename(const char *path, const struct stat *existing, const void *data, size_t bytes, icn_error *error) {
  char temporary[PATH_BYTES];
  if (existing != NULL && access(path, W_OK) != 0) return io_error(error, "cannot write", path, errno);
  int file = create_temporary(path, 0666, temporary, sizeof temporary);
  if (file < 0) return io_error(error, "cannot write", path, errno);
  int problem = write_all(file, data, bytes);
  if (problem == 0 && existing != NULL && fchmod(file, existing->st_mode & 0777) != 0) problem = errno;
  if (close(file) != 0 && problem == 0) problem = errno; /* some file systems report a full disk only here */
  if (problem == 0 && rename(temporary, path) != 0) problem = errno;
  if (problem == 0) return ICN_OK;
  unlink(temporary);
  return io_error(error, "cannot write", path, problem);
}

icn_status icn_os_write_file(const char *path, const void *data, size_t bytes, icn_error *error) {
  struct stat info;
  if (stat(path, &info) != 0) return write_by_rename(path, NULL, data, bytes, error);
  if (S_ISDIR(info.st_mode)) return icn_error_set(error, ICN_IO, "cannot write '%s': it is a folder", path);
  if (!S_ISREG(info.st_mode)) return write_device(path, data, bytes, error);
  char *target = realpath(path, NULL); /* a symbolic link stays one: what it points at is replaced */
  if (target == NULL) return io_error(error, "cannot write", path, errno);
  icn_status status = write_by_rename(target, &info, data, bytes, error);
  free(target);
  return status;
}

/* ------------------------------------------------------ files piece by piece */

/* What is to be replaced: *target, NEW: a symbolic link stays one. A device cannot be. *mode: a file's own, but not that others may write.
 */
static icn_status find_target(const char *path, char **target, mode_t *mode, icn_error *error) {
  struct stat info;
  *mode = 0644;
  *target = NULL;
  if (stat(path, &info) != 0) {
    *target = strdup(path);
    return *target != NULL ? ICN_OK : icn_error_memory(error, strlen(path) + 1, "the name of a file");
  }
  if (!S_ISREG(info.st_mode))
    return icn_error_set(error, ICN_IO, "cannot write '%s': it is %s", path, S_ISDIR(info.st_mode) ? "a folder" : "not a regular file");
  if (access(path, W_OK) == 0) *target = realpath(path, NULL);
  *mode = info.st_mode & 0755;
  return *target != NULL ? ICN_OK : io_error(error, "cannot write", path, errno);
}

/* Owns `target` from here on. */
static icn_status open_writer(char *target, mode_t mode, icn_os_writer *writer, icn_error *error) {
  char temporary[PATH_BYTES];
  int file = create_temporary(target, 0600, temporary, sizeof temporary);
  if (file >= 0 && fchmod(file, mode) != 0) {
    close(file);
    unlink(temporary);
    file = -1;
  }
  if (file < 0) {
    const icn_status status = io_error(error, "cannot write", target, errno);
    free(target);
    return status;
  }
  writer->handle = file;
  writer->path = target;
  writer->temporary = strdup(temporary);
  if (writer->temporary != NULL) return ICN_OK;
  unlink(temporary);
  icn_os_writer_abandon(writer);
  return icn_error_memory(error, strlen(temporary) + 1, "the name of a file");
}

icn_status icn_os_writer_open(const char *path, icn_os_writer *writer, icn_error *error) {
  char *target;
  mode_t mode;
  const icn_status status = find_target(path, &target, &mode, error);
  return status != ICN_OK ? status : open_writer(target, mode, writer, error);
}

icn_status icn_os_writer_open_in_cache(const char *path, icn_os_writer *writer, icn_error *error) {
  char *target = strdup(path);
  return target != NULL ? open_writer(target, 0644, writer, error) : icn_error_memory(error, strlen(path) + 1, "the name of a file");
}

icn_status icn_os_writer_append(icn_os_writer *writer, const void *data, size_t bytes, icn_error *error) {
  const int problem = write_all((int)writer->handle, data, bytes);
  return problem == 0 ? ICN_OK : io_error(error, "cannot write", writer->path, problem);
}

static void free_writer(icn_os_writer *writer) {
  free(writer->path);
  free(writer->temporary);
  writer->path = writer->temporary = NULL;
}

icn_status icn_os_writer_finish(icn_os_writer *writer, const void *head, size_t bytes, icn_error *error) {
  icn_status status = ICN_OK;
  const int file = (int)writer->handle;
  int problem = lseek(file, 0, SEEK_SET) == 0 ? write_all(file, head, bytes) : errno;
  if (close(file) != 0 && problem == 0) problem = errno;
  if (problem == 0 && rename(writer->temporary, writer->path) != 0) problem = errno;
  if (problem != 0) {
    unlink(writer->temporary);
    status = io_error(error, "cannot write", writer->path, problem);
  }
  free_writer(writer);
  return status;
}

void icn_os_writer_abandon(icn_os_writer *writer) {
  close((int)writer->handle);
  if (writer->temporary != NULL) unlink(writer->temporary);
  free_writer(writer);
}

icn_status icn_os_reader_open(const char *path, icn_os_reader *reader, icn_error *error) {
  struct stat info;
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* as icn_os_map */
  if (file < 0) return io_error(error, "cannot open", path, errno);
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(file);
    return icn_error_set(error, ICN_IO, "cannot read '%s': it is not a regular file", path);
  }
  *reader = (icn_os_reader){(uint64_t)info.st_size, file};
  return ICN_OK;
}

icn_status icn_os_reader_read(const icn_os_reader *reader, uint64_t offset, void *data, size_t bytes, icn_error *error) {
  char *to = data;
  while (bytes > 0) {
    const ssize_t count = pread((int)reader->handle, to, bytes < (size_t)WRITE_BYTES ? bytes : (size_t)WRITE_BYTES, (off_t)offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_error(error, "cannot read", "an open file", errno);
    if (count == 0) return icn_error_set(error, ICN_IO, "the file ends where %zu bytes more were expected", bytes);
    to += count;
    offset += (uint64_t)count;
    bytes -= (size_t)count;
  }
  return ICN_OK;
}

void icn_os_reader_close(icn_os_reader *reader) { close((int)reader->handle); }

/* ----------------------------------------------------------------- folders */

bool icn_os_make_folder(const char *path) {
  char partial[PATH_BYTES];
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof partial) return false;
  memcpy(partial, path, length + 1);
  for (size_t i = 1; i <= length; i++) {
    if (partial[i] != '/' && partial[i] != '\0') continue;
    char kept = partial[i];
    partial[i] = '\0';
    mkdir(partial, 0755); /* parents mostly exist; what counts is the end */
    partial[i] = kept;
  }
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool icn_os_remove(const char *path) { return remove(path) == 0; }

bool icn_os_exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 || errno != ENOENT;
}

/* 0: locked, into *file. EAGAIN: somebody else has it. Whoever gives a lock back removes its file, so that what was locked may be a file
 * that is no longer the one of that name. flock's locks belong to the open file; fcntl's to the process, which loses them when any of its
 * threads closes that file. */
static int try_lock(const char *path, int *file) {
  struct stat held, named;
  *file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (*file < 0) return errno;
  int problem = flock(*file, LOCK_EX | LOCK_NB) == 0 ? 0 : errno == EWOULDBLOCK ? EAGAIN : errno;
  const bool same =
      problem == 0 && fstat(*file, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev && held.st_ino == named.st_ino;
  if (problem == 0 && !same) problem = EAGAIN;
  if (problem != 0) close(*file);
  return problem;
}

icn_status icn_os_lock_file(const char *path, double seconds, icn_os_lock *lock, icn_error *error) {
  const struct timespec pause_time = {0, 10 * 1000 * 1000};
  const double start = icn_os_seconds();
  const size_t bytes = strlen(path) + sizeof ".lock";
  int file = -1;
  lock->path = malloc(bytes);
  if (lock->path == NULL) return icn_error_memory(error, bytes, "the name of a lock");
  snprintf(lock->path, bytes, "%s.lock", path);
  int problem = try_lock(lock->path, &file);
  while (problem == EAGAIN && icn_os_seconds() - start < seconds) {
    nanosleep(&pause_time, NULL);
    problem = try_lock(lock->path, &file);
  }
  lock->handle = file;
  if (problem == 0) return ICN_OK;
  icn_status status = problem == EAGAIN ? icn_error_set(error, ICN_IO, "cannot write '%s': another process holds its lock", path)
                                        : io_error(error, "cannot write", lock->path, problem);
  free(lock->path);
  lock->path = NULL;
  return status;
}

void icn_os_unlock_file(icn_os_lock *lock) {
  if (lock->path == NULL) return;
  unlink(lock->path);
  close((int)lock->handle);
  free(lock->path);
  lock->path = NULL;
}

/* ------------------------------------------------------------- confinement */

/* True when `location`, read as text, is relative and never steps above where it starts. */
static bool stays_inside(const char *location) {
  if (location[0] == '/' || location[0] == '\0') return false;
  int depth = 0;
  for (const char *part = location; *part != '\0';) {
    size_t length = strcspn(part, "/");
    if (length == 2 && part[0] == '.' && part[1] == '.') {
      depth--;
    } else if (length > 0 && !(length == 1 && part[0] == '.')) {
      depth++;
    }
    if (depth < 0) return false;
    part += length;
    part += *part == '/';
  }
  return true;
}

static bool is_below(const char *folder, const char *path) {
  size_t length = strlen(folder);
  if (length == 1) return path[0] == '/' && path[1] != '\0'; /* the root */
  return strncmp(folder, path, length) == 0 && path[length] == '/' && path[length + 1] != '\0';
}

static char *resolve_folder_of(const char *base) {
  const char *slash = strrchr(base, '/');
  char folder[PATH_BYTES];
  if (slash == NULL) return realpath(".", NULL);
  size_t length = slash == base ? 1 : (size_t)(slash - base);
  if (length >= sizeof folder) return NULL;
  memcpy(folder, base, length);
  folder[length] = '\0';
  return realpath(folder, NULL);
}

icn_status icn_os_confined_path(const char *base, const char *location, char *out, size_t out_bytes, icn_error *error) {
  icn_status status = ICN_OK;
  char *resolved = NULL;
  char *folder = resolve_folder_of(base);
  char joined[PATH_BYTES];
  ICN_REQUIRE(stays_inside(location), ICN_FORMAT, "external data '%s' is not inside the model's folder: only paths below it are read",
              location);
  ICN_REQUIRE(folder != NULL, ICN_IO, "the folder of '%s' cannot be resolved", base);
  int length = snprintf(joined, sizeof joined, "%s/%s", folder, location);
  ICN_REQUIRE(length > 0 && (size_t)length < sizeof joined, ICN_IO, "the path of external data '%s' is too long", location);
  resolved = realpath(joined, NULL);
  if (resolved == NULL) {
    status = io_error(error, "cannot open external data", joined, errno);
    goto done;
  }
  ICN_REQUIRE(is_below(folder, resolved), ICN_FORMAT, "external data '%s' is a link that leaves the model's folder, to '%s'", location,
              resolved);
  ICN_REQUIRE(strlen(resolved) < out_bytes, ICN_IO, "the path of external data '%s' is too long", location);
  memcpy(out, resolved, strlen(resolved) + 1);
done:
  free(resolved);
  free(folder);
  return status;
}

bool icn_os_cache_folder(char *out, size_t bytes) {
  const char *cache = icn_os_environment("XDG_CACHE_HOME");
  const char *home = icn_os_environment("HOME");
  int length = -1;
  if (cache != NULL && cache[0] == '/') {
    length = snprintf(out, bytes, "%s/clinception", cache);
  } else if (home != NULL) {
#if defined(__APPLE__)
    length = snprintf(out, bytes, "%s/Library/Caches/clinception", home);
#else
    length = snprintf(out, bytes, "%s/.cache/clinception", home);
#endif
  }
  return length > 0 && (size_t)length < bytes;
}
