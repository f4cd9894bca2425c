#include "audit/segment_log.hpp"

#include "audit/entry.hpp"
#include "audit/join.hpp"
#include "audit/lookup.hpp"
#include "base/log.hpp"

namespace tidegate::audit {
namespace {

// A ticket: the segment's number, and which of its entries.
constexpr int ticket_entry_bits = 40;
constexpr std::uint64_t ticket_entry_mask = (std::uint64_t{1} << ticket_entry_bits) - 1;

Result<Log::Written> append_one(Log& log, Stage stage, const Record& record) {
  const Log::Target target = log.target();
  Buffer line;
  append_entry(line, stage, record, target.start);
  return log.append(target, line.view(), 1);
}

}  // namespace

Result<std::unique_ptr<Log>> Log::open(std::unique_ptr<Disk> disk, Clock& clock,
                                       LogOptions options) {
  TRY(Recovered recovered, recover(*disk, clock.wall()));
  return std::make_unique<SegmentLog>(std::move(disk), clock, std::move(options),
                                      std::move(recovered));
}

Result<Log::Written> Log::append_opened(const Record& record) {
  return append_one(*this, Stage::opened, record);
}

Result<Log::Written> Log::append_closed(const Record& record) {
  return append_one(*this, Stage::closed, record);
}

Result<Log::Written> Log::append_service_event(const ServiceEvent& event) {
  Buffer line;
  append_entry(line, event);
  return append(line.view(), 1);
}

SegmentLog::SegmentLog(std::unique_ptr<Disk> disk, Clock& clock, LogOptions options,
                       Recovered recovered)
    : disk_(std::move(disk)),
      clock_(clock),
      options_(std::move(options)),
      segments_(std::move(recovered.segments)),
      chain_(std::move(recovered.chain)),
      chain_behind_(recovered.chain_behind.begin(), recovered.chain_behind.end()),
      owed_(std::move(recovered.interrupted)) {
  if (!segments_.empty()) last_start_ = segment_start(segments_.back().name).value_or(WallTime{});
  start_segment();
}

SegmentLog::~SegmentLog() {
  tick();
  advance_chain();  // the tick may have begun a new segment
  if (SegmentPtr last = current(); last && !last->failed) {
    if (last->file->append(seal_line(clock_.wall(), last->range))) (void)last->file->sync();
  }
}

SegmentLog::SegmentPtr SegmentLog::current() const {
  std::scoped_lock lock(current_mutex_);
  return current_;
}

Log::Target SegmentLog::target() const {
  SegmentPtr segment = current();
  const WallTime start = segment ? segment->start : WallTime{};
  return {.segment = std::move(segment), .start = start};
}

Result<Log::Written> SegmentLog::append(const Target& target, std::string_view lines,
                                        std::uint64_t entries) {
  if (!target.segment) return fail(unavailable());
  Segment& segment = *target.segment;
  const std::uint64_t synced = segment.synced;
  if (segment.written - synced >= limits::audit_unsynced_entries_max) return fail(unavailable());
  TRY(const Written written, write(segment, lines, entries));
  entries_.fetch_add(entries, std::memory_order_relaxed);
  // Counted first, then flagged; tick() clears the flag first, then reads the count: either it sees
  // this entry, or this thread sees the cleared flag.
  if (!dirty_ && !dirty_.exchange(true)) {
    dirty_since_ = clock_.mono().time_since_epoch().count();
    wake();
  }
  return written;
}

// Whole lines, behind all others; nothing goes behind a write that failed.
Result<Log::Written> SegmentLog::write(Segment& segment, std::string_view lines,
                                       std::uint64_t entries) {
  std::scoped_lock lock(segment.write_mutex);
  if (segment.failed) return fail(unavailable());
  if (const auto written = segment.file->append(lines); !written) {
    fail_segment(segment, written.error());
    return fail(unavailable());
  }
  const std::uint64_t offset = std::exchange(segment.bytes, segment.bytes + lines.size());
  segment.tail.add(lines);
  const std::uint64_t last = segment.written += entries;
  return Written{.ticket = (std::uint64_t{segment.number} << ticket_entry_bits) | last,
                 .at = {.segment = segment.start, .offset = offset}};
}

void SegmentLog::wake() {
  if (waker_) waker_();
}

// The failed file may end in half a line; nobody writes to it afterwards.
void SegmentLog::fail_segment(Segment& segment, const Error& error) {
  if (segment.failed.exchange(true)) return;
  log::error("audit_not_writable", {{"segment", segment.name}, {"why", error.message}});
  {
    std::scoped_lock lock(sync_mutex_);
    last_error_ = error.message;
  }
  wake();
}

Error SegmentLog::unavailable() const {
  std::scoped_lock lock(sync_mutex_);
  return Error{.code = ErrorCode::audit_unavailable,
               .origin = Origin::store,
               .retry = Retry::never,
               .message =
                   "The audit log cannot be written; requests that cannot be recorded are "
                   "not run.",
               .mend =
                   "Check the space and the health of the disk that holds the audit folder; "
                   "the gateway resumes by itself.",
               .why = last_error_};
}

SegmentLog::Synced SegmentLog::synced(std::uint64_t ticket) const {
  const auto point = sync_points_.find(static_cast<std::uint32_t>(ticket >> ticket_entry_bits));
  if (point == sync_points_.end()) return Synced::yes;
  if ((ticket & ticket_entry_mask) <= point->second.synced) return Synced::yes;
  return point->second.failed ? Synced::never : Synced::not_yet;
}

void SegmentLog::on_synced(std::uint64_t ticket, std::move_only_function<void(Result<void>)> done) {
  Synced state = Synced::yes;
  if (options_.durability == Durability::strict) {
    std::scoped_lock lock(sync_mutex_);
    state = synced(ticket);
    if (state == Synced::not_yet) waiters_.push_back({ticket, std::move(done)});
  }
  switch (state) {
    case Synced::yes:
      return done({});
    case Synced::never:
      return done(fail(unavailable()));
    case Synced::not_yet:
      return wake();
  }
}

Log::Health SegmentLog::health() const {
  Health health;
  const SegmentPtr segment = current();
  health.writable = segment && !segment->failed;
  const std::uint64_t settled = settled_;  // first: it never overtakes entries_
  health.entries = entries_;
  health.unsynced = health.entries - settled;
  const std::int64_t syncing = syncing_since_, dirty = dirty_since_;
  const std::int64_t since = syncing != 0 ? syncing : dirty;
  if (health.unsynced > 0 && since != 0) {
    health.oldest_unsynced = clock_.mono().time_since_epoch() - Duration(since);
  }
  std::scoped_lock lock(sync_mutex_);
  health.last_error = last_error_;
  return health;
}

std::vector<SegmentInfo> SegmentLog::segments() const {
  std::scoped_lock lock(segments_mutex_);
  return segments_;
}

Result<EventPage> SegmentLog::lookup(const EventQuery& query) {
  return lookup_events(*disk_, segments(), query, clock_.wall());
}

Result<std::optional<json::object>> SegmentLog::find(std::string_view request_id) {
  return find_request(*disk_, segments(), request_id, clock_.wall());
}

Result<Unattested> SegmentLog::unattested() {
  return find_unattested(*disk_, segments());
}

Result<std::vector<json::object>> SegmentLog::service_events(std::optional<WallTime> start,
                                                             std::size_t max) {
  return newest_service_events(*disk_, segments(), start, max);
}

}  // namespace tidegate::audit
