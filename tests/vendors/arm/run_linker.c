/* Stands as /usr/bin/ld in a root of another architecture: a static x86-64 program that starts the root's own linker, ICN_LINKER, under
 * qemu. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **arguments) {
  char **all = calloc((size_t)count + 2, sizeof *all);
  if (all == NULL) return 127;
  all[0] = "/qemu";
  all[1] = ICN_LINKER;
  for (int i = 1; i < count; i++) all[i + 1] = arguments[i];
  execv(all[0], all);
  perror("/qemu");
  return 127;
}
