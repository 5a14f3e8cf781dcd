#define _GNU_SOURCE
#include "csystem.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

void *oneup_map_window(int fd, size_t offset, size_t count) {
  void *window = mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
  if (window == MAP_FAILED) return NULL;
  // A store where a page is missing waits for that page, not for all that the kernel would read along with it: with what
  // some disks are set to, 8 MiB and more than two milliseconds. Reading ahead is another thread's.
  madvise(window, count, MADV_RANDOM);
  return window;
}
void oneup_unmap_window(void *window, size_t count) { munmap(window, count); }

// Where a store that fails goes on, and what it stores into; NULL while this thread stores nothing.
struct guard {
  sigjmp_buf back;
  const char *start, *end;
};
static _Thread_local struct guard *volatile guarded;
static struct sigaction previous;
static pthread_once_t installed = PTHREAD_ONCE_INIT;

static void on_sigbus(int signal, siginfo_t *info, void *context) {
  struct guard *guard = guarded;
  const char *address = info->si_addr;
  if (guard && address >= guard->start && address < guard->end) siglongjmp(guard->back, 1);
  // Not ours: as if this handler were not there. Without a handler before it, the instruction faults again and ends us.
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    sigaction(SIGBUS, &previous, NULL);
  }
}

static void install(void) {
  // Not blocked while it runs: it is left by a jump.
  struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &previous);
}

// Volatile, so that no store is moved before another, merged with it, or left to memcpy, which may go downwards.
static void copy(char *to, const char *from, size_t count) {
  while (count > 0 && (uintptr_t)to % 8 != 0) {
    *(volatile char *)to++ = *from++;
    count--;
  }
  while (count >= 8) {
    uint64_t word;
    memcpy(&word, from, 8);
    *(volatile uint64_t *)to = word;
    to += 8;
    from += 8;
    count -= 8;
  }
  while (count-- > 0) *(volatile char *)to++ = *from++;
}

int oneup_store_upwards(void *to, const void *from, size_t count) {
  pthread_once(&installed, install);
  struct guard guard = {.start = to, .end = (char *)to + count};
  if (sigsetjmp(guard.back, 0) != 0) {
    guarded = NULL;
    return EIO;
  }
  guarded = &guard;
  copy(to, from, count);
  guarded = NULL;
  return 0;
}

int oneup_reserve(int fd, size_t count) { return fallocate(fd, 0, 0, (off_t)count) == 0 ? 0 : errno; }

int oneup_begin_sync(int fd, size_t offset, size_t count) {
  if (sync_file_range(fd, (off64_t)offset, (off64_t)count, SYNC_FILE_RANGE_WRITE) == 0) return 0;
  switch (errno) {
  // A file system may let go of pages for which it finds no place, and tell whoever asked and nobody afterwards.
  case EIO: case ENOSPC: case EROFS: case EUCLEAN: return errno;
  default: return 0;
  }
}

void oneup_read_ahead(int fd, size_t offset, size_t count) { (void)readahead(fd, (off64_t)offset, count); }
