#include "audit/lines.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace tidegate::audit {

ForwardLines::ForwardLines(Disk& disk, std::string name, std::uint64_t offset, std::uint64_t end)
    : disk_(disk), name_(std::move(name)), end_(end), block_offset_(offset) {}

// Keeps the begun line and adds a block to it.
Result<void> ForwardLines::refill() {
  block_.erase(0, at_);
  block_offset_ += at_;
  at_ = 0;
  const std::uint64_t from = block_offset_ + block_.size();
  const std::uint64_t left = end_ > from ? end_ - from : 0;
  const std::uint64_t wanted = std::min<std::uint64_t>(limits::lookup_block_bytes, left);
  TRY(const std::string more, disk_.read(name_, from, static_cast<std::size_t>(wanted)));
  block_ += more;
  exhausted_ = more.size() < wanted || from + more.size() >= end_;
  return {};
}

Result<std::optional<Line>> ForwardLines::next() {
  for (;;) {
    const std::size_t feed = block_.find('\n', at_);
    const bool oversized =
        feed == std::string::npos && block_.size() - at_ > limits::audit_line_bytes_max;
    if (feed != std::string::npos || oversized) {
      const std::size_t stop = oversized ? block_.size() : feed;
      const std::size_t next = oversized ? stop : stop + 1;
      const Line line{.text = std::string_view(block_).substr(at_, stop - at_),
                      .offset = block_offset_ + at_,
                      .end = block_offset_ + next};
      at_ = next;
      return line;
    }
    if (exhausted_) return std::nullopt;
    TRY_VOID(refill());
  }
}

BackwardLines::BackwardLines(Disk& disk, std::string name, std::uint64_t end)
    : disk_(disk), name_(std::move(name)), block_offset_(end) {}

Result<std::optional<Line>> BackwardLines::next() {
  for (;;) {
    // block_[at_ - 1] is the line feed of the next line to answer; what is before it, back to the
    // line feed of the one before, is the line.
    if (at_ > 0) {
      const std::size_t last = at_ - 1;
      const std::size_t before = last == 0 ? std::string::npos : block_.rfind('\n', last - 1);
      const bool whole = before != std::string::npos || block_offset_ == 0;
      if (whole || at_ > limits::audit_line_bytes_max) {
        const std::size_t begin = before == std::string::npos ? 0 : before + 1;
        const Line line{.text = std::string_view(block_).substr(begin, last - begin),
                        .offset = block_offset_ + begin,
                        .end = block_offset_ + at_};
        at_ = begin;
        return line;
      }
    }
    if (block_offset_ == 0) return std::nullopt;
    const std::uint64_t from =
        block_offset_ - std::min<std::uint64_t>(block_offset_, limits::lookup_block_bytes);
    const auto wanted = static_cast<std::size_t>(block_offset_ - from);
    TRY(std::string earlier, disk_.read(name_, from, wanted));
    if (earlier.size() < wanted) {
      return fail(ErrorCode::audit_unavailable, "The audit segment " + name_ + " became shorter.");
    }
    block_.resize(at_);
    block_.insert(0, earlier);
    block_offset_ = from;
    at_ += earlier.size();
    if (torn_tail_) {
      const std::size_t feed = block_.rfind('\n', at_ - 1);
      if (feed != std::string::npos) {
        at_ = feed + 1;
        torn_tail_ = false;
      } else {
        at_ = 0;
      }
    }
  }
}

}  // namespace tidegate::audit
