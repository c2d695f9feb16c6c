// c10d includes this header and uses nothing of it: see context.h.
#pragma once
