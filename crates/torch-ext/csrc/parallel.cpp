// Rust code on libtorch's own thread pool.
//
// at::parallel_for is a template. It is parallel only if it is compiled with the flags of libtorch's pool (-fopenmp on Linux),
// and serial otherwise. The flag may also link a second OpenMP runtime. TensorIterator::for_each calls it inside libtorch,
// for every pool. Here each task is one element of a tensor of `tasks` bytes, and the element's offset is the task's number.
#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>
#include <ATen/ops/empty.h>

#include "guard.h"

extern "C" {

// at::get_num_threads(), or 1 inside a parallel region, where the work would be serial
size_t te_num_threads() {
  return at::in_parallel_region() ? 1 : at::get_num_threads();
}

// Calls run(job, begin, end) for ranges that cover 0..tasks, one range on each thread. `run` does not throw.
char* te_parallel_for(size_t tasks, void (*run)(const void* job, size_t begin, size_t end), const void* job) {
  return guard([&] {
    // Kept for the next call, which then takes half the time. There is no nested call on this thread: `run` is in a parallel
    // region, and Rust does not call this function from there.
    thread_local at::TensorIterator iterator;
    if (iterator.ntensors() == 0 || static_cast<size_t>(iterator.numel()) != tasks) {
      const auto count = static_cast<int64_t>(tasks);
      iterator = at::TensorIteratorConfig()
                     .check_all_same_dtype(false)
                     .resize_outputs(false)
                     .declare_static_shape({count})
                     .add_owned_output(at::empty({count}, at::kByte))
                     .build();
    }
    const char* first = static_cast<const char*>(iterator.data_ptr(0));
    iterator.for_each(
        [&](char** data, const int64_t*, int64_t size, int64_t) {
          const size_t begin = data[0] - first;
          run(job, begin, begin + size);
        },
        /*grain_size=*/1);
  });
}
}
