/*
 * A disk that is slow or fails: preloaded, it stands behind each write that returns once its bytes are on the disk
 * (O_DSYNC). The file that FAULTY_DISK_PLAN names says what comes before such a write returns: `delay MS`, `hold` until the
 * plan changes, or `fail`; empty, nothing. Each is counted before its bytes can be seen, as a line of the file that
 * FAULTY_DISK_CALLS names.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void note(ssize_t (*write_plainly)(int, const void *, size_t)) {
  const char *path = getenv("FAULTY_DISK_CALLS");
  int calls = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (calls >= 0) {
    if (write_plainly(calls, "write\n", 6) < 0) {
      abort();
    }
    close(calls);
  }
}

/* Reads the plan. Returns 0 if there is none. */
static int read_plan(char *plan, int size) {
  const char *path = getenv("FAULTY_DISK_PLAN");
  FILE *file = path == NULL ? NULL : fopen(path, "re");
  if (file == NULL) {
    return 0;
  }
  int found = fgets(plan, size, file) != NULL;
  fclose(file);
  return found;
}

ssize_t write(int fd, const void *bytes, size_t count) {
  static ssize_t (*real)(int, const void *, size_t);
  if (real == NULL) {
    real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  }
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_DSYNC) == 0) {
    return real(fd, bytes, count);
  }
  note(real);
  ssize_t written = real(fd, bytes, count);
  char plan[64] = "";
  while (read_plan(plan, sizeof plan)) {
    if (strncmp(plan, "fail", 4) == 0) {
      errno = EIO;
      return -1;
    }
    if (strncmp(plan, "hold", 4) != 0) {
      long ms = atol(plan + strlen("delay"));
      struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
      nanosleep(&time, NULL);
      break;
    }
    struct timespec time = {0, 10000000L};
    nanosleep(&time, NULL);
  }
  return written;
}
