// The Region's append-only log: segments of JSON lines. append() is one write on the
// caller's thread (its entries survive kill -9 when it returns); a storage thread syncs within
// limits::sync_interval, chains entries by hash and rolls segments. After a failed write or sync
// nothing is accepted until a new segment could be opened: what cannot be recorded is not run.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attest/batch.hpp"
#include "audit/record.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/time.hpp"

namespace tidegate::audit {

// Files, as a port: real ones in store/, memory in tests, which can also fail on demand. A file
// that is open for append, or was when a crash came, may have blank lines behind what was appended:
// a reserve. read() shows them, size() and open_append() do not count them.
class Disk {
 public:
  virtual ~Disk() = default;
  class File {
   public:
    virtual ~File() = default;
    // All or an error; one write; by one thread at a time. After an error a part of `bytes` may
    // stand in the file, and it takes nothing more.
    virtual Result<void> append(std::string_view bytes) = 0;
    virtual Result<void> sync() = 0;  // fdatasync; appends go on meanwhile
    virtual std::uint64_t size() const = 0;
  };
  // Made if it is not there, durably: the folder is synced as well.
  virtual Result<std::unique_ptr<File>> open_append(const std::string& name) = 0;
  // Fewer bytes only at the end of the file.
  virtual Result<std::string> read(const std::string& name, std::uint64_t offset,
                                   std::size_t bytes) = 0;
  virtual Result<std::uint64_t> size(const std::string& name) = 0;
  virtual Result<std::vector<std::string>> list() = 0;  // file names, sorted
  virtual Result<void> remove(const std::string& name) = 0;
  virtual Result<void> truncate(const std::string& name,
                                std::uint64_t size) = 0;  // drops a torn last line
};

enum class Durability : std::uint8_t { relaxed, strict };  // strict: close() waits for the sync

struct LogOptions {
  std::string region;
  Durability durability = Durability::relaxed;
  int retention_days = limits::retention_days_default;
  std::size_t segment_bytes_max = limits::segment_bytes_max;
};

// CloudTrail's LookupEvents, and ours. Times are inclusive and compared in whole seconds, as
// eventTime is written.
struct EventQuery {
  std::string account;                         // required: never another account's records
  std::string attribute_key, attribute_value;  // "EventName" ...; empty: no filter
  std::optional<WallTime> start, end;
  std::size_t max_results = limits::lookup_results_max;
  std::string next_token;
};
struct EventPage {
  std::vector<json::object> records;  // CloudTrail-shaped, newest first
  // Empty: no more. Stays valid across restarts and appends, for the same query. A page may be
  // short (even empty) and still have one: a page reads at most limits::lookup_scan_bytes_max.
  std::string next_token;
};

// Attestations and tokens near the log's end whose signed batch had not come when the log ended.
struct Unattested {
  struct Leaf {
    attest::Of of = attest::Of::attestations;
    std::string region{};  // the destination
    std::string request_id{};
    Sha256 hash{};
  };
  std::vector<Leaf> leaves;
  std::vector<Sha256> batches;  // SHA-256 of the text of those that did come
};

struct Segment;

class Log {
 public:
  // Opens (and, after a crash, repairs: a torn last line is cut, opened entries without a closed
  // one are closed as "Interrupted"). A disk that cannot be written now gives a log that is not
  // writable yet (health() says why) and resumes by itself; one that cannot be read is an error.
  // The clock must outlive it.
  static Result<std::unique_ptr<Log>> open(std::unique_ptr<Disk> disk, Clock& clock,
                                           LogOptions options);
  virtual ~Log() = default;

  // The file that entries go to now. It gets no seal while anybody holds this: hold it for as long
  // as lines are made for it, and no longer.
  struct Target {
    std::shared_ptr<Segment> segment{};  // null: the log is not writable
    WallTime start{};
  };
  virtual Target target() const = 0;

  struct Written {
    std::uint64_t ticket = 0;  // of the last entry, for on_synced()
    OpenedAt at{};             // the first line's place
  };
  // `lines` of append_entry() for that target, `entries` of them, all or none. In strict mode, a
  // closed entry must be followed by on_synced(). Thread-safe. Errors: audit_unavailable.
  virtual Result<Written> append(const Target& target, std::string_view lines,
                                 std::uint64_t entries) = 0;
  Result<Written> append(std::string_view lines, std::uint64_t entries) {
    return append(target(), lines, entries);
  }
  // One entry each.
  Result<Written> append_opened(const Record& record);
  Result<Written> append_closed(const Record& record);
  Result<Written> append_service_event(const ServiceEvent& event);
  // Runs `done` (on the storage thread) once everything up to `ticket` is on disk; in relaxed mode,
  // at once.
  virtual void on_synced(std::uint64_t ticket,
                         std::move_only_function<void(Result<void>)> done) = 0;

  virtual Durability durability() const = 0;
  // Thread-safe, slow: reads files. Not for the workers' threads. A record's "tidegate" member has
  // its `sequence` once the storage thread assigned it. Errors: invalid_lookup_attributes,
  // invalid_time_range, invalid_max_results, invalid_next_token, audit_unavailable.
  virtual Result<EventPage> lookup(const EventQuery& query) = 0;
  // The stored record of one request, whatever account (for the admin socket); nullopt if unknown.
  // While the request runs, its opened entry with outcome "InProgress".
  virtual Result<std::optional<json::object>> find(std::string_view request_id) = 0;
  // Newest first. They belong to the operator: no account's lookup() shows them.
  virtual Result<std::vector<json::object>> service_events(std::optional<WallTime> start,
                                                           std::size_t max) = 0;

  // For a start: what the process before this one still waited for, without what it raised an alarm
  // about. Reads at most limits::unattested_scan_bytes_max.
  virtual Result<Unattested> unattested() = 0;

  // One round of the storage thread's work (sync, chain, roll, retention); a real thread calls it
  // in a loop, a test by hand.
  virtual void tick() = 0;
  // `waker` is called, on the appending thread, when there is new work after a tick (or somebody
  // waits for a sync); it must be cheap. Set it before the first append.
  virtual void set_waker(std::move_only_function<void()> waker) = 0;
  struct Health {
    bool writable = true;
    std::uint64_t entries = 0, unsynced = 0;
    Duration oldest_unsynced{0};
    std::string last_error;
  };
  virtual Health health() const = 0;
};

}  // namespace tidegate::audit
