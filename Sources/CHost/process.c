#define _GNU_SOURCE
#include "include/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

// Above every descriptor number that a child is given, so that moving one never overwrites another.
enum { first_given = 3, given_max = 64, parking = first_given + given_max };

static void child_fail(int report) {
  int error = errno;
  ssize_t ignored = write(report, &error, sizeof error);
  (void)ignored;
  _exit(127);
}

// Runs between fork and exec: async-signal-safe calls only.
static void child_run(
    const char *path, char *const argv[], char *const envp[], const int *fds, size_t fd_count, int output, int report,
    pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) child_fail(report);
  // The parent may have died before the line above; then nobody would kill us.
  if (getppid() != parent) _exit(127);
  // A group of its own: a terminal's Ctrl-C reaches the supervisor only, which stops its children in order.
  if (setpgid(0, 0) != 0) child_fail(report);

  struct sigaction plain = {.sa_handler = SIG_DFL};
  for (int signal = 1; signal < NSIG; signal++) sigaction(signal, &plain, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);

  int parked[given_max];
  int parked_report = fcntl(report, F_DUPFD_CLOEXEC, parking);
  if (parked_report < 0) child_fail(report);
  for (size_t i = 0; i < fd_count; i++) {
    parked[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, parking);
    if (parked[i] < 0) child_fail(parked_report);
  }
  int null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0) child_fail(parked_report);
  for (size_t i = 0; i < fd_count; i++) {
    if (dup2(parked[i], first_given + (int)i) < 0) child_fail(parked_report);
  }
  // What is left is closed by the exec, so that a failing exec can still be reported.
  syscall(SYS_close_range, first_given + fd_count, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
  execve(path, argv, envp);
  child_fail(parked_report);
}

static pid_t spawn(
    const char *path, char *const argv[], char *const envp[], const int *fds, size_t fd_count, int output, int *pidfd) {
  if (fd_count > given_max) return -EINVAL;
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return -errno;
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid == 0) child_run(path, argv, envp, fds, fd_count, output, report[1], parent);
  int fork_error = errno;
  close(report[1]);
  if (pid < 0) {
    close(report[0]);
    return -fork_error;
  }
  int error = 0;
  ssize_t got;
  do got = read(report[0], &error, sizeof error);
  while (got < 0 && errno == EINTR);
  close(report[0]);
  if (got == sizeof error) {
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    return -error;
  }
  *pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (*pidfd < 0) {
    error = errno;
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    return -error;
  }
  return pid;
}

pid_t oneup_spawn(const char *path, char *const argv[], char *const envp[], const int *fds, size_t fd_count, int *pidfd) {
  return spawn(path, argv, envp, fds, fd_count, 2, pidfd);
}

pid_t oneup_spawn_reading(const char *path, char *const argv[], char *const envp[], int output, int *pidfd) {
  return spawn(path, argv, envp, NULL, 0, output, pidfd);
}

void oneup_outlive_parent(void) { prctl(PR_SET_PDEATHSIG, 0); }

int oneup_pidfd_open(pid_t pid) {
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  return pidfd >= 0 ? pidfd : -errno;
}

int oneup_pidfd_signal(int pidfd, int signal) {
  return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0 ? 0 : -errno;
}

int oneup_pidfd_reap(int pidfd, int *how, int *status) {
  siginfo_t info = {0};
  if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) != 0) return -errno;
  if (info.si_pid == 0) return 0;
  *how = info.si_code == CLD_EXITED ? 1 : 2;
  *status = info.si_status;
  return 1;
}

int oneup_reap_strangers(const pid_t *known, size_t count) {
  int reaped = 0;
  while (1) {
    siginfo_t info = {0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return reaped;
    for (size_t i = 0; i < count; i++) {
      if (known[i] == info.si_pid) return reaped;
    }
    if (waitpid(info.si_pid, NULL, WNOHANG) <= 0) return reaped;
    reaped++;
  }
}

int oneup_signal_descriptor(void) {
  signal(SIGPIPE, SIG_IGN);
  // Whoever started us may have left it ignored: then the kernel collects our children, and nobody learns how they ended.
  signal(SIGCHLD, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -errno;
  int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return fd >= 0 ? fd : -errno;
}

int oneup_signal_next(int fd) {
  struct signalfd_siginfo info;
  return read(fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

int oneup_channel_pair(int fds[2]) {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return -errno;
  int flags = fcntl(fds[0], F_GETFL);
  if (flags < 0 || fcntl(fds[0], F_SETFL, flags | O_NONBLOCK) != 0) {
    int error = errno;
    close(fds[0]);
    close(fds[1]);
    return -error;
  }
  return 0;
}

int oneup_lock_exclusive(int fd) { return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno; }
