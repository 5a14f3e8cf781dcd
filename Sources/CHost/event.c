#define _GNU_SOURCE
#include "event.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int oneup_poll_create(void) {
  int fd = epoll_create1(EPOLL_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

static int control(int poll, int operation, int fd, uint64_t token, int writable) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | (writable ? EPOLLOUT : 0), .data = {.u64 = token}};
  return epoll_ctl(poll, operation, fd, &event) < 0 ? -errno : 0;
}
int oneup_poll_add(int poll, int fd, uint64_t token, int writable) {
  return control(poll, EPOLL_CTL_ADD, fd, token, writable);
}
int oneup_poll_change(int poll, int fd, uint64_t token, int writable) {
  return control(poll, EPOLL_CTL_MOD, fd, token, writable);
}
int oneup_poll_remove(int poll, int fd) { return control(poll, EPOLL_CTL_DEL, fd, 0, 0); }

int oneup_poll_wait(int poll, struct oneup_event *events, int count, int64_t timeout_microseconds) {
  struct epoll_event found[64];
  if (count > 64) count = 64;
  int milliseconds = -1;
  if (timeout_microseconds >= 0) {
    int64_t rounded = (timeout_microseconds + 999) / 1000;
    milliseconds = rounded > INT_MAX ? INT_MAX : (int)rounded;
  }
  int n = epoll_wait(poll, found, count, milliseconds);
  if (n < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < n; i++) {
    events[i].token = found[i].data.u64;
    events[i].bits = (found[i].events & EPOLLIN ? ONEUP_READABLE : 0) |
                     (found[i].events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR) ? ONEUP_HUNG_UP : 0);
  }
  return n;
}

int oneup_wake_create(void) {
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}
int oneup_wake_create_blocking(void) {
  int fd = eventfd(0, EFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}
void oneup_wake(int fd) {
  uint64_t one = 1;
  ssize_t ignored = write(fd, &one, sizeof one);
  (void)ignored;
}
void oneup_wake_clear(int fd) {
  uint64_t count;
  ssize_t ignored = read(fd, &count, sizeof count);
  (void)ignored;
}

uint64_t *oneup_map_shared(const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return NULL;
  void *memory = MAP_FAILED;
  // A store into a page that the disk has no place for is SIGBUS. Where there is none now, whoever maps it finds that out.
  (void)posix_fallocate(fd, 0, 4096);
  if (ftruncate(fd, 4096) == 0) memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return memory == MAP_FAILED ? NULL : memory;
}

int oneup_listen_unix(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  unlink(path);
  mode_t old = umask(0177);
  int bound = bind(fd, (struct sockaddr *)&address, sizeof address);
  int error = errno;
  umask(old);
  if (bound < 0 || listen(fd, 256) < 0) {
    if (bound == 0) error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int oneup_accept(int fd) {
  int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return accepted < 0 ? -errno : accepted;
}
