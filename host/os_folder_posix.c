/* What is in folders, and whose they are, on POSIX systems. */
#define _XOPEN_SOURCE     700
#define _FILE_OFFSET_BITS 64

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os.h"

const char *icn_os_folder_problem(const char *path) {
  struct stat info;
  if (stat(path, &info) != 0) return NULL;
  if (info.st_uid != geteuid() && info.st_uid != 0) return "it belongs to another user";
  if ((info.st_mode & S_IWOTH) != 0) return "everybody may write to it";
  return NULL;
}

bool icn_os_list_files(const char *folder, icn_os_visit *visit, void *user) {
  DIR *listing = opendir(folder);
  if (listing == NULL) return false;
  bool more = true;
  for (struct dirent *entry = readdir(listing); more && entry != NULL; entry = readdir(listing)) {
    struct stat info;
    if (fstatat(dirfd(listing), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) continue;
    more = visit(user, entry->d_name, (uint64_t)info.st_size, (int64_t)info.st_mtime);
  }
  closedir(listing);
  return true;
}

bool icn_os_list_folder(const char *folder, icn_os_visit_entry *visit, void *user) {
  DIR *listing = opendir(folder);
  if (listing == NULL) return false;
  bool more = true;
  for (struct dirent *entry = readdir(listing); more && entry != NULL; entry = readdir(listing)) {
    struct stat info;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (fstatat(dirfd(listing), entry->d_name, &info, 0) != 0) continue; /* a link to nowhere */
    if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) more = visit(user, entry->d_name, S_ISDIR(info.st_mode));
  }
  closedir(listing);
  return true;
}

bool icn_os_is_folder(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool icn_os_touch(const char *path) { return utimensat(AT_FDCWD, path, NULL, 0) == 0; }

int64_t icn_os_clock(void) { return (int64_t)time(NULL); }
