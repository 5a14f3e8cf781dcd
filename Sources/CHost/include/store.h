// Storing into a mapped file as `write` would: a prefix when the process is killed, an error where the disk fails.
#pragma once
#include <stddef.h>

/// Maps `count` bytes of a file from `offset` (a multiple of the page size) on, for reading and writing, shared. NULL on failure.
void *oneup_map_window(int fd, size_t offset, size_t count);
void oneup_unmap_window(void *window, size_t count);

/// Copies upwards, so that a kill at any instruction leaves a prefix. 0, or EIO where a page of the file cannot be had,
/// with a prefix stored. Only for mapped files: it takes SIGBUS for the disk's error, on this thread and in this range
/// alone; any other goes where it went before.
int oneup_store_upwards(void *to, const void *from, size_t count);

/// The first `count` bytes of the file have their place and read as zero. 0, or an error number (EINTR, EOPNOTSUPP, ENOSPC …).
int oneup_reserve(int fd, size_t count);

/// Lets the disk begin with what was written to a part of a file; waits for nothing, promises nothing. EIO, ENOSPC, EROFS or
/// EUCLEAN where some of it may be lost, which fdatasync need not tell; else 0, also where this is not to be had.
int oneup_begin_sync(int fd, size_t offset, size_t count);

/// Brings a part of a file into memory. May wait for the disk, promises nothing.
void oneup_read_ahead(int fd, size_t offset, size_t count);
