// A segment: one file of the log. Its name is its start time, so names sort as time does; its first
// line says what it is; its last, once nothing will be added, seals it with the range of its
// events, so that a start reads a few kilobytes of each file and not all of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "audit/frame.hpp"
#include "audit/log.hpp"
#include "audit/tail.hpp"
#include "base/json.hpp"

namespace tidegate::audit {

// "audit-20260608T091502123456Z.jsonl"
std::string segment_name(WallTime start);
std::optional<WallTime> segment_start(std::string_view name);  // nullopt: not a segment's name

// Event times in a segment; empty as long as first > last.
struct TimeRange {
  std::int64_t first = INT64_MAX, last = INT64_MIN;  // microseconds since 1970
  void add(std::int64_t at) {
    if (at < first) first = at;
    if (at > last) last = at;
  }
  bool empty() const { return first > last; }
};

// What readers and retention know of each file. Some 100 bytes a segment are all that is kept.
struct SegmentInfo {
  std::string name;
  TimeRange range;
  enum class State : std::uint8_t { growing, sealed } state = State::growing;
};

// A file that is being written, or was until a moment ago. Shared by the workers that append.
// Writes are few, since each carries what one turn of a worker's loop had to say, so a lock may
// order them: the chain then knows the file's bytes without reading them.
struct Segment {
  std::string name;
  WallTime start{};          // which the name says
  std::uint32_t number = 0;  // of this process's segments, from 1; part of tickets
  std::unique_ptr<Disk::File> file;
  std::mutex write_mutex;                  // held while it is written to, and its tail taken
  std::uint64_t bytes = 0;                 // in the file, as long as nothing failed
  Tail tail;                               // of them, what the storage thread has not taken
  std::atomic<std::uint64_t> written = 0;  // entries whose write returned; the next ticket
  std::atomic<std::uint64_t> synced = 0;   // of them
  std::atomic<bool> failed = false;        // a write or a sync failed: nothing more goes in
  // The storage thread's own.
  std::uint64_t safe_bytes = 0;  // of the file, on disk
  Tail unchained;                // of them, what the chain does not cover
  bool finished = false;         // retired, and sealed where that was possible
  TimeRange range;
  std::optional<std::chrono::sys_days> day;  // of its first entry
};

// 2: a closed entry may leave to its opened one what both say.
inline constexpr int segment_format_version = 2;

// Lines of the log's own.
std::string segment_line(WallTime now, std::string_view region, std::string_view previous_segment);
std::string seal_line(WallTime now, const TimeRange& range);
TimeRange parse_seal(const json::object& body);

}  // namespace tidegate::audit
