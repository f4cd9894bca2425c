// A worker's way into the audit log. What the requests that are ready in one turn of its loop have
// to record leaves in one write: the first of them comes back behind all that are ready now, writes
// for all, and only then any of them goes on. So an entry stands in the file before its request
// moves, and a failed write refuses every request that was in it.
#pragma once

#include <optional>
#include <vector>

#include "audit/entry.hpp"
#include "audit/log.hpp"
#include "base/limits.hpp"
#include "base/loop.hpp"

namespace tidegate::gateway {

class Journal {
 public:
  Journal(Loop& loop, audit::Log& log) : loop_(loop), log_(log) {}
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Await it at once: the entry is there when it resumes; a ticket for Log::on_synced().
  class [[nodiscard]] Append {
   public:
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      handle_ = handle;
      writes_ = journal_.waiting_.empty();
      journal_.waiting_.push_back(this);
      if (writes_) journal_.loop_.resume_soon(handle);
    }
    Result<std::uint64_t> await_resume() {
      if (!outcome_) journal_.write();
      return *std::move(outcome_);
    }

   private:
    friend class Journal;
    explicit Append(Journal& journal) : journal_(journal) {}
    Journal& journal_;
    std::coroutine_handle<> handle_;
    bool writes_ = false;  // the first of its turn
    std::optional<Result<std::uint64_t>> outcome_;
  };

  // `record` is read before this returns.
  Append append(audit::Stage stage, const audit::Record& record) {
    if (lines_.size() >= limits::journal_bytes_max) write();
    audit::append_entry(lines_, stage, record);
    return Append(*this);
  }

 private:
  void write() {
    const Result<std::uint64_t> outcome = log_.append(lines_.view(), waiting_.size());
    lines_.clear();
    for (Append* waiting : waiting_) {
      waiting->outcome_ = outcome;
      if (!waiting->writes_) loop_.resume_soon(waiting->handle_);
    }
    waiting_.clear();
  }

  Loop& loop_;
  audit::Log& log_;
  audit::Buffer lines_;
  std::vector<Append*> waiting_;  // whose entries are in lines_
};

}  // namespace tidegate::gateway
