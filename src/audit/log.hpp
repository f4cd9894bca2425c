// The Region's append-only log: segments of JSON lines. append_*() is one O_APPEND write on the caller's thread (the
// entry survives kill -9 when it returns); a storage thread syncs within limits::sync_interval, chains entries by hash
// and rolls segments. After a failed write or sync nothing is accepted until a new segment could be opened: what cannot
// be recorded is not run.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/record.hpp"
#include "base/error.hpp"
#include "base/loop.hpp"

namespace tidegate::audit {

// Files, as a port: real ones in store/, memory in tests, which can also fail on demand.
class Disk {
 public:
  virtual ~Disk() = default;
  class File {
   public:
    virtual ~File() = default;
    virtual Result<void> append(std::string_view bytes) = 0;   // all or an error; one write; thread-safe
    virtual Result<void> sync() = 0;                            // fdatasync
    virtual std::uint64_t size() const = 0;
  };
  virtual Result<std::unique_ptr<File>> open_append(const std::string& name) = 0;
  virtual Result<std::string> read(const std::string& name, std::uint64_t offset, std::size_t bytes) = 0;
  virtual Result<std::vector<std::string>> list() = 0;          // file names, sorted
  virtual Result<void> remove(const std::string& name) = 0;
  virtual Result<void> truncate(const std::string& name, std::uint64_t size) = 0;   // drops a torn last line
};

enum class Durability : std::uint8_t { relaxed, strict };   // strict: close() waits for the sync

struct LogOptions {
  std::string region;
  Durability durability = Durability::relaxed;
  int retention_days;
  std::size_t segment_bytes_max;
};

// CloudTrail's LookupEvents, and ours.
struct EventQuery {
  std::string account;                         // required: never another account's records
  std::string attribute_key, attribute_value;  // "EventName" ...; empty: no filter
  std::optional<WallTime> start, end;
  std::size_t max_results = 50;
  std::string next_token;
};
struct EventPage {
  std::vector<json::object> records;           // CloudTrail-shaped, newest first
  std::string next_token;                      // empty: no more
};

class Log {
 public:
  // Opens (and, after a crash, repairs: a torn last line is cut, opened entries without a closed one are closed as
  // "Interrupted"). The clock must outlive it.
  static Result<std::unique_ptr<Log>> open(std::unique_ptr<Disk> disk, Clock& clock, LogOptions options);
  virtual ~Log() = default;

  // Thread-safe. Errors: audit_unavailable. `closed` in strict mode must be followed by synced().
  virtual Result<void> append_opened(const Record& record) = 0;
  virtual Result<std::uint64_t> append_closed(const Record& record) = 0;   // a ticket for on_synced
  virtual Result<void> append_service_event(const ServiceEvent& event) = 0;
  // Runs `done` (on the storage thread) once everything up to `ticket` is on disk; in relaxed mode, at once.
  virtual void on_synced(std::uint64_t ticket, std::move_only_function<void(Result<void>)> done) = 0;

  virtual Durability durability() const = 0;
  // Thread-safe, slow: reads files. Not for the workers' threads.
  virtual Result<EventPage> lookup(const EventQuery& query) = 0;
  // The stored record of one request, whatever account (for the admin socket); nullopt if unknown.
  virtual Result<std::optional<json::object>> find(std::string_view request_id) = 0;

  // One round of the storage thread's work (sync, chain, roll, retention); a real thread calls it in a loop, a test by
  // hand.
  virtual void tick() = 0;
  struct Health {
    bool writable = true;
    std::uint64_t entries = 0, unsynced = 0;
    Duration oldest_unsynced{0};
    std::string last_error;
  };
  virtual Health health() const = 0;
};

}  // namespace tidegate::audit
