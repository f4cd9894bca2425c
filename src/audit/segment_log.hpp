// The Log over segments. Two sides meet here. Workers append: they take a reference to the current
// segment (a journal holds it over a turn), write once, and count; the only lock held meanwhile is
// that segment's, for its order. The storage thread (tick) syncs, extends the chain, rolls and
// mends. Rolling replaces the current segment first; the old one is sealed when its last reference
// is gone, so no append can come behind the seal.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <mutex>

#include "audit/chain.hpp"
#include "audit/recovery.hpp"
#include "audit/segment.hpp"

namespace tidegate::audit {

class SegmentLog final : public Log {
 public:
  SegmentLog(std::unique_ptr<Disk> disk, Clock& clock, LogOptions options, Recovered recovered);
  ~SegmentLog() override;

  using Log::append;
  Target target() const override;
  Result<Written> append(const Target& target, std::string_view lines,
                         std::uint64_t entries) override;
  void on_synced(std::uint64_t ticket, std::move_only_function<void(Result<void>)> done) override;
  Durability durability() const override { return options_.durability; }
  Result<EventPage> lookup(const EventQuery& query) override;
  Result<std::optional<json::object>> find(std::string_view request_id) override;
  Result<std::vector<json::object>> service_events(std::optional<WallTime> start,
                                                   std::size_t max) override;
  Result<Unattested> unattested() override;
  void tick() override;
  void set_waker(std::move_only_function<void()> waker) override { waker_ = std::move(waker); }
  Health health() const override;

 private:
  using SegmentPtr = std::shared_ptr<Segment>;
  // How far a segment's entries are on disk. One that is not in the table is there as a whole.
  struct SyncPoint {
    std::uint64_t synced = 0;
    bool failed = false;
  };
  struct Waiter {
    std::uint64_t ticket;
    std::move_only_function<void(Result<void>)> done;
  };
  enum class Synced : std::uint8_t { yes, not_yet, never };

  // The workers' side.
  SegmentPtr current() const;
  Result<Written> write(Segment& segment, std::string_view lines, std::uint64_t entries);
  void wake();
  void fail_segment(Segment& segment, const Error& error);
  Error unavailable() const;
  Synced synced(std::uint64_t ticket) const;  // with sync_mutex_ held

  // The storage thread's side (segment_log_tick.cpp).
  void sync(Segment& segment);
  void settle(const Segment& segment);
  void retire_failed();
  void advance_chain();
  bool cover(const std::string& name, std::uint64_t end, Chain::Extent extent, TimeRange& range);
  void cover_newest(Segment& segment);
  bool finish(Segment& segment);
  bool append_own(std::string_view line);
  Result<SegmentPtr> open_segment();
  void publish(SegmentPtr segment);
  void start_segment();
  bool roll_is_due(Segment& segment);
  void remove_expired();
  void update_info(const Segment& segment, SegmentInfo::State state);
  std::vector<SegmentInfo> segments() const;

  const std::unique_ptr<Disk> disk_;
  Clock& clock_;
  const LogOptions options_;
  std::move_only_function<void()> waker_;

  mutable std::mutex current_mutex_;
  SegmentPtr current_;  // null: not writable
  std::atomic<bool> dirty_ = false;
  std::atomic<std::int64_t> dirty_since_ = 0, syncing_since_ = 0;  // of the monotonic clock; 0: no
  std::atomic<std::uint64_t> entries_ = 0, settled_ = 0;

  mutable std::mutex sync_mutex_;
  std::map<std::uint32_t, SyncPoint> sync_points_;
  std::vector<Waiter> waiters_;
  std::string last_error_;

  mutable std::mutex segments_mutex_;
  std::vector<SegmentInfo> segments_;  // oldest first

  // The storage thread's own.
  Chain chain_;
  std::deque<std::string> chain_behind_;  // recovered segments that the chain has yet to cover
  std::deque<SegmentPtr> live_;           // oldest first; the last one is current_, if there is one
  std::vector<std::string> owed_;         // lines to write first into the next segment
  std::string abandoned_;                 // a segment that could not be begun, to remove
  WallTime last_start_{};
  std::uint32_t last_number_ = 0;
  MonoTime next_try_{}, begun_at_{}, next_removal_{};
  Duration retry_delay_ = limits::audit_retry_min;
};

}  // namespace tidegate::audit
