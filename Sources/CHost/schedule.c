// How much of the processor a thread gets that nobody waits for.
#define _GNU_SOURCE
#include "csystem.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// As the kernel has it; glibc declares neither the structure nor the call everywhere.
struct scheduling {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime;
  uint64_t deadline;
  uint64_t period;
};

void oneup_step_aside(int nice, uint64_t slice_nanoseconds) {
  struct scheduling wanted = {
      .size = sizeof wanted, .policy = SCHED_BATCH, .nice = nice, .runtime = slice_nanoseconds};
  if (syscall(SYS_sched_setattr, 0, &wanted, 0) != 0) setpriority(PRIO_PROCESS, 0, nice);
}

void oneup_wake_politely(void) {
  struct sched_param none = {0};
  sched_setscheduler(0, SCHED_BATCH, &none);
}

void oneup_run_last(void) {
  enum { io_of_process = 1, io_class_idle = 3, io_class_shift = 13 };
  setpriority(PRIO_PROCESS, 0, 19);
  struct sched_param none = {0};
  sched_setscheduler(0, SCHED_IDLE, &none);
  syscall(SYS_ioprio_set, io_of_process, 0, io_class_idle << io_class_shift);
}

// MARK: In parts

enum { piece_nanoseconds = 2000000, nanoseconds_per_second = 1000000000 };

static struct {
  timer_t timer;
  int parts;
  // Processor time and time of day when the piece began.
  int64_t used;
  int64_t began;
} piece;

static int64_t nanoseconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (int64_t)time.tv_sec * nanoseconds_per_second + time.tv_nsec;
}

static int begin_piece(void) {
  piece.used = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
  piece.began = nanoseconds(CLOCK_MONOTONIC);
  struct itimerspec after = {.it_value = {.tv_nsec = piece_nanoseconds}};
  return timer_settime(piece.timer, 0, &after, NULL) == 0 ? 0 : errno;
}

static void end_piece(int signal) {
  (void)signal;
  int error = errno;
  int64_t used = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - piece.used;
  int64_t owed = used * piece.parts - (nanoseconds(CLOCK_MONOTONIC) - piece.began);
  if (owed > 0) {
    struct timespec rest = {.tv_sec = owed / nanoseconds_per_second, .tv_nsec = owed % nanoseconds_per_second};
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {}
  }
  begin_piece();
  errno = error;
}

int oneup_run_in_parts(int parts) {
  struct sigaction action = {.sa_handler = end_piece, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGPROF, &action, NULL) != 0) return errno;
  struct sigevent event;
  memset(&event, 0, sizeof event);
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGPROF;
  event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
  if (timer_create(CLOCK_MONOTONIC, &event, &piece.timer) != 0) return errno;
  piece.parts = parts;
  return begin_piece();
}
