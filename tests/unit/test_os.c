/* Files, folders, confinement, mutex and time of the operating system layer. The disk-full cases use a file size limit and /dev/full. */
#define _XOPEN_SOURCE     700
#define _FILE_OFFSET_BITS 64 /* without it a 32-bit program sees no entries of a folder on a large file system */
#include "support/icn_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os.h"

static char folder[256];

static const char *in_folder(const char *name) {
  static char paths[4][512];
  static int next;
  char *path = paths[next = (next + 1) % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static int entries(void) {
  int count = 0;
  DIR *listing = opendir(folder);
  assert_non_null(listing);
  while (readdir(listing) != NULL) count++;
  closedir(listing);
  return count - 2; /* without . and .. */
}

static int make_folder(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "test-os-%lu/deep/er", icn_os_process());
  return icn_os_make_folder(folder) && icn_os_make_folder(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  char command[320];
  snprintf(command, sizeof command, "rm -rf test-os-%lu", icn_os_process());
  return system(command);
}

static void assert_says(const icn_error *error, const char *words) {
  if (strstr(error->message, words) == NULL) fail_msg("'%s' is not in '%s'", words, error->message);
}

static void written_files_are_mapped_back(void **state) {
  (void)state;
  icn_error error;
  icn_mapping mapping;
  const char *path = in_folder("file");
  assert_int_equal(icn_os_write_file(path, "first, longer", 13, &error), ICN_OK);
  assert_int_equal(icn_os_write_file(path, "second", 6, &error), ICN_OK);
  assert_int_equal(icn_os_map(path, &mapping, &error), ICN_OK);
  assert_int_equal(mapping.bytes, 6);
  assert_memory_equal(mapping.data, "second", 6);
  icn_os_unmap(&mapping);
  assert_null(mapping.data);
  assert_int_equal(entries(), 1); /* no temporary is left */

  assert_int_equal(icn_os_write_file(path, NULL, 0, &error), ICN_OK);
  assert_int_equal(icn_os_map(path, &mapping, &error), ICN_OK);
  assert_null(mapping.data);
  assert_int_equal(mapping.bytes, 0);
  icn_os_unmap(&mapping);
  assert_true(icn_os_remove(path));
  assert_false(icn_os_remove(path));
}

static void unreadable_things_are_named(void **state) {
  (void)state;
  icn_error error;
  icn_mapping mapping;
  assert_int_equal(icn_os_map(in_folder("absent"), &mapping, &error), ICN_IO);
  assert_says(&error, "absent': No such file");
  assert_int_equal(icn_os_map(folder, &mapping, &error), ICN_IO);
  assert_says(&error, "it is a folder");
  assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
  assert_int_equal(icn_os_map(in_folder("pipe"), &mapping, &error), ICN_IO);
  assert_says(&error, "not a regular file");
  assert_int_equal(icn_os_map("", &mapping, &error), ICN_IO);
  assert_true(icn_os_remove(in_folder("pipe")));
}

static void unwritable_places_are_named(void **state) {
  (void)state;
  icn_error error;
  assert_int_equal(icn_os_write_file(in_folder("no/such/folder"), "x", 1, &error), ICN_IO);
  assert_says(&error, "No such file");
  assert_int_equal(icn_os_write_file(folder, "x", 1, &error), ICN_IO);
  assert_says(&error, "it is a folder");
  assert_false(icn_os_make_folder(""));
  assert_int_equal(icn_os_write_file(in_folder("plain"), "x", 1, &error), ICN_OK);
  assert_false(icn_os_make_folder(in_folder("plain/below")));
  assert_true(icn_os_remove(in_folder("plain")));
}

static void devices_are_written_not_replaced(void **state) {
  (void)state;
  icn_error error;
  struct stat before, after;
  if (stat("/dev/full", &before) != 0 || !S_ISCHR(before.st_mode)) skip();
  assert_int_equal(icn_os_write_file("/dev/full", "x", 1, &error), ICN_IO);
  assert_says(&error, "No space left");
  assert_int_equal(icn_os_write_file("/dev/null", "x", 1, &error), ICN_OK);
  assert_int_equal(stat("/dev/null", &after), 0);
  assert_true(S_ISCHR(after.st_mode));
}

static void a_write_cut_short_leaves_the_old_file(void **state) {
  (void)state;
  icn_error error;
  icn_mapping mapping;
  const char *path = in_folder("limited");
  static char large[100000];
  assert_int_equal(icn_os_write_file(path, "old", 3, &error), ICN_OK);
  struct rlimit limit, kept;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
  signal(SIGXFSZ, SIG_DFL); /* which would end this process */
  limit = kept;
  limit.rlim_cur = 50000; /* the first write is short, there is no second */
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  icn_status status = icn_os_write_file(path, large, sizeof large, &error);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &kept), 0);
  assert_int_equal(status, ICN_IO);
  assert_says(&error, "too large");
  assert_int_equal(entries(), 1);
  assert_int_equal(icn_os_map(path, &mapping, &error), ICN_OK);
  assert_int_equal(mapping.bytes, 3);
  icn_os_unmap(&mapping);
  assert_true(icn_os_remove(path));
}

static void files_are_written_piece_by_piece(void **state) {
  (void)state;
  icn_error error;
  icn_mapping mapping;
  icn_os_writer writer;
  const char *path = in_folder("pieces");
  assert_int_equal(icn_os_writer_open(path, &writer, &error), ICN_OK);
  assert_int_equal(icn_os_writer_append(&writer, "....one", 7, &error), ICN_OK);
  assert_int_equal(icn_os_writer_append(&writer, "two", 3, &error), ICN_OK);
  assert_false(icn_os_exists(path)); /* nobody sees half of it */
  assert_int_equal(icn_os_writer_finish(&writer, "head", 4, &error), ICN_OK);
  assert_int_equal(icn_os_map(path, &mapping, &error), ICN_OK);
  assert_int_equal(mapping.bytes, 10);
  assert_memory_equal(mapping.data, "headonetwo", 10);
  icn_os_unmap(&mapping);

  assert_int_equal(icn_os_writer_open(path, &writer, &error), ICN_OK);
  assert_int_equal(icn_os_writer_append(&writer, "other", 5, &error), ICN_OK);
  icn_os_writer_abandon(&writer);
  assert_int_equal(entries(), 1);
  assert_int_equal(icn_os_map(path, &mapping, &error), ICN_OK);
  assert_int_equal(mapping.bytes, 10); /* as it was */
  icn_os_unmap(&mapping);
  assert_true(icn_os_remove(path));

  assert_int_equal(icn_os_writer_open(in_folder("no/such/folder"), &writer, &error), ICN_IO);
  assert_says(&error, "No such file");
  assert_int_equal(icn_os_writer_open(path, &writer, &error), ICN_OK);
  assert_true(icn_os_make_folder(path)); /* what cannot be replaced by a file */
  assert_int_equal(icn_os_writer_finish(&writer, "", 0, &error), ICN_IO);
  assert_says(&error, "directory");
  assert_int_equal(entries(), 1);
  assert_true(icn_os_remove(path));
}

/* What is replaced keeps its mode and stays behind its link; what is no file is refused. */
static void pieces_replace_files_only(void **state) {
  (void)state;
  icn_error error;
  icn_os_writer writer;
  struct stat info;
  char file[512], link[512];
  snprintf(file, sizeof file, "%s", in_folder("target"));
  snprintf(link, sizeof link, "%s", in_folder("link"));
  assert_int_equal(icn_os_write_file(file, "old", 3, &error), ICN_OK);
  assert_int_equal(chmod(file, 0640), 0);
  assert_int_equal(symlink("target", link), 0);
  assert_int_equal(icn_os_writer_open(link, &writer, &error), ICN_OK);
  assert_int_equal(icn_os_writer_append(&writer, "newer", 5, &error), ICN_OK);
  assert_int_equal(icn_os_writer_finish(&writer, "", 0, &error), ICN_OK);
  assert_int_equal(lstat(link, &info), 0);
  assert_true(S_ISLNK(info.st_mode));
  assert_int_equal(stat(file, &info), 0);
  assert_int_equal(info.st_size, 5);
  assert_int_equal(info.st_mode & 0777, 0640);
  assert_int_equal(icn_os_writer_open_in_cache(link, &writer, &error), ICN_OK); /* in a cache it is replaced */
  assert_int_equal(icn_os_writer_append(&writer, "an entry", 8, &error), ICN_OK);
  assert_int_equal(icn_os_writer_finish(&writer, "", 0, &error), ICN_OK);
  assert_int_equal(lstat(link, &info), 0);
  assert_true(S_ISREG(info.st_mode));
  assert_int_equal(info.st_mode & 0777, 0644);
  assert_int_equal(stat(file, &info), 0);
  assert_int_equal(info.st_size, 5); /* what it pointed at: as it was */
  assert_true(icn_os_remove(link) && icn_os_remove(file));
  assert_int_equal(icn_os_writer_open("/dev/null", &writer, &error), ICN_IO);
  assert_says(&error, "'/dev/null': it is not a regular file");
  assert_int_equal(icn_os_writer_open(folder, &writer, &error), ICN_IO);
  assert_says(&error, "it is a folder");
}

static void files_are_read_piece_by_piece(void **state) {
  (void)state;
  icn_error error;
  icn_os_reader reader;
  char piece[8] = "";
  const char *path = in_folder("read");
  assert_int_equal(icn_os_reader_open(path, &reader, &error), ICN_IO);
  assert_says(&error, "No such file");
  assert_int_equal(icn_os_reader_open(folder, &reader, &error), ICN_IO);
  assert_says(&error, "not a regular file");
  assert_int_equal(icn_os_write_file(path, "0123456789", 10, &error), ICN_OK);
  assert_int_equal(icn_os_reader_open(path, &reader, &error), ICN_OK);
  assert_int_equal(reader.bytes, 10);
  assert_int_equal(icn_os_reader_read(&reader, 6, piece, 4, &error), ICN_OK);
  assert_string_equal(piece, "6789");
  assert_int_equal(icn_os_reader_read(&reader, 0, piece, 2, &error), ICN_OK);
  assert_string_equal(piece, "0189");
  assert_int_equal(icn_os_reader_read(&reader, 7, piece, 4, &error), ICN_IO);
  assert_says(&error, "1 bytes more");
  assert_int_equal(icn_os_reader_read(&reader, 99, piece, 1, &error), ICN_IO);
  assert_int_equal(icn_os_reader_read(&reader, 99, piece, 0, &error), ICN_OK);
  assert_int_equal(truncate(path, 3), 0);
  assert_int_equal(icn_os_reader_read(&reader, 2, piece, 2, &error), ICN_IO);
  icn_os_reader_close(&reader);
  assert_true(icn_os_remove(path));
}

typedef struct seen {
  int count;
  uint64_t bytes;
  int64_t changed;
} seen;

static bool count_file(void *user, const char *name, uint64_t bytes, int64_t changed) {
  seen *s = user;
  s->count++;
  s->bytes += bytes;
  s->changed = changed;
  return strcmp(name, "stop") != 0;
}

static void folders_are_listed(void **state) {
  (void)state;
  icn_error error;
  seen s = {0, 0, 0};
  const struct timespec old[2] = {{1000000, 0}, {1000000, 0}};
  assert_true(icn_os_make_folder(in_folder("list/sub")));
  assert_int_equal(icn_os_write_file(in_folder("list/file"), "12345", 5, &error), ICN_OK);
  assert_int_equal(symlink("file", in_folder("list/link")), 0);
  assert_int_equal(utimensat(AT_FDCWD, in_folder("list/file"), old, 0), 0);
  assert_true(icn_os_list_files(in_folder("list"), count_file, &s)); /* neither folders nor links */
  assert_int_equal(s.count, 1);
  assert_int_equal(s.bytes, 5);
  assert_int_equal(s.changed, 1000000);
  const int64_t before = icn_os_clock();
  assert_true(icn_os_touch(in_folder("list/file")));
  assert_true(icn_os_list_files(in_folder("list"), count_file, &s));
  assert_true(s.changed >= before - 1 && s.changed <= icn_os_clock() + 1);
  assert_false(icn_os_touch(in_folder("list/absent")));
  assert_false(icn_os_list_files(in_folder("absent"), count_file, &s));
  assert_true(icn_os_remove(in_folder("list/file")) && icn_os_remove(in_folder("list/link")));
  assert_int_equal(icn_os_write_file(in_folder("list/stop"), "", 0, &error), ICN_OK);
  assert_true(icn_os_list_files(in_folder("list"), count_file, &s));
  assert_true(icn_os_remove(in_folder("list/stop")) && icn_os_remove(in_folder("list/sub")) && icn_os_remove(in_folder("list")));
}

typedef struct found {
  int files, folders, left;
} found;

static bool count_entry(void *user, const char *name, bool is_folder) {
  found *f = user;
  assert_true(name[0] != '.');
  f->folders += is_folder;
  f->files += !is_folder;
  return --f->left > 0;
}

/* As people keep pictures: what a link leads to counts, a link to nowhere and a pipe do not. */
static void folders_and_links_are_listed(void **state) {
  (void)state;
  icn_error error;
  found f = {0, 0, 100};
  assert_true(icn_os_make_folder(in_folder("pictures/class")));
  assert_int_equal(icn_os_write_file(in_folder("pictures/a"), "x", 1, &error), ICN_OK);
  assert_int_equal(symlink("a", in_folder("pictures/link")), 0);
  assert_int_equal(symlink("class", in_folder("pictures/other")), 0);
  assert_int_equal(symlink("nowhere", in_folder("pictures/broken")), 0);
  assert_int_equal(mkfifo(in_folder("pictures/pipe"), 0600), 0);
  assert_true(icn_os_list_folder(in_folder("pictures"), count_entry, &f));
  assert_int_equal(f.files, 2);
  assert_int_equal(f.folders, 2);
  f = (found){0, 0, 1};
  assert_true(icn_os_list_folder(in_folder("pictures"), count_entry, &f));
  assert_int_equal(f.files + f.folders, 1);
  assert_false(icn_os_list_folder(in_folder("absent"), count_entry, &f));
  assert_true(icn_os_is_folder(in_folder("pictures")) && icn_os_is_folder(in_folder("pictures/other")));
  assert_false(icn_os_is_folder(in_folder("pictures/a")) || icn_os_is_folder(in_folder("absent")));
}

static void folders_of_others_are_told(void **state) {
  (void)state;
  const char *path = in_folder("mine");
  const mode_t mask = umask(0);
  assert_true(icn_os_make_folder(path));
  umask(mask);
  assert_null(icn_os_folder_problem(path)); /* whatever the mask says */
  assert_int_equal(chmod(path, 01777), 0);
  assert_non_null(strstr(icn_os_folder_problem(path), "everybody"));
  assert_int_equal(chmod(path, 0755), 0);
  if (geteuid() == 0) {
    assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
    assert_non_null(strstr(icn_os_folder_problem(path), "another user"));
  } else {
    assert_null(icn_os_folder_problem("/")); /* root's */
  }
  assert_true(icn_os_remove(path));
  assert_null(icn_os_folder_problem(path));
}

static void links_and_modes_survive_a_write(void **state) {
  (void)state;
  icn_error error;
  struct stat info;
  assert_int_equal(icn_os_write_file(in_folder("target"), "old", 3, &error), ICN_OK);
  assert_int_equal(chmod(in_folder("target"), 0640), 0);
  assert_int_equal(symlink("target", in_folder("link")), 0);
  assert_int_equal(icn_os_write_file(in_folder("link"), "newer", 5, &error), ICN_OK);
  assert_int_equal(lstat(in_folder("link"), &info), 0);
  assert_true(S_ISLNK(info.st_mode));
  assert_int_equal(stat(in_folder("target"), &info), 0);
  assert_int_equal(info.st_size, 5);
  assert_int_equal(info.st_mode & 0777, 0640);
  assert_true(icn_os_remove(in_folder("link")) && icn_os_remove(in_folder("target")));
}

static void external_paths_stay_below_the_model(void **state) {
  (void)state;
  icn_error error;
  char out[4096], expected[4096];
  char model[512];
  snprintf(model, sizeof model, "%s", in_folder("model.onnx"));
  assert_true(icn_os_make_folder(in_folder("sub")));
  assert_int_equal(icn_os_write_file(in_folder("sub/w.bin"), "w", 1, &error), ICN_OK);
  assert_int_equal(icn_os_confined_path(model, "sub/w.bin", out, sizeof out, &error), ICN_OK);
  assert_non_null(realpath(in_folder("sub/w.bin"), expected));
  assert_string_equal(out, expected);
  assert_int_equal(icn_os_confined_path(model, "./sub/../sub//w.bin", out, sizeof out, &error), ICN_OK);
  assert_string_equal(out, expected);

  static const char *const outside[] = {"/etc/passwd", "../x", "sub/../../x", "", "sub/../..", ".."};
  for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
    assert_int_equal(icn_os_confined_path(model, outside[i], out, sizeof out, &error), ICN_FORMAT);
    assert_says(&error, "not inside the model's folder");
  }
  assert_int_equal(symlink("/etc/passwd", in_folder("sub/leaves")), 0);
  assert_int_equal(icn_os_confined_path(model, "sub/leaves", out, sizeof out, &error), ICN_FORMAT);
  assert_says(&error, "a link that leaves");
  assert_int_equal(icn_os_confined_path(model, "sub/absent", out, sizeof out, &error), ICN_IO);
  assert_says(&error, "No such file");
  assert_int_equal(icn_os_confined_path(model, "sub/w.bin", out, 4, &error), ICN_IO);
  assert_int_equal(icn_os_confined_path(in_folder("nowhere/model.onnx"), "w", out, sizeof out, &error), ICN_IO);
  assert_int_equal(icn_os_confined_path("model.onnx", "absent.bin", out, sizeof out, &error), ICN_IO); /* the working folder */
}

static void the_cache_folder_follows_the_environment(void **state) {
  (void)state;
  char out[512];
  assert_int_equal(setenv("HOME", "/home/somebody", 1), 0);
  assert_int_equal(setenv("XDG_CACHE_HOME", "/var/somewhere", 1), 0);
  assert_true(icn_os_cache_folder(out, sizeof out));
  assert_string_equal(out, "/var/somewhere/clinception");
  assert_int_equal(setenv("XDG_CACHE_HOME", "relative", 1), 0); /* the XDG rule: ignored */
  assert_true(icn_os_cache_folder(out, sizeof out));
  assert_memory_equal(out, "/home/somebody/", 15);
  assert_false(icn_os_cache_folder(out, 10));
  assert_int_equal(setenv("HOME", "", 1), 0);
  assert_null(icn_os_environment("HOME"));
  assert_false(icn_os_cache_folder(out, sizeof out));
}

static void libraries_open_by_name(void **state) {
  (void)state;
  assert_null(icn_os_library_open("libno-such-library.so.7"));
  icn_os_library_close(NULL);
  void *library = icn_os_library_open("libm.so.6");
  if (library == NULL) skip(); /* another C library */
  assert_non_null(icn_os_library_symbol(library, "cos"));
  assert_null(icn_os_library_symbol(library, "no_such_function"));
  icn_os_library_close(library);
}

typedef struct counter {
  icn_mutex *mutex;
  long value;
} counter;

static void *count_up(void *argument) {
  counter *shared = argument;
  for (int i = 0; i < 20000; i++) {
    icn_mutex_lock(shared->mutex);
    shared->value++;
    icn_mutex_unlock(shared->mutex);
  }
  return NULL;
}

static void a_mutex_excludes(void **state) {
  (void)state;
  icn_allocator allocator = icn_allocator_default();
  counter shared = {icn_mutex_create(&allocator), 0};
  pthread_t threads[4];
  assert_non_null(shared.mutex);
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, count_up, &shared), 0);
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  assert_int_equal(shared.value, 80000);
  icn_mutex_destroy(shared.mutex);
  icn_mutex_destroy(NULL);
}

typedef struct tally {
  icn_mutex *mutex;
  int count;
  uint64_t thread;
} tally;

static void work_through(void *user) {
  tally *t = user;
  for (int i = 0; i < 1000; i++) {
    icn_mutex_lock(t->mutex);
    t->count++;
    t->thread = icn_os_thread();
    icn_mutex_unlock(t->mutex);
  }
}

static void workers_work_on_threads_of_their_own(void **state) {
  (void)state;
  const icn_allocator allocator = icn_allocator_default();
  tally t = {icn_mutex_create(&allocator), 0, 0};
  icn_worker *workers[4];
  for (int i = 0; i < 4; i++) workers[i] = icn_worker_start(&allocator, work_through, &t);
  for (int i = 0; i < 4; i++) {
    assert_non_null(workers[i]);
    icn_worker_join(workers[i]);
  }
  icn_worker_join(NULL);
  assert_int_equal(t.count, 4000);
  assert_true(t.thread != icn_os_thread());
  icn_mutex_destroy(t.mutex);
}

static void time_goes_forward(void **state) {
  (void)state;
  double start = icn_os_seconds();
  struct timespec pause = {0, 5000000};
  nanosleep(&pause, NULL);
  double passed = icn_os_seconds() - start;
  assert_true(passed >= 0.004 && passed < 60);
  assert_true(icn_os_process() > 0);
}

/* What a processor is sold as may say nothing; its model tells it from others. */
static void the_processor_is_told_apart(void **state) {
  (void)state;
  icn_os_machine machine;
  unsigned family = 0, model = 0;
  int end = 0;
  icn_os_describe_machine(&machine);
  assert_true(strlen(machine.system) > 0 && machine.processors > 0);
  assert_null(strpbrk(machine.model, "\t\r\n:"));
#if defined(__linux__) && (defined(__x86_64__) || defined(__i386__))
  assert_int_equal(sscanf(machine.model, "%*s family %u model %u%n", &family, &model, &end), 2);
#elif defined(__linux__) && (defined(__aarch64__) || defined(__arm__))
  /* Under an emulator of user programs /proc may be that of the machine below. */
  if (strstr(machine.model, "implementer") != NULL) sscanf(machine.model, "implementer 0x%x part 0x%x%n", &family, &model, &end);
#endif
  if (family + model > 0) assert_int_equal(end, strlen(machine.model));
}

/* Threads of one process, too: what they read and write back would otherwise undo what another process wrote in between. */
static void a_lock_keeps_everybody_out(void **state) {
  (void)state;
  icn_os_lock first, second;
  icn_error error;
  char path[64], file[80];
  snprintf(path, sizeof path, "locked-%lu", icn_os_process());
  snprintf(file, sizeof file, "%s.lock", path);
  assert_int_equal(icn_os_lock_file(path, 1, &first, &error), ICN_OK);
  for (int n = 0; n < 2; n++) { /* the one that was turned away has not opened it */
    assert_int_equal(icn_os_lock_file(path, 0.02, &second, &error), ICN_IO);
    assert_non_null(strstr(error.message, "holds its lock"));
    icn_os_unlock_file(&second);
  }
  assert_true(icn_os_exists(file));
  icn_os_unlock_file(&first);
  assert_false(icn_os_exists(file));
  assert_int_equal(icn_os_lock_file(path, 1, &second, &error), ICN_OK);
  icn_os_unlock_file(&second);
}

static void a_process_is_known_by_its_mark(void **state) {
  (void)state;
  char mark[ICN_OS_PROCESS_BYTES], other[ICN_OS_PROCESS_BYTES + 16];
  int ends[2];
  icn_os_process_mark(mark);
  assert_true(icn_os_process_is_alive(mark));
  assert_null(strpbrk(mark, " \t\n"));
  static const char *const NONE[] = {"", "-", "1", "1.2", "0.0.-", "x.y.z", "99999999999999999999.1.-", "-1.0.-"};
  assert_false(icn_os_process_is_elsewhere(mark));
  for (size_t i = 0; i < sizeof NONE / sizeof NONE[0]; i++) {
    assert_false(icn_os_process_is_alive(NONE[i]));
    assert_false(icn_os_process_is_elsewhere(NONE[i]));
  }
  char *machine = strrchr(mark, '.') + 1;
  machine[0] = machine[0] == '0' ? '1' : '0';
  assert_true(icn_os_process_is_elsewhere(mark));
  assert_int_equal(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    icn_os_process_mark(mark);
    (void)!write(ends[1], mark, sizeof mark);
    alarm(60); /* should an assertion fail before it is killed */
    for (;;) pause();
  }
  assert_int_equal(read(ends[0], mark, sizeof mark), sizeof mark);
  assert_true(icn_os_process_is_alive(mark));
#ifdef __linux__
  /* The same number with another beginning, or of another start of the machine. */
  unsigned long number = 0;
  unsigned long long began = 0;
  char boot[48] = "";
  assert_int_equal(sscanf(mark, "%lu.%llu.%47s", &number, &began, boot), 3);
  assert_true(began > 0);
  snprintf(other, sizeof other, "%lu.%llu.%s", number, began + 1, boot);
  assert_false(icn_os_process_is_alive(other));
  snprintf(other, sizeof other, "%lu.%llu.00000000-0000-0000-0000-000000000000", number, began);
  assert_false(icn_os_process_is_alive(other));
#else
  (void)other;
#endif
  assert_int_equal(kill(child, SIGKILL), 0);
  siginfo_t info;
  assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0); /* dead, and not yet buried */
#ifdef __linux__
  assert_false(icn_os_process_is_alive(mark));
#endif
  assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED), 0);
  assert_false(icn_os_process_is_alive(mark));
  close(ends[0]);
  close(ends[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_lock_keeps_everybody_out),
      cmocka_unit_test(a_process_is_known_by_its_mark),
      cmocka_unit_test(written_files_are_mapped_back),
      cmocka_unit_test(unreadable_things_are_named),
      cmocka_unit_test(unwritable_places_are_named),
      cmocka_unit_test(devices_are_written_not_replaced),
      cmocka_unit_test(a_write_cut_short_leaves_the_old_file),
      cmocka_unit_test(files_are_written_piece_by_piece),
      cmocka_unit_test(pieces_replace_files_only),
      cmocka_unit_test(files_are_read_piece_by_piece),
      cmocka_unit_test(folders_are_listed),
      cmocka_unit_test(folders_and_links_are_listed),
      cmocka_unit_test(folders_of_others_are_told),
      cmocka_unit_test(links_and_modes_survive_a_write),
      cmocka_unit_test(external_paths_stay_below_the_model),
      cmocka_unit_test(the_cache_folder_follows_the_environment),
      cmocka_unit_test(libraries_open_by_name),
      cmocka_unit_test(a_mutex_excludes),
      cmocka_unit_test(workers_work_on_threads_of_their_own),
      cmocka_unit_test(time_goes_forward),
      cmocka_unit_test(the_processor_is_told_apart),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
