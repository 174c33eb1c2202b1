/* The wall clock of a process that loads this before its other libraries (LD_PRELOAD): away from the right time by the
 * seconds that stand in the file WALL_CLOCK, which is read each time. It allocates nothing and waits for nobody,
 * because allocators ask for the time while they start. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t away(void) {
  const char *path = getenv("WALL_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  char text[32] = "";
  if (file < 0 || read(file, text, sizeof text - 1) <= 0)
    abort(); /* A test whose clock is not there would pass for the wrong reason. */
  close(file);
  return strtoll(text, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec += away();
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec precise;
  int result = clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return result;
}

time_t time(time_t *also) {
  struct timespec now = {0};
  clock_gettime(CLOCK_REALTIME, &now);
  if (also)
    *also = now.tv_sec;
  return now.tv_sec;
}
