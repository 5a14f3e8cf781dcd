// The system calls and instructions that Swift's Glibc module does not offer.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "process.h"
#include "event.h"
#include "clock.h"
#include "store.h"
#include "schedule.h"
