#pragma once
#include <stdint.h>

/// The calling thread goes behind others for the processor (`nice` as setpriority has it), and interrupts nobody when it
/// wakes up (SCHED_BATCH). So long is its slice, 0 for the usual one: what it gives up by sched_yield. A kernel that cannot
/// have slices of its own for a thread ignores it.
void oneup_step_aside(int nice, uint64_t slice_nanoseconds);

/// The calling thread no longer interrupts whoever runs when it wakes up (SCHED_BATCH): it comes when that one rests or
/// has used its slice. Its share of the processor stays the same.
void oneup_wake_politely(void);

/// The calling thread, and those that it starts, run when nobody else wants the processor, and read and write when nobody
/// else wants the disk.
void oneup_run_last(void);

/// From here on the calling thread takes one part in `parts` of a processor at the most, in pieces of about two
/// milliseconds: it is made to rest in between, whatever it does. Once in a process; uses SIGPROF, by which its sleeps
/// and waits may end early (EINTR). Returns 0, or an error number.
int oneup_run_in_parts(int parts);
