// The state of the default CPU generator, and randperm with a generator of its own.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/randperm.h>

#include <mutex>

#include "guard.h"

extern "C" {

// torch.get_rng_state(): a new byte tensor
char* te_rng_get_state(at::Tensor** state) {
  return guard([&] {
    at::Generator generator = at::detail::getDefaultCPUGenerator();
    std::lock_guard<std::mutex> lock(generator.mutex());
    *state = new at::Tensor(generator.get_state());
  });
}

// torch.set_rng_state(state)
char* te_rng_set_state(const at::Tensor* state) {
  return guard([&] {
    at::Generator generator = at::detail::getDefaultCPUGenerator();
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(*state);
  });
}

// torch.randperm(n, generator=torch.Generator().manual_seed(seed))
char* te_seeded_randperm(int64_t n, uint64_t seed, at::Tensor** permutation) {
  return guard([&] { *permutation = new at::Tensor(at::randperm(n, at::detail::createCPUGenerator(seed))); });
}
}
