// Whether the machine's clock is kept right.
#include "clock.h"
#include <string.h>
#include <sys/timex.h>

int oneup_clock_is_steered(void) {
  struct timex state;
  memset(&state, 0, sizeof state);
  return adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;
}
