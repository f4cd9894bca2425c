// Timers in the order of their time: a binary heap whose entries know their place, so that
// cancelling one removes it at once and memory follows what is pending, not what was. No allocation
// once the vectors have grown.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/loop.hpp"

namespace tidegate::net {

class TimerHeap {
 public:
  TimerId add(MonoTime when, std::move_only_function<void()> work) {
    std::uint32_t slot;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    slots_[slot].work = std::move(work);
    heap_.push_back({when, ++order_, slot});
    slots_[slot].place = heap_.size() - 1;
    rise(heap_.size() - 1);
    // The generation makes an id that has fired or was cancelled harmless, though its slot is used
    // again.
    return (static_cast<TimerId>(slots_[slot].generation) << 32) | slot;
  }

  void cancel(TimerId id) {
    const auto slot = static_cast<std::uint32_t>(id);
    if (slot >= slots_.size() || slots_[slot].generation != id >> 32) return;
    take(slots_[slot].place);
  }

  bool empty() const { return heap_.empty(); }
  MonoTime first() const { return heap_.front().when; }
  std::move_only_function<void()> pop() { return take(0); }

 private:
  struct Entry {
    MonoTime when;
    std::uint64_t order;  // equal times fire in the order of their arrival
    std::uint32_t slot;
    bool before(const Entry& other) const {
      return when != other.when ? when < other.when : order < other.order;
    }
  };
  struct Slot {
    std::move_only_function<void()> work;
    std::size_t place = 0;
    std::uint32_t generation = 1;  // never 0: TimerId 0 is no timer
  };

  std::move_only_function<void()> take(std::size_t place) {
    Slot& slot = slots_[heap_[place].slot];
    free_.push_back(heap_[place].slot);
    if (++slot.generation == 0) slot.generation = 1;
    auto work = std::exchange(slot.work, nullptr);
    const Entry last = heap_.back();
    heap_.pop_back();
    if (place < heap_.size()) {
      put(place, last);
      rise(place);
      sink(slots_[last.slot].place);
    }
    return work;
  }
  void put(std::size_t place, const Entry& entry) {
    heap_[place] = entry;
    slots_[entry.slot].place = place;
  }
  void rise(std::size_t place) {
    const Entry entry = heap_[place];
    while (place > 0 && entry.before(heap_[(place - 1) / 2])) {
      put(place, heap_[(place - 1) / 2]);
      place = (place - 1) / 2;
    }
    put(place, entry);
  }
  void sink(std::size_t place) {
    const Entry entry = heap_[place];
    for (std::size_t child; (child = 2 * place + 1) < heap_.size(); place = child) {
      if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
      if (!heap_[child].before(entry)) break;
      put(place, heap_[child]);
    }
    put(place, entry);
  }

  std::vector<Entry> heap_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::uint64_t order_ = 0;
};

}  // namespace tidegate::net
