// Waiting for many descriptors, waking a loop from another thread, and memory that outlives the process.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Bits of an event.
#define ONEUP_READABLE 1u
/// The other end is gone, or the descriptor failed.
#define ONEUP_HUNG_UP 2u

struct oneup_event {
  uint64_t token;
  uint32_t bits;
};

/// A set of descriptors to wait for. -errno on failure.
int oneup_poll_create(void);
/// Watches `fd` for reading, and for writing where `writable`; its events carry `token`. 0 or -errno.
int oneup_poll_add(int poll, int fd, uint64_t token, int writable);
int oneup_poll_change(int poll, int fd, uint64_t token, int writable);
int oneup_poll_remove(int poll, int fd);
/// Waits at most so many microseconds (-1: for ever, rounded up to what the kernel offers). The number of events, or -errno.
int oneup_poll_wait(int poll, struct oneup_event *events, int count, int64_t timeout_microseconds);

/// A non-blocking counter that makes a loop turn. -errno on failure.
int oneup_wake_create(void);
/// The same for a thread: clearing it waits until it was counted.
int oneup_wake_create_blocking(void);
void oneup_wake(int fd);
/// Takes what was counted.
void oneup_wake_clear(int fd);

/// Maps the first 4,096 bytes of a file, made if missing: what is stored survives the process's death, not the machine's.
/// Their place on the disk is taken, where there is any. NULL on failure.
uint64_t *oneup_map_shared(const char *path);

/// A non-blocking listening Unix stream socket at `path`, replacing what was there; only this user can connect. -errno.
int oneup_listen_unix(const char *path);
/// The next connection, non-blocking, or -errno (-EAGAIN: none).
int oneup_accept(int fd);
