// Memory for coroutine frames. A request runs through a few dozen coroutines of the same few sizes,
// on one thread, so each thread keeps the frames it has finished with and hands them out again: a
// frame then costs a few instructions instead of a visit to the heap. Bounded by size class; what
// is larger, or too many, goes to the heap as usual.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

#include "base/limits.hpp"

namespace tidegate::task_detail {

// With a sanitizer every frame is the heap's, so that a use after its end is found.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool keeps_frames = false;
#else
inline constexpr bool keeps_frames = true;
#endif
#else
inline constexpr bool keeps_frames = true;
#endif

class FrameMemory {
 public:
  static void* take(std::size_t size) {
    const std::size_t index = class_of(size);
    if (index >= classes) return ::operator new(size);
    List& list = lists_[index];
    if (Free* frame = list.first) {
      list.first = frame->next;
      --list.size;
      return frame;
    }
    return ::operator new((index + 1) * granule);
  }
  static void give_back(void* frame, std::size_t size) noexcept {
    const std::size_t index = class_of(size);
    if (index >= classes || closed_ || lists_[index].size >= limits::frames_kept_max) {
      return ::operator delete(frame);
    }
    List& list = lists_[index];
    if (!list.first) at_exit();
    list.first = new (frame) Free{list.first};
    ++list.size;
  }

 private:
  static constexpr std::size_t granule = 128, classes = keeps_frames ? 24 : 0;
  struct Free {
    Free* next;
  };
  struct List {
    Free* first;
    std::uint32_t size;
  };
  static std::size_t class_of(std::size_t size) { return (size - 1) / granule; }
  // Makes the thread empty its lists when it ends.
  static void at_exit() {
    struct Emptier {
      ~Emptier() {
        closed_ = true;
        for (List& list : lists_) {
          while (Free* frame = list.first) {
            list.first = frame->next;
            ::operator delete(frame);
          }
        }
      }
    };
    thread_local Emptier emptier;
  }

  // Without constructors and destructors of their own, so that reaching them is one instruction.
  static inline thread_local constinit std::array<List, classes> lists_{};
  static inline thread_local constinit bool closed_ = false;
};

}  // namespace tidegate::task_detail
