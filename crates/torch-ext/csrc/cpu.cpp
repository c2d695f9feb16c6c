// Which instructions libtorch's own kernels use here.
#include <ATen/Version.h>

#include "guard.h"

extern "C" {

// torch.backends.cpu.get_cpu_capability(): a string that the caller frees
char* te_cpu_capability(char** capability) {
  return guard([&] { *capability = strdup(at::get_cpu_capability().c_str()); });
}
}
