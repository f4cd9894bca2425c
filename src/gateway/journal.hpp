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

  // Await it at once: the entry is there when it resumes, in the place that it returns.
  class [[nodiscard]] Append {
   public:
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      handle_ = handle;
      writes_ = journal_.waiting_.empty();
      journal_.waiting_.push_back(this);
      if (writes_) journal_.loop_.resume_soon(handle);
    }
    Result<audit::Log::Written> await_resume() {
      if (!outcome_) journal_.write();
      if (*outcome_) (*outcome_)->at.offset += line_;
      return *std::move(outcome_);
    }

   private:
    friend class Journal;
    Append(Journal& journal, std::size_t line) : journal_(journal), line_(line) {}
    Journal& journal_;
    std::size_t line_;  // where it begins in lines_
    std::coroutine_handle<> handle_;
    bool writes_ = false;  // the first of its turn
    std::optional<Result<audit::Log::Written>> outcome_;
  };

  // `record` is read before this returns.
  Append append(audit::Stage stage, const audit::Record& record) {
    if (lines_.size() >= limits::journal_bytes_max) write();
    if (waiting_.empty()) target_ = log_.target();
    const std::size_t line = lines_.size();
    audit::append_entry(lines_, stage, record, target_.start);
    return Append(*this, line);
  }

 private:
  void write() {
    const auto outcome = log_.append(target_, lines_.view(), waiting_.size());
    target_ = {};
    lines_.clear();
    for (Append* waiting : waiting_) {
      waiting->outcome_ = outcome;
      if (!waiting->writes_) loop_.resume_soon(waiting->handle_);
    }
    waiting_.clear();
  }

  Loop& loop_;
  audit::Log& log_;
  audit::Log::Target target_;  // of lines_
  audit::Buffer lines_;
  std::vector<Append*> waiting_;  // whose entries are in lines_
};

}  // namespace tidegate::gateway
