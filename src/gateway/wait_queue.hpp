// Requests that wait for capacity, in order of arrival, one queue a row: nobody overtakes, and a
// row that is full does not hold up another. One worker's thread.
#pragma once

#include <list>
#include <map>
#include <string>

#include "base/loop.hpp"

namespace tidegate::gateway {

class WaitQueues {
 public:
  explicit WaitQueues(Loop& loop) : loop_(loop) {}

  class Place {
   public:
    Place(WaitQueues& queues, std::string row)
        : queues_(queues), row_(std::move(row)), event_(queues.loop_) {
      auto& queue = queues_.queues_[row_];
      where_ = queue.insert(queue.end(), this);
      ++queues_.size_;
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      auto& queue = queues_.queues_[row_];
      const bool was_first = queue.front() == this;
      queue.erase(where_);
      --queues_.size_;
      if (queue.empty()) {
        queues_.queues_.erase(row_);
      } else if (was_first) {
        queue.front()->event_.set();  // what this one did not take may be enough for the next
      }
    }
    bool first() const { return queues_.queues_.at(row_).front() == this; }
    Event& event() { return event_; }

   private:
    friend class WaitQueues;
    WaitQueues& queues_;
    std::string row_;
    Event event_;
    std::list<Place*>::iterator where_;
  };

  bool empty(const std::string& row) const { return !queues_.contains(row); }
  std::size_t size() const { return size_; }
  // The first of every row may try again.
  void wake() {
    for (auto& [row, queue] : queues_) queue.front()->event_.set();
  }

 private:
  Loop& loop_;
  std::map<std::string, std::list<Place*>> queues_;
  std::size_t size_ = 0;
};

}  // namespace tidegate::gateway
