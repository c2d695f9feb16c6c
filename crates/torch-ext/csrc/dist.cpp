// Process groups: c10d, the C++ part of torch.distributed, without Python.
#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "guard.h"

namespace {

using Milliseconds = std::chrono::milliseconds;

struct Group {
  c10::intrusive_ptr<c10d::Store> store;  // the job's, shared by all attempts
  c10::intrusive_ptr<c10d::Backend> backend;
};

// Rendezvous at the store. Returns the number of this attempt, from 1.
//
// torchrun counts restarts on each machine separately, and only if a process of that machine failed, so its counts may differ.
// Here rank 0 begins an attempt, the other ranks report for it, and rank 0 starts it after all have reported. A rank whose
// report is already there has read the number of an old attempt, and waits for the next number.
int64_t rendezvous(c10d::Store& store, const std::string& name, int rank, int world, Milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const std::string attempts = "/torch-ext/" + name + "/attempts";
  int64_t attempt = rank == 0 ? store.add(attempts, 1) : 0;
  const auto key = [&](const std::string& what) {
    return attempts + "/" + std::to_string(attempt) + " of " + std::to_string(world) + "/" + what;
  };
  bool reported = false;
  for (Milliseconds pause(10);; pause = std::min(2 * pause, Milliseconds(200))) {
    if (rank == 0) {
      if (store.add(key("reported"), 0) == world - 1) {
        store.set(key("started"), std::string("1"));
        return attempt;
      }
    } else {
      if (const int64_t latest = store.add(attempts, 0); latest != attempt) {
        attempt = latest;
        reported = store.add(key(std::to_string(rank)), 1) == 1;
        if (reported) store.add(key("reported"), 1);
      }
      if (reported && store.check({key("started")})) return attempt;
    }
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(pause);
  }
  std::string missing = attempt == 0 || (rank > 0 && !reported) ? ", 0" : "";
  for (int other = 1; other < world && missing.size() < 60; other++) {
    if (other != rank && !store.check({key(std::to_string(other))})) missing += ", " + std::to_string(other);
  }
  throw std::runtime_error("timed out; these ranks did not report: " + (missing.empty() ? "0" : missing.substr(2)));
}

c10::intrusive_ptr<c10d::Backend> with_gloo(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int world, Milliseconds timeout, const char* interface,
    const char* address) {
  auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  options->devices.push_back(
      interface ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                : c10d::ProcessGroupGloo::createDeviceForHostname(address));
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, world, options);
}

#ifdef USE_C10D_NCCL
c10::intrusive_ptr<c10d::Backend> with_nccl(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int world, Milliseconds timeout, int device) {
  // wait() then blocks until the GPU is done, and throws on failure. By default it returns at once, and on failure a thread of
  // c10d ends the process later.
  setenv("TORCH_NCCL_BLOCKING_WAIT", "1", /*overwrite=*/0);
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  auto backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, world, options);
  backend->setBoundDeviceId(at::Device(at::kCUDA, device));
  return backend;
}
#endif

}  // namespace

extern "C" {

// `Join` in ffi.rs.
struct Join {
  const char* host;       // the store's
  uint16_t port;
  int listen_fd;          // a listening socket if this process is the store's server, else -1
  const char* name;       // the group's, part of its keys
  int rank;
  int world;
  int64_t timeout_ms;
  int64_t store_timeout_ms;
  const char* interface;  // gloo: the network interface to use, or null
  const char* address;    // gloo: the address of this machine to use
  int cuda;               // NCCL: the device; -1 for gloo
};

// Connects the processes. `attempt` is 1 for the first time in this job, then 2, ..
char* te_dist_join(const Join* join, Group** group, int64_t* attempt) {
  return guard([&] {
    const Milliseconds timeout(join->timeout_ms);
    // c10d logs every failed try to connect, with its C++ stack. The error of the last one is enough. The environment variable
    // TORCH_CPP_LOG_LEVEL turns the log on.
    if (std::getenv("TORCH_CPP_LOG_LEVEL")) {
      c10::initLogging();
    } else {
      FLAGS_caffe2_log_level = 3;
      c10::UpdateLoggingLevelsFromFlags();
    }
    c10d::TCPStoreOptions options;
    options.port = join->port;
    options.isServer = join->listen_fd >= 0;
    if (options.isServer) options.masterListenFd = join->listen_fd;
    options.waitWorkers = false;  // rendezvous() waits for them
    options.multiTenant = true;
    options.timeout = Milliseconds(join->store_timeout_ms);
    auto made = std::make_unique<Group>();
    made->store = c10::make_intrusive<c10d::TCPStore>(join->host, options);
    *attempt = rendezvous(*made->store, join->name, join->rank, join->world, timeout);
    const std::string prefix = std::string("/torch-ext/") + join->name + "/attempt_" + std::to_string(*attempt);
    auto own = c10::make_intrusive<c10d::PrefixStore>(prefix, made->store);
    if (join->cuda < 0) {
      made->backend = with_gloo(own, join->rank, join->world, timeout, join->interface, join->address);
    } else {
#ifdef USE_C10D_NCCL
      made->backend = with_nccl(own, join->rank, join->world, timeout, join->cuda);
#else
      TORCH_CHECK(false, "NCCL is not built in; build with --features nccl");
#endif
    }
    *group = made.release();
  });
}

char* te_dist_leave(Group* group) {
  return guard([&] {
    std::unique_ptr<Group> owned(group);
    owned->backend->shutdown();
  });
}

// Sets a key of the job. It survives this attempt if the store does.
char* te_dist_store_set(Group* group, const char* key, const char* value) {
  return guard([&] { group->store->set(key, std::string(value)); });
}

char* te_dist_store_check(Group* group, const char* key, bool* exists) {
  return guard([&] { *exists = group->store->check({key}); });
}

// The collective operations start here; te_dist_wait waits for their end.

char* te_dist_all_reduce_sum(Group* group, const at::Tensor* tensor, c10d::Work** work) {
  return guard([&] {
    std::vector<at::Tensor> tensors{*tensor};
    *work = group->backend->allreduce(tensors, c10d::AllreduceOptions()).release();
  });
}

char* te_dist_broadcast(Group* group, const at::Tensor* tensor, int64_t root, c10d::Work** work) {
  return guard([&] {
    std::vector<at::Tensor> tensors{*tensor};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    *work = group->backend->broadcast(tensors, options).release();
  });
}

char* te_dist_all_gather(
    Group* group, const at::Tensor* tensor, const at::Tensor* const* outputs, size_t world, c10d::Work** work) {
  return guard([&] {
    std::vector<at::Tensor> inputs{*tensor};
    std::vector<std::vector<at::Tensor>> gathered(1);
    for (size_t rank = 0; rank < world; rank++) gathered[0].push_back(*outputs[rank]);
    *work = group->backend->allgather(gathered, inputs, c10d::AllgatherOptions()).release();
  });
}

char* te_dist_barrier(Group* group, c10d::Work** work) {
  return guard([&] { *work = group->backend->barrier(c10d::BarrierOptions()).release(); });
}

bool te_dist_is_completed(c10d::Work* work) {
  return work->isCompleted();
}

// Waits, and frees the work, also on failure.
char* te_dist_wait(c10d::Work* work) {
  return guard([&] {
    auto owned = c10::intrusive_ptr<c10d::Work>::reclaim(work);
    TORCH_CHECK(owned->wait(), "the operation was aborted");
  });
}

// Frees a work without waiting. The operation continues on tensors that c10d keeps alive.
void te_dist_release_work(c10d::Work* work) {
  auto owned = c10::intrusive_ptr<c10d::Work>::reclaim(work);
}
}
