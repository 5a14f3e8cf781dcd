#pragma once

/// 1: the kernel's clock is kept right by somebody (NTP, PTP); 0: it is not.
int oneup_clock_is_steered(void);
