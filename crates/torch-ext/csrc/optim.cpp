// What torch.optim needs and tch's bindings lack: the in-place operations with `alpha=` and `value=`, norms, and grad = None.
#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <ATen/ops/addcdiv.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/linalg_vector_norm.h>

#include "guard.h"

extern "C" {

// self += alpha * other
char* te_add_(at::Tensor* self, const at::Tensor* other, double alpha) {
  return guard([&] { self->add_(*other, alpha); });
}

// *out = self + alpha * other
char* te_add(const at::Tensor* self, const at::Tensor* other, double alpha, at::Tensor** out) {
  return guard([&] { *out = new at::Tensor(self->add(*other, alpha)); });
}

// self += value * a * b
char* te_addcmul_(at::Tensor* self, const at::Tensor* a, const at::Tensor* b, double value) {
  return guard([&] { self->addcmul_(*a, *b, value); });
}

// self += value * a / b
char* te_addcdiv_(at::Tensor* self, const at::Tensor* a, const at::Tensor* b, double value) {
  return guard([&] { self->addcdiv_(*a, *b, value); });
}

// *out = torch.linalg.vector_norm(self, ord)
char* te_vector_norm(const at::Tensor* self, double ord, at::Tensor** out) {
  return guard([&] { *out = new at::Tensor(at::linalg_vector_norm(*self, ord)); });
}

// self.grad = None
char* te_clear_grad(at::Tensor* self) {
  return guard([&] { self->mutable_grad().reset(); });
}
}
