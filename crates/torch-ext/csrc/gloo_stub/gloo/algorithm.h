// c10d includes this header and uses nothing from it: see context.h.
#pragma once
