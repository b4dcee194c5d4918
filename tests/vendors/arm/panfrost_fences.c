/* Goes before Mesa's no-op panfrost (LD_PRELOAD), which has no fences that become files: Mesa's rusticl asks for one after it has uploaded
 * a kernel's constants and falls over without it. Nothing is ever executed, so every fence is done. Replaces three functions of libdrm. */
#include <fcntl.h>
#include <stdint.h>

int drmSyncobjExportSyncFile(int device, uint32_t handle, int *file);
int drmSyncobjImportSyncFile(int device, uint32_t handle, int file);
int drmSyncobjWait(int device, uint32_t *handles, unsigned count, int64_t until, unsigned flags, uint32_t *first);

int drmSyncobjExportSyncFile(int device, uint32_t handle, int *file) {
  (void)device;
  (void)handle;
  *file = open("/dev/null", O_RDWR | O_CLOEXEC);
  return *file < 0 ? -1 : 0;
}

int drmSyncobjImportSyncFile(int device, uint32_t handle, int file) {
  (void)device;
  (void)handle;
  (void)file;
  return 0;
}

int drmSyncobjWait(int device, uint32_t *handles, unsigned count, int64_t until, unsigned flags, uint32_t *first) {
  (void)device;
  (void)handles;
  (void)count;
  (void)until;
  (void)flags;
  if (first != 0) *first = 0;
  return 0;
}
