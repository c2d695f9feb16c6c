// Work on libtorch's own thread pool.
//
// at::parallel_for is a template: it is parallel only where it is compiled with the flags of libtorch's own pool (-fopenmp
// on Linux), is silently serial elsewhere, and would bring an OpenMP runtime of its own where the flag names another one.
// TensorIterator::for_each calls it inside libtorch, whatever the pool there: the work is handed out as the "elements" of
// a tensor of `tasks` bytes, and an element's address is its number.
#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>
#include <ATen/ops/empty.h>

#include "guard.h"

extern "C" {

// at::get_num_threads(), or 1 where the work would be serial: within a parallel region
size_t te_num_threads() {
  return at::in_parallel_region() ? 1 : at::get_num_threads();
}

// Calls run(job, begin, end) for ranges that make up 0..tasks, each thread one range; `run` does not throw.
char* te_parallel_for(size_t tasks, void (*run)(const void* job, size_t begin, size_t end), const void* job) {
  return guard([&] {
    // Kept for the next call, which is twice as quick with it. No other call of this thread comes between: within `run`,
    // this thread is in a parallel region, and Rust does not call here from there.
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
