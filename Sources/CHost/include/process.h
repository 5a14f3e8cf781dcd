// Starting and watching child processes: what fork, exec and the kernel offer and Swift cannot call safely.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Starts `path` with `argv` and `envp` (both end with NULL). In the child `fds[i]` becomes descriptor 3 + i, standard
/// input is /dev/null, standard output is the parent's standard error, every other descriptor is closed, signals are
/// as at a program's start, it leads a process group of its own, and it dies with SIGKILL when the calling *thread* does. `*pidfd` gets a close-on-exec
/// process descriptor. Returns the pid, or -errno of what failed, the exec included.
pid_t oneup_spawn(const char *path, char *const argv[], char *const envp[], const int *fds, size_t fd_count, int *pidfd);

/// The same without descriptors, and what it writes to standard output goes to `output`, the writing end of a pipe that is
/// not one of the standard descriptors.
pid_t oneup_spawn_reading(const char *path, char *const argv[], char *const envp[], int output, int *pidfd);

/// From here on this process does not die with the thread that started it.
void oneup_outlive_parent(void);

/// A close-on-exec process descriptor of a process that is no child, or -errno.
int oneup_pidfd_open(pid_t pid);

/// Sends a signal through a process descriptor: never to a stranger that got the pid later. 0 or -errno.
int oneup_pidfd_signal(int pidfd, int signal);

/// Collects a process that has ended. 1: collected, with `*how` 1 exited (`*status` its code), 2 killed (its signal);
/// 0: still running; -errno.
int oneup_pidfd_reap(int pidfd, int *how, int *status);

/// Collects children that have ended and are none of `known`: those that a process which died left to the first process of
/// its container. Looks no further where one of `known` waits to be collected. Returns how many.
int oneup_reap_strangers(const pid_t *known, size_t count);

/// Blocks SIGTERM, SIGINT and SIGHUP for the process, ignores SIGPIPE, takes back an inherited ignoring of SIGCHLD, and
/// returns a non-blocking, close-on-exec descriptor that reports the first three. -errno on failure.
int oneup_signal_descriptor(void);

/// The next signal waiting in that descriptor, or 0.
int oneup_signal_next(int fd);

/// A connected pair of Unix stream sockets, both close-on-exec and the first non-blocking. 0 or -errno.
int oneup_channel_pair(int fds[2]);

/// An exclusive lock on an open file, held until it is closed; not waited for. 0, or -errno (-EWOULDBLOCK: held).
int oneup_lock_exclusive(int fd);
