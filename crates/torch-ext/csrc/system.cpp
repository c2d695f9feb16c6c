// libtorch's folder, its kernels' instruction set, and the precision of f32 on GPUs.
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

// The library file of libtorch's functions: a string that the caller frees
char* te_libtorch_file(char** file) {
  return guard([&] {
    Dl_info info;
    if (dladdr(reinterpret_cast<void*>(&at::get_num_threads), &info) == 0 || info.dli_fname == nullptr) {
      throw std::runtime_error("dladdr does not know the file of libtorch");
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
