/* Windows, by the ANSI entry points: paths are in the process's code page (UTF-8 where its manifest says so). */
#define WIN32_LEAN_AND_MEAN
#if !defined(_WIN32_WINNT)
#define _WIN32_WINNT 0x0600 /* Vista: reader-writer locks, GetFinalPathNameByHandle */
#endif
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"

enum { PATH_BYTES = 4096 };

static const char *system_reason(DWORD code, char *text, size_t bytes) {
  DWORD length = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, code, 0, text, (DWORD)bytes, NULL);
  while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r' || text[length - 1] == '.')) text[--length] = '\0';
  if (length == 0) snprintf(text, bytes, "system error %lu", code);
  return text;
}

static icn_status io_error(icn_error *error, const char *what, const char *path, DWORD code) {
  char reason[160];
  return icn_error_set(error, ICN_IO, "%s '%s': %s", what, path, system_reason(code, reason, sizeof reason));
}

static bool is_folder(const char *path) {
  DWORD attributes = GetFileAttributesA(path);
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
}

/* ------------------------------------------------------------------- files */

static icn_status map_file(HANDLE file, const char *path, icn_mapping *mapping, icn_error *error) {
  icn_status status = ICN_OK;
  LARGE_INTEGER size;
  ICN_REQUIRE(GetFileType(file) == FILE_TYPE_DISK, ICN_IO, "cannot read '%s': it is not a regular file", path);
  if (!GetFileSizeEx(file, &size)) return io_error(error, "cannot read", path, GetLastError());
  ICN_REQUIRE((uint64_t)size.QuadPart <= SIZE_MAX / 2, ICN_IO, "cannot read '%s': %lld bytes are more than this process can address", path,
              (long long)size.QuadPart);
  if (size.QuadPart == 0) return ICN_OK;
  HANDLE section = CreateFileMappingA(file, NULL, PAGE_READONLY, 0, 0, NULL);
  if (section == NULL) return io_error(error, "cannot map", path, GetLastError());
  void *data = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
  DWORD problem = GetLastError();
  CloseHandle(section); /* the view keeps it */
  if (data == NULL) return io_error(error, "cannot map", path, problem);
  mapping->data = mapping->handle = data;
  mapping->bytes = (uint64_t)size.QuadPart;
done:
  return status;
}

icn_status icn_os_map(const char *path, icn_mapping *mapping, icn_error *error) {
  memset(mapping, 0, sizeof *mapping);
  if (is_folder(path)) return icn_error_set(error, ICN_IO, "cannot read '%s': it is a folder, not a file", path);
  HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
  if (file == INVALID_HANDLE_VALUE) return io_error(error, "cannot open", path, GetLastError());
  icn_status status = map_file(file, path, mapping, error);
  CloseHandle(file);
  return status;
}

void icn_os_unmap(icn_mapping *mapping) {
  if (mapping->handle != NULL) UnmapViewOfFile(mapping->handle);
  memset(mapping, 0, sizeof *mapping);
}

/* 0 or the error's number. */
static DWORD write_all(HANDLE file, const char *data, size_t bytes) {
  while (bytes > 0) {
    DWORD written = 0;
    if (!WriteFile(file, data, bytes < (1u << 30) ? (DWORD)bytes : (1u << 30), &written, NULL)) return GetLastError();
    if (written == 0) return ERROR_DISK_FULL;
    data += written;
    bytes -= written;
  }
  return 0;
}

static HANDLE create_temporary(const char *path, char *temporary, size_t bytes) {
  for (unsigned number = 0; number < 1000; number++) {
    int length = snprintf(temporary, bytes, "%s.%lu-%u.tmp", path, icn_os_process(), number);
    if (length < 0 || (size_t)length >= bytes) {
      SetLastError(ERROR_FILENAME_EXCED_RANGE);
      return INVALID_HANDLE_VALUE;
    }
    HANDLE file = CreateFileA(temporary, GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file != INVALID_HANDLE_VALUE || GetLastError() != ERROR_FILE_EXISTS) return file;
  }
  return INVALID_HANDLE_VALUE;
}

icn_status icn_os_write_file(const char *path, const void *data, size_t bytes, icn_error *error) {
  char temporary[PATH_BYTES];
  if (is_folder(path)) return icn_error_set(error, ICN_IO, "cannot write '%s': it is a folder", path);
  HANDLE file = create_temporary(path, temporary, sizeof temporary);
  if (file == INVALID_HANDLE_VALUE) return io_error(error, "cannot write", path, GetLastError());
  DWORD problem = write_all(file, data, bytes);
  if (!CloseHandle(file) && problem == 0) problem = GetLastError();
  if (problem == 0 && !MoveFileExA(temporary, path, MOVEFILE_REPLACE_EXISTING)) problem = GetLastError();
  if (problem == 0) return ICN_OK;
  DeleteFileA(temporary);
  return io_error(error, "cannot write", path, problem);
}

/* ------------------------------------------------------ files piece by piece */

icn_status icn_os_writer_open(const char *path, icn_os_writer *writer, icn_error *error) {
  char temporary[PATH_BYTES];
  if (is_folder(path)) return icn_error_set(error, ICN_IO, "cannot write '%s': it is a folder", path);
  HANDLE file = create_temporary(path, temporary, sizeof temporary);
  if (file == INVALID_HANDLE_VALUE) return io_error(error, "cannot write", path, GetLastError());
  writer->handle = (intptr_t)file;
  writer->path = malloc(strlen(path) + 1);
  writer->temporary = malloc(strlen(temporary) + 1);
  if (writer->path != NULL) strcpy(writer->path, path);
  if (writer->temporary != NULL) strcpy(writer->temporary, temporary);
  if (writer->path != NULL && writer->temporary != NULL) return ICN_OK;
  icn_os_writer_abandon(writer);
  DeleteFileA(temporary);
  return icn_error_memory(error, strlen(temporary) + 1, "the name of a file");
}

/* A rename replaces a link here in either case. */
icn_status icn_os_writer_open_in_cache(const char *path, icn_os_writer *writer, icn_error *error) {
  return icn_os_writer_open(path, writer, error);
}

icn_status icn_os_writer_append(icn_os_writer *writer, const void *data, size_t bytes, icn_error *error) {
  const DWORD problem = write_all((HANDLE)writer->handle, data, bytes);
  return problem == 0 ? ICN_OK : io_error(error, "cannot write", writer->path, problem);
}

static void free_writer(icn_os_writer *writer) {
  free(writer->path);
  free(writer->temporary);
  writer->path = writer->temporary = NULL;
}

icn_status icn_os_writer_finish(icn_os_writer *writer, const void *head, size_t bytes, icn_error *error) {
  icn_status status = ICN_OK;
  HANDLE file = (HANDLE)writer->handle;
  const LARGE_INTEGER begin = {.QuadPart = 0};
  DWORD problem = SetFilePointerEx(file, begin, NULL, FILE_BEGIN) ? write_all(file, head, bytes) : GetLastError();
  if (!CloseHandle(file) && problem == 0) problem = GetLastError();
  if (problem == 0 && !MoveFileExA(writer->temporary, writer->path, MOVEFILE_REPLACE_EXISTING)) problem = GetLastError();
  if (problem != 0) {
    DeleteFileA(writer->temporary);
    status = io_error(error, "cannot write", writer->path, problem);
  }
  free_writer(writer);
  return status;
}

void icn_os_writer_abandon(icn_os_writer *writer) {
  CloseHandle((HANDLE)writer->handle);
  if (writer->temporary != NULL) DeleteFileA(writer->temporary);
  free_writer(writer);
}

icn_status icn_os_reader_open(const char *path, icn_os_reader *reader, icn_error *error) {
  LARGE_INTEGER size;
  if (is_folder(path)) return icn_error_set(error, ICN_IO, "cannot read '%s': it is not a regular file", path);
  HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
  if (file == INVALID_HANDLE_VALUE) return io_error(error, "cannot open", path, GetLastError());
  if (GetFileType(file) != FILE_TYPE_DISK || !GetFileSizeEx(file, &size)) {
    CloseHandle(file);
    return icn_error_set(error, ICN_IO, "cannot read '%s': it is not a regular file", path);
  }
  *reader = (icn_os_reader){(uint64_t)size.QuadPart, (intptr_t)file};
  return ICN_OK;
}

icn_status icn_os_reader_read(const icn_os_reader *reader, uint64_t offset, void *data, size_t bytes, icn_error *error) {
  char *to = data;
  while (bytes > 0) {
    DWORD count = 0;
    OVERLAPPED place = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
    const BOOL read = ReadFile((HANDLE)reader->handle, to, bytes < (1u << 30) ? (DWORD)bytes : (1u << 30), &count, &place);
    if (!read && GetLastError() != ERROR_HANDLE_EOF) return io_error(error, "cannot read", "an open file", GetLastError());
    if (count == 0) return icn_error_set(error, ICN_IO, "the file ends where %llu bytes more were expected", (unsigned long long)bytes);
    to += count;
    offset += count;
    bytes -= count;
  }
  return ICN_OK;
}

void icn_os_reader_close(icn_os_reader *reader) { CloseHandle((HANDLE)reader->handle); }

/* ----------------------------------------------------------------- folders */

/* Seconds since 1970 of a time in steps of 100 ns since 1601. */
static int64_t unix_seconds(const FILETIME *time) {
  const uint64_t steps = (uint64_t)time->dwHighDateTime << 32 | time->dwLowDateTime;
  return (int64_t)(steps / 10000000) - 11644473600;
}

const char *icn_os_folder_problem(const char *path) {
  (void)path;
  return NULL;
}

bool icn_os_list_files(const char *folder, icn_os_visit *visit, void *user) {
  char pattern[PATH_BYTES];
  WIN32_FIND_DATAA found;
  const int length = snprintf(pattern, sizeof pattern, "%s\\*", folder);
  if (length < 0 || (size_t)length >= sizeof pattern) return false;
  HANDLE listing = FindFirstFileA(pattern, &found);
  if (listing == INVALID_HANDLE_VALUE) return false;
  bool more = true;
  do {
    if ((found.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) != 0) continue;
    const uint64_t bytes = (uint64_t)found.nFileSizeHigh << 32 | found.nFileSizeLow;
    more = visit(user, found.cFileName, bytes, unix_seconds(&found.ftLastWriteTime));
  } while (more && FindNextFileA(listing, &found));
  FindClose(listing);
  return true;
}

bool icn_os_list_folder(const char *folder, icn_os_visit_entry *visit, void *user) {
  char pattern[PATH_BYTES];
  WIN32_FIND_DATAA found;
  const int length = snprintf(pattern, sizeof pattern, "%s\\*", folder);
  if (length < 0 || (size_t)length >= sizeof pattern) return false;
  HANDLE listing = FindFirstFileA(pattern, &found);
  if (listing == INVALID_HANDLE_VALUE) return false;
  bool more = true;
  do {
    if (strcmp(found.cFileName, ".") == 0 || strcmp(found.cFileName, "..") == 0) continue;
    more = visit(user, found.cFileName, (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0);
  } while (more && FindNextFileA(listing, &found));
  FindClose(listing);
  return true;
}

bool icn_os_is_folder(const char *path) { return is_folder(path); }

bool icn_os_touch(const char *path) {
  FILETIME now;
  HANDLE file = CreateFileA(path, FILE_WRITE_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                            FILE_ATTRIBUTE_NORMAL, NULL);
  if (file == INVALID_HANDLE_VALUE) return false;
  GetSystemTimeAsFileTime(&now);
  const bool done = SetFileTime(file, NULL, NULL, &now) != 0;
  CloseHandle(file);
  return done;
}

int64_t icn_os_clock(void) {
  FILETIME now;
  GetSystemTimeAsFileTime(&now);
  return unix_seconds(&now);
}

static bool is_separator(char c) { return c == '/' || c == '\\'; }

bool icn_os_make_folder(const char *path) {
  char partial[PATH_BYTES];
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof partial) return false;
  memcpy(partial, path, length + 1);
  for (size_t i = 1; i <= length; i++) {
    if (!is_separator(partial[i]) && partial[i] != '\0') continue;
    char kept = partial[i];
    partial[i] = '\0';
    CreateDirectoryA(partial, NULL); /* parents mostly exist; what counts is the end */
    partial[i] = kept;
  }
  return is_folder(path);
}

bool icn_os_remove(const char *path) { return is_folder(path) ? RemoveDirectoryA(path) != 0 : DeleteFileA(path) != 0; }

bool icn_os_exists(const char *path) { return GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES; }

icn_status icn_os_lock_file(const char *path, double seconds, icn_os_lock *lock, icn_error *error) {
  const double start = icn_os_seconds();
  const size_t bytes = strlen(path) + sizeof ".lock";
  HANDLE file = INVALID_HANDLE_VALUE;
  DWORD problem = 0;
  lock->path = malloc(bytes);
  if (lock->path == NULL) return icn_error_memory(error, bytes, "the name of a lock");
  snprintf(lock->path, bytes, "%s.lock", path);
  for (;;) { /* open for nobody else, gone when closed */
    file = CreateFileA(lock->path, GENERIC_WRITE, 0, NULL, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    problem = file == INVALID_HANDLE_VALUE ? GetLastError() : 0;
    const bool busy = problem == ERROR_SHARING_VIOLATION || problem == ERROR_DELETE_PENDING;
    if (!busy || icn_os_seconds() - start >= seconds) break;
    Sleep(10);
  }
  lock->handle = (intptr_t)file;
  if (problem == 0) return ICN_OK;
  icn_status status = problem == ERROR_SHARING_VIOLATION
                          ? icn_error_set(error, ICN_IO, "cannot write '%s': another process holds its lock", path)
                          : io_error(error, "cannot write", lock->path, problem);
  free(lock->path);
  lock->path = NULL;
  return status;
}

void icn_os_unlock_file(icn_os_lock *lock) {
  if (lock->path == NULL) return;
  CloseHandle((HANDLE)lock->handle);
  free(lock->path);
  lock->path = NULL;
}

/* ------------------------------------------------------------- confinement */

/* True when `location`, read as text, is relative, has no drive or stream, and never steps above where it starts. */
static bool stays_inside(const char *location) {
  if (location[0] == '\0' || is_separator(location[0]) || strchr(location, ':') != NULL) return false;
  int depth = 0;
  for (const char *part = location; *part != '\0';) {
    size_t length = strcspn(part, "/\\");
    if (length == 2 && part[0] == '.' && part[1] == '.') {
      depth--;
    } else if (length > 0 && !(length == 1 && part[0] == '.')) {
      depth++;
    }
    if (depth < 0) return false;
    part += length;
    part += *part != '\0';
  }
  return true;
}

/* The path with links resolved ("\\?\C:\..."); false with GetLastError. */
static bool resolve(const char *path, char *out, size_t bytes) {
  HANDLE file =
      CreateFileA(path, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
  if (file == INVALID_HANDLE_VALUE) return false;
  DWORD length = GetFinalPathNameByHandleA(file, out, (DWORD)bytes, FILE_NAME_NORMALIZED | VOLUME_NAME_DOS);
  CloseHandle(file);
  if (length < bytes) return length > 0;
  SetLastError(ERROR_FILENAME_EXCED_RANGE);
  return false;
}

static bool is_below(const char *folder, const char *path) {
  size_t length = strlen(folder);
  while (length > 0 && is_separator(folder[length - 1])) length--;
  return strlen(path) > length + 1 && _strnicmp(folder, path, length) == 0 && is_separator(path[length]);
}

static bool folder_of(const char *base, char *folder, size_t bytes) {
  size_t length = strlen(base);
  while (length > 0 && !is_separator(base[length - 1]) && base[length - 1] != ':') length--;
  if (length + 2 > bytes) return false;
  memcpy(folder, base, length);
  memcpy(folder + length, ".", 2);
  return true;
}

icn_status icn_os_confined_path(const char *base, const char *location, char *out, size_t out_bytes, icn_error *error) {
  icn_status status = ICN_OK;
  char folder[PATH_BYTES], resolved_folder[PATH_BYTES], joined[PATH_BYTES], resolved[PATH_BYTES];
  ICN_REQUIRE(stays_inside(location), ICN_FORMAT, "external data '%s' is not inside the model's folder: only paths below it are read",
              location);
  ICN_REQUIRE(folder_of(base, folder, sizeof folder) && resolve(folder, resolved_folder, sizeof resolved_folder), ICN_IO,
              "the folder of '%s' cannot be resolved", base);
  int length = snprintf(joined, sizeof joined, "%s\\%s", folder, location);
  ICN_REQUIRE(length > 0 && (size_t)length < sizeof joined, ICN_IO, "the path of external data '%s' is too long", location);
  if (!resolve(joined, resolved, sizeof resolved)) {
    status = io_error(error, "cannot open external data", joined, GetLastError());
    goto done;
  }
  ICN_REQUIRE(is_below(resolved_folder, resolved), ICN_FORMAT, "external data '%s' is a link that leaves the model's folder, to '%s'",
              location, resolved);
  ICN_REQUIRE(strlen(resolved) < out_bytes, ICN_IO, "the path of external data '%s' is too long", location);
  memcpy(out, resolved, strlen(resolved) + 1);
done:
  return status;
}

bool icn_os_cache_folder(char *out, size_t bytes) {
  const char *cache = icn_os_environment("LOCALAPPDATA");
  int length = cache == NULL ? -1 : snprintf(out, bytes, "%s\\clinception\\cache", cache);
  return length > 0 && (size_t)length < bytes;
}

/* --------------------------------------------- libraries, threads and time */

void *icn_os_library_open(const char *name) { return LoadLibraryA(name); }

void *icn_os_library_symbol(void *library, const char *name) {
  FARPROC function = GetProcAddress(library, name);
  void *address;
  memcpy(&address, &function, sizeof address); /* C has no conversion between function and object pointers */
  return address;
}

void icn_os_library_close(void *library) {
  if (library != NULL) FreeLibrary(library);
}

const char *icn_os_environment(const char *name) {
  const char *value = getenv(name);
  return value == NULL || value[0] == '\0' ? NULL : value;
}

struct icn_mutex {
  icn_allocator allocator;
  SRWLOCK lock;
};

icn_mutex *icn_mutex_create(const icn_allocator *allocator) {
  icn_mutex *mutex = icn_allocate(allocator, sizeof *mutex);
  if (mutex == NULL) return NULL;
  mutex->allocator = *allocator;
  InitializeSRWLock(&mutex->lock);
  return mutex;
}

void icn_mutex_destroy(icn_mutex *mutex) {
  if (mutex == NULL) return;
  icn_allocator allocator = mutex->allocator;
  icn_release(&allocator, mutex);
}

void icn_mutex_lock(icn_mutex *mutex) { AcquireSRWLockExclusive(&mutex->lock); }
void icn_mutex_unlock(icn_mutex *mutex) { ReleaseSRWLockExclusive(&mutex->lock); }

struct icn_worker {
  icn_allocator allocator;
  HANDLE thread;
  void (*work)(void *user);
  void *user;
};

static DWORD WINAPI work_of(void *argument) {
  icn_worker *worker = argument;
  worker->work(worker->user);
  return 0;
}

icn_worker *icn_worker_start(const icn_allocator *allocator, void (*work)(void *user), void *user) {
  icn_worker *worker = icn_allocate(allocator, sizeof *worker);
  if (worker == NULL) return NULL;
  worker->allocator = *allocator;
  worker->work = work;
  worker->user = user;
  worker->thread = CreateThread(NULL, 0, work_of, worker, 0, NULL);
  if (worker->thread != NULL) return worker;
  icn_release(allocator, worker);
  return NULL;
}

void icn_worker_join(icn_worker *worker) {
  if (worker == NULL) return;
  const icn_allocator allocator = worker->allocator;
  WaitForSingleObject(worker->thread, INFINITE);
  CloseHandle(worker->thread);
  icn_release(&allocator, worker);
}

/* Of "AMD64 Family 25 Model 17 Stepping 1, AuthenticAMD" what Linux tells; ARM's text has other numbers under these names. */
static void describe_model(const char *identifier, char *model, size_t bytes) {
  unsigned family, number;
  const char *numbers = strstr(identifier, "Family "), *vendor = strrchr(identifier, ',');
  if (numbers == NULL || vendor == NULL || vendor[1] != ' ' || sscanf(numbers, "Family %u Model %u ", &family, &number) != 2) return;
  if (strncmp(identifier, "ARM", 3) != 0) snprintf(model, bytes, "%.40s family %u model %u", vendor + 2, family, number);
}

void icn_os_describe_machine(icn_os_machine *machine) {
  SYSTEM_INFO info;
  MEMORYSTATUSEX memory;
  const DWORD version = GetVersion(); /* without a manifest, what the program was made for: enough to tell 6 from 10 */
  memset(machine, 0, sizeof *machine);
  memory.dwLength = sizeof memory;
  GetSystemInfo(&info);
  machine->processors = info.dwNumberOfProcessors;
  if (GlobalMemoryStatusEx(&memory)) machine->memory_bytes = memory.ullTotalPhys;
  snprintf(machine->system, sizeof machine->system, "Windows %lu.%lu build %lu", version & 0xFF, version >> 8 & 0xFF, version >> 16);
  const char *processor = icn_os_environment("PROCESSOR_IDENTIFIER");
  if (processor == NULL) return;
  snprintf(machine->processor, sizeof machine->processor, "%s", processor);
  describe_model(processor, machine->model, sizeof machine->model);
}

void icn_os_date(char text[32]) {
  SYSTEMTIME now;
  GetSystemTime(&now);
  snprintf(text, 32, "%04u-%02u-%02uT%02u:%02u:%02uZ", now.wYear, now.wMonth, now.wDay, now.wHour, now.wMinute, now.wSecond);
}

double icn_os_seconds(void) {
  LARGE_INTEGER ticks, frequency;
  QueryPerformanceFrequency(&frequency);
  QueryPerformanceCounter(&ticks);
  return (double)ticks.QuadPart / (double)frequency.QuadPart;
}

/* The system trims what is not used by itself. */
void icn_os_forget_pages(const void *data, uint64_t bytes) {
  (void)data;
  (void)bytes;
}

/* Large pages want a right there that few accounts have. */
void icn_os_advise_large_pages(void *memory, size_t bytes) {
  (void)memory;
  (void)bytes;
}

unsigned long icn_os_process(void) { return GetCurrentProcessId(); }

void icn_os_sleep(double seconds) { Sleep((DWORD)(seconds * 1000 + 0.999)); }

uint64_t icn_os_thread(void) { return GetCurrentThreadId(); }
/* When it began, in 100 ns since 1601; 0 when that is not told. */
static unsigned long long began_at(HANDLE process) {
  FILETIME began, ended, kernel, user;
  if (!GetProcessTimes(process, &began, &ended, &kernel, &user)) return 0;
  return (unsigned long long)began.dwHighDateTime << 32 | began.dwLowDateTime;
}

void icn_os_process_mark(char mark[ICN_OS_PROCESS_BYTES]) {
  snprintf(mark, ICN_OS_PROCESS_BYTES, "%lu.%llu.-", icn_os_process(), began_at(GetCurrentProcess()));
}

/* The cache folder is the machine's own here. */
bool icn_os_process_is_elsewhere(const char *mark) {
  (void)mark;
  return false;
}

bool icn_os_process_is_alive(const char *mark) {
  unsigned long number = 0;
  unsigned long long began = 0;
  DWORD code = 0;
  if (sscanf(mark, "%lu.%llu.-", &number, &began) != 2) return false;
  HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, number);
  if (process == NULL) return GetLastError() == ERROR_ACCESS_DENIED; /* it is there, and somebody else's */
  const bool alive = GetExitCodeProcess(process, &code) && code == STILL_ACTIVE && began_at(process) == began;
  CloseHandle(process);
  return alive;
}
