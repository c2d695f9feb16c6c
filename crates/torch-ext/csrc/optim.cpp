// The in-place operations of torch.optim that take `value=`, an argument that tch's bindings lack.
#include <ATen/core/Tensor.h>
#include <ATen/ops/addcdiv.h>
#include <ATen/ops/addcmul.h>

#include "guard.h"

extern "C" {

// self += value * a * b
char* te_addcmul_(at::Tensor* self, const at::Tensor* a, const at::Tensor* b, double value) {
  return guard([&] { self->addcmul_(*a, *b, value); });
}

// self += value * a / b
char* te_addcdiv_(at::Tensor* self, const at::Tensor* a, const at::Tensor* b, double value) {
  return guard([&] { self->addcdiv_(*a, *b, value); });
}
}
