// The storage thread's side of the segment log: one tick syncs first, then extends the chain over
// what is now on disk, then sees to the files. Order matters: a chain line that survived a power
// cut must not vouch for bytes that did not.
#include <algorithm>

#include "audit/segment_log.hpp"
#include "base/log.hpp"

namespace tidegate::audit {

void SegmentLog::tick() {
  syncing_since_ = dirty_since_.exchange(0);
  dirty_ = false;
  for (const SegmentPtr& segment : live_) sync(*segment);
  syncing_since_ = 0;
  retire_failed();
  advance_chain();
  retire_failed();  // the chain line may be what did not fit
  if (const SegmentPtr segment = current(); !segment || roll_is_due(*segment)) start_segment();
  remove_expired();
}

void SegmentLog::sync(Segment& segment) {
  std::uint64_t written = 0, bytes = 0;
  {
    std::scoped_lock lock(segment.write_mutex);
    written = segment.written;
    bytes = segment.bytes;
    segment.unchained.take(segment.tail);
  }
  if (!segment.failed && bytes != segment.safe_bytes) {
    if (const auto done = segment.file->sync(); !done) {
      fail_segment(segment, done.error());
    } else {
      settled_ += written - segment.synced;
      segment.synced = written;
      segment.safe_bytes = bytes;
    }
  }
  settle(segment);
}

// Runs the callbacks of what is now on disk, or will never be.
void SegmentLog::settle(const Segment& segment) {
  std::vector<Waiter> ready;
  std::vector<Synced> outcome;
  {
    std::scoped_lock lock(sync_mutex_);
    sync_points_[segment.number] = {.synced = segment.synced, .failed = segment.failed};
    const auto waiting = std::ranges::partition(
        waiters_, [&](const Waiter& waiter) { return synced(waiter.ticket) == Synced::not_yet; });
    for (Waiter& waiter : waiting) {
      outcome.push_back(synced(waiter.ticket));
      ready.push_back(std::move(waiter));
    }
    waiters_.erase(waiting.begin(), waiting.end());
  }
  for (std::size_t i = 0; i < ready.size(); ++i) {
    if (outcome[i] == Synced::yes) {
      ready[i].done({});
    } else {
      ready[i].done(fail(unavailable()));
    }
  }
}

void SegmentLog::retire_failed() {
  std::scoped_lock lock(current_mutex_);
  if (current_ && current_->failed) current_.reset();
}

// The log's own lines go where entries go.
bool SegmentLog::append_own(std::string_view line) {
  const SegmentPtr segment = current();
  return segment && write(*segment, line, 0).has_value();
}

// True: the chain covers `name` up to `end`.
bool SegmentLog::cover(const std::string& name, std::uint64_t end, Chain::Extent extent,
                       TimeRange& range) {
  if (chain_.segment() != name) chain_.enter(name);
  while (chain_.offset() < end) {
    const auto entry = chain_.cover(*disk_, name, end, extent, range);
    if (!entry) {
      // A file that cannot be read again leaves a gap that a verifier will name; the log goes on.
      log::error("audit_segment_unreadable", {{"segment", name}, {"why", entry.error().message}});
      return extent == Chain::Extent::final;
    }
    if (!*entry) return extent == Chain::Extent::final;
    if (!append_own(chain_line(clock_.wall(), **entry))) return false;
    chain_.commit(**entry);
  }
  return true;
}

void SegmentLog::advance_chain() {
  const SegmentPtr newest = current();
  if (!newest) return;  // nowhere to write a chain line
  while (!chain_behind_.empty()) {
    TimeRange known;
    const auto size = disk_->size(chain_behind_.front());
    if (size && !cover(chain_behind_.front(), *size, Chain::Extent::final, known)) return;
    chain_behind_.pop_front();
  }
  while (live_.front() != newest) {
    if (!finish(*live_.front())) return;
    live_.pop_front();
  }
  cover_newest(*newest);
}

// What was just written is still in memory; the file is read back only where that was too much.
void SegmentLog::cover_newest(Segment& segment) {
  if (chain_.segment() != segment.name) chain_.enter(segment.name);
  while (chain_.offset() < segment.safe_bytes) {
    std::string_view written = segment.unchained.since(chain_.offset());
    if (written.empty()) {
      cover(segment.name, segment.safe_bytes, Chain::Extent::growing, segment.range);
      segment.unchained.forget_before(chain_.offset());
      return;
    }
    written = written.substr(0, static_cast<std::size_t>(segment.safe_bytes - chain_.offset()));
    const auto entry = chain_.cover(segment.name, written, segment.range);
    if (!entry || !append_own(chain_line(clock_.wall(), *entry))) return;
    chain_.commit(*entry);
    segment.unchained.forget_before(chain_.offset());
  }
}

// Seals a retired segment once nobody can append to it, and covers it to its end. False: not yet.
bool SegmentLog::finish(Segment& segment) {
  if (live_.front().use_count() > 1) return false;  // a worker still writes
  std::atomic_thread_fence(std::memory_order_acquire);
  if (!segment.finished) {
    sync(segment);  // what came between the last sync and the last reference
    if (!cover(segment.name, segment.file->size(), Chain::Extent::final, segment.range)) {
      return false;
    }
    if (!segment.failed) {
      if (const auto sealed = segment.file->append(seal_line(clock_.wall(), segment.range));
          !sealed || !segment.file->sync()) {
        log::warn("audit_segment_not_sealed", {{"segment", segment.name}});
      }
    }
    settled_ += segment.written - segment.synced;
    segment.finished = true;
  }
  if (!cover(segment.name, segment.file->size(), Chain::Extent::final, segment.range)) return false;
  update_info(segment, SegmentInfo::State::sealed);
  std::scoped_lock lock(sync_mutex_);
  if (!segment.failed) sync_points_.erase(segment.number);
  // Tickets of failed segments must never look synced; the oldest ones nobody asks about any more.
  while (sync_points_.size() > 64) sync_points_.erase(sync_points_.begin());
  return true;
}

// A new file with its first line, and the entries that a crash left owing, on disk.
Result<SegmentLog::SegmentPtr> SegmentLog::open_segment() {
  if (!abandoned_.empty()) {
    TRY_VOID(disk_->remove(abandoned_));  // what is in it would be there twice
    abandoned_.clear();
  }
  const WallTime now = clock_.wall();
  const WallTime start = std::max(now, last_start_ + std::chrono::microseconds(1));
  auto segment = std::make_shared<Segment>();
  segment->name = segment_name(start);
  segment->start = start;
  TRY(segment->file, disk_->open_append(segment->name));
  last_start_ = start;
  std::string first =
      segment_line(now, options_.region, segments_.empty() ? "" : segments_.back().name);
  for (const std::string& line : owed_) first += line;
  auto begun = segment->file->append(first);
  if (begun) begun = segment->file->sync();
  if (!begun) {
    abandoned_ = segment->name;
    if (disk_->remove(abandoned_)) abandoned_.clear();
    return fail(begun.error());
  }
  segment->number = ++last_number_;
  segment->written = segment->synced = owed_.size();
  segment->bytes = segment->safe_bytes = first.size();
  segment->unchained.add(first);
  segment->tail.add(first);
  segment->tail.forget_before(first.size());
  entries_ += owed_.size();
  settled_ += owed_.size();
  owed_.clear();
  return segment;
}

void SegmentLog::publish(SegmentPtr segment) {
  {
    std::scoped_lock lock(sync_mutex_);
    sync_points_[segment->number] = {.synced = segment->synced, .failed = false};
  }
  {
    std::scoped_lock lock(segments_mutex_);
    segments_.push_back({.name = segment->name, .range = {}});
  }
  live_.push_back(segment);
  std::scoped_lock lock(current_mutex_);
  current_ = std::move(segment);
}

// To begin, to roll, or to resume after a failure. Where it fails, a segment that still works goes
// on.
void SegmentLog::start_segment() {
  const MonoTime now = clock_.mono();
  if (now < next_try_) return;
  // Attempts become rare while they do not last: a full disk must not fill with empty segments.
  if (now - begun_at_ > limits::audit_retry_max) retry_delay_ = limits::audit_retry_min;
  const bool resumes = !current();
  auto segment = open_segment();
  if (segment) begun_at_ = now;
  if (!segment || (resumes && (*segment)->number > 1)) {
    next_try_ = now + retry_delay_;
    retry_delay_ = std::min<Duration>(2 * retry_delay_, limits::audit_retry_max);
  }
  if (!segment) {
    log::error("audit_segment_not_begun", {{"why", segment.error().message}});
    std::scoped_lock lock(sync_mutex_);
    last_error_ = segment.error().message;
    return;
  }
  publish(std::move(*segment));
}

bool SegmentLog::roll_is_due(Segment& segment) {
  if (segment.written == 0) return false;
  const auto today = std::chrono::floor<std::chrono::days>(clock_.wall());
  if (!segment.day) segment.day = today;
  return segment.day != today || segment.safe_bytes >= options_.segment_bytes_max;
}

void SegmentLog::update_info(const Segment& segment, SegmentInfo::State state) {
  std::scoped_lock lock(segments_mutex_);
  const auto info = std::ranges::find(segments_, segment.name, &SegmentInfo::name);
  if (info != segments_.end()) {
    info->range = segment.range;
    info->state = state;
  }
}

// Oldest first and without holes, so that what is left is still one chain.
void SegmentLog::remove_expired() {
  const MonoTime now = clock_.mono();
  if (now < next_removal_ || !chain_behind_.empty()) return;
  const WallTime oldest = clock_.wall() - std::chrono::days(options_.retention_days);
  std::vector<std::string> expired;
  {
    std::scoped_lock lock(segments_mutex_);
    for (const SegmentInfo& info : segments_) {
      const std::int64_t newest = info.range.empty()
                                      ? segment_start(info.name)->time_since_epoch().count()
                                      : info.range.last;
      if (info.state != SegmentInfo::State::sealed || newest >= oldest.time_since_epoch().count() ||
          expired.size() == limits::audit_removals_a_tick) {
        break;
      }
      expired.push_back(info.name);
    }
  }
  for (const std::string& name : expired) {
    if (const auto removed = disk_->remove(name); !removed) {
      log::warn("audit_segment_not_removed", {{"segment", name}, {"why", removed.error().message}});
      next_removal_ = now + limits::audit_retry_max;
      return;
    }
    log::info("audit_segment_expired", {{"segment", name}});
    std::scoped_lock lock(segments_mutex_);
    segments_.erase(segments_.begin());
  }
  // Nothing left to remove: look again in a second, not 200 times a second.
  if (expired.size() < limits::audit_removals_a_tick) next_removal_ = now + limits::audit_retry_min;
}

}  // namespace tidegate::audit
