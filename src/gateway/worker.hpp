// One event loop's part of a gateway: connections, links, boards and queues are its own.
#pragma once

#include <atomic>
#include <memory>

#include "base/rng.hpp"
#include "gateway/board.hpp"
#include "gateway/peer_door.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"
#include "gateway/wait_queue.hpp"
#include "identity/authenticator.hpp"
#include "model/backend.hpp"
#include "model/executor.hpp"
#include "peer/links.hpp"
#include "routing/routing.hpp"

namespace tidegate::gateway {

struct WorkerPorts {
  Loop& loop;
  Rng& rng;
  peer::Links& links;
  model::ClientFactory backend_clients;
};

class Worker {
 public:
  // Registers itself with the region; start() on the loop's thread begins its background tasks.
  Worker(Region& region, WorkerPorts ports, int index);
  ~Worker();
  void start();
  // Stops the background tasks; they have ended when stopped() is true. On the loop's thread.
  void stop();
  bool stopped() const { return background_tasks_ == 0; }

  http::Handler& public_handler() { return pipeline_; }
  http::Handler& peer_handler() { return peer_door_; }
  Pipeline& pipeline() { return pipeline_; }

  Loop& loop() { return ports_.loop; }
  Rng& rng() { return ports_.rng; }
  peer::Links& links() { return ports_.links; }
  identity::Authenticator& authenticator() { return authenticator_; }
  model::LocalExecutor& executor() { return executor_; }
  WaitQueues& queues() { return queues_; }
  const std::shared_ptr<const Snapshot>& snapshot() const { return snapshot_; }

  // What is known now of a Region, for a decision about `model_id`.
  routing::RegionSignals signals(const catalog::RegionId& region, std::string_view model_id) const;

  // The same for one row: whether that Region can admit it, too.
  routing::RegionSignals signals(const catalog::RegionId& region, std::string_view model_id,
                                 const catalog::Row& row, const catalog::Catalog& catalog) const;
  // What a token for that Region names: the row itself or, while that Region's catalogue is older,
  // the newest version of it that both have and that has the Region in it. nullptr: there is none.
  const catalog::Row* row_known_to(const catalog::RegionId& region, const catalog::Row& row,
                                   const catalog::Catalog& catalog) const;

  // When that Region's last report came; zero if it never did.
  MonoTime last_report(const catalog::RegionId& region) const;

  // From any thread.
  void adopt(std::shared_ptr<const Snapshot> snapshot);
  void wake_waiters();
  bool sees_a_ready_peer() const { return ready_peers_.load(std::memory_order_relaxed) > 0; }

 private:
  // A Region that this one dials; another catalogue may end that.
  struct Followed {
    explicit Followed(Loop& loop) : changed(loop) {}
    Event changed;
    bool wanted = true;
  };
  void follow_destinations();
  Task<void> follow_reports(catalog::RegionId region, std::shared_ptr<Followed> followed);
  Task<void> read_reports(const catalog::RegionId& region, std::shared_ptr<http::Channel> channel);
  // The lines of that stream. False: a signature is not to be believed; a report is not understood,
  // and the stream is worth nothing.
  bool take_signed(const catalog::RegionId& region, std::string_view line);
  bool take_report(const catalog::RegionId& region, std::string_view line);
  Task<void> post_tokens(catalog::RegionId region, std::shared_ptr<http::Channel> channel,
                         std::string lines);
  Task<void> probe_backends();
  Task<void> watch();  // once a second: gauges, strangers
  void count_ready_peers();

  Region& region_;
  WorkerPorts ports_;
  int index_;
  std::shared_ptr<const Snapshot> snapshot_;
  identity::Authenticator authenticator_;
  model::LocalExecutor executor_;
  Board board_;
  WaitQueues queues_;
  Pipeline pipeline_;
  PeerDoor peer_door_;
  std::map<catalog::RegionId, std::shared_ptr<Followed>> followed_;
  Cancellation stopping_;
  int background_tasks_ = 0;
  std::atomic<int> ready_peers_{0};
};

}  // namespace tidegate::gateway
