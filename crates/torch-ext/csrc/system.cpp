// Where libtorch lies, which instructions its kernels use here, and how exact those on a GPU have to be.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>

#include <stdexcept>

#include "guard.h"

extern "C" {

// torch.backends.cpu.get_cpu_capability(): a string that the caller frees
char* te_cpu_capability(char** capability) {
  return guard([&] { *capability = strdup(at::get_cpu_capability().c_str()); });
}

// The file that libtorch's functions come from: a string that the caller frees
char* te_libtorch_file(char** file) {
  return guard([&] {
    Dl_info info;
    if (dladdr(reinterpret_cast<void*>(&at::get_num_threads), &info) == 0 || info.dli_fname == nullptr) {
      throw std::runtime_error("the system does not say where libtorch lies");
    }
    *file = strdup(info.dli_fname);
  });
}

// torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allow
char* te_allow_tf32(bool allow) {
  return guard([&] {
    at::globalContext().setAllowTF32CuDNN(allow);
    at::globalContext().setAllowTF32CuBLAS(allow);
  });
}
}
