/* What a context holds; everything of host/ hangs on one. */
#ifndef ICN_HOST_CONTEXT_H
#define ICN_HOST_CONTEXT_H

#include "device.h"
#include "os.h"

typedef struct icn_share icn_share; /* host/share.h */

/* A kernel that was tested in this process (host/vetting.c). */
typedef struct icn_right_kernel {
  char hash[33];
} icn_right_kernel;

struct icn_context {
  icn_allocator allocator;
  icn_logger logger;
  icn_cl cl; /* cl.library is NULL without OpenCL */
  char opencl_problem[ICN_MESSAGE_BYTES];
  bool default_loader; /* the system's own OpenCL library: others in this process (CLBlast) see the same objects */
  icn_device *devices;
  size_t device_count;
  icn_device reference;
  char *cache_dir;           /* NULL: no cache */
  bool cache_asked_for;      /* the folder was named by the caller or the environment */
  const char *cache_problem; /* why it is not used all the same (icn_os_folder_problem); NULL: it is */
  uint64_t cache_bytes;      /* packed weights there take so much at most */
  uint64_t weights_least;    /* a plan with less of them packs them anew: that is as quick; tests put in their own */
  bool weights_complained;   /* a failure of the weights' cache was named; guarded by mutex */
  char *kernel_dir;          /* NULL: the kernels inside the library */
  char *quirks;              /* rows of lib/quirks.def that are off or on; NULL: as the table says */
  char *tune_file;           /* NULL: none */
  bool tune_complained;      /* its damaged lines were named; guarded by mutex */
  bool tune_outdated;        /* its lines of other versions were named; guarded by mutex */
  bool kernels_complained;   /* damaged lines of what is known of kernels were named; guarded by mutex */
  const char *shipped;       /* the tuning lines below it, shipped_bytes of them; tests put in their own. BORROWED */
  size_t shipped_bytes;      /* 0: none */
  icn_self_test self_test;   /* of executors that leave it open */
  icn_right_kernel *right;   /* right_count of them; guarded by mutex */
  size_t right_count;
  bool keep_constants; /* executors keep what passes made of constants, for icn_vetting_all */
  icn_mutex *mutex;    /* guards the list of shares */
  icn_share **shares;
  void *clblast_library, *clblast_sgemm, *clblast_temp_bytes; /* NULL: no CLBlast */
};

/* A NEW copy of `text`, NULL when memory ran out. */
char *icn_text_copy(const icn_allocator *allocator, const char *text);

#endif
