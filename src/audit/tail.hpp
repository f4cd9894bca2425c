// The newest bytes of a segment in memory, so that the chain need not read back what was written a
// moment ago. It is a cache of the file: where it has nothing, the file has it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/limits.hpp"

namespace tidegate::audit {

class Tail {
 public:
  // What was just written behind everything before. Too much to keep is forgotten.
  void add(std::string_view bytes) {
    if (bytes_.size() + bytes.size() > limits::audit_tail_bytes_max) {
      from_ = end() + bytes.size();
      bytes_.clear();
    } else {
      bytes_ += bytes;
    }
  }
  // Takes all of `newer`, which goes on behind it.
  void take(Tail& newer) {
    if (newer.bytes_.empty()) return;
    const bool joins =
        end() == newer.from_ && bytes_.size() + newer.bytes_.size() <= limits::audit_tail_bytes_max;
    if (bytes_.empty() || !joins) {
      bytes_.swap(newer.bytes_);
      from_ = newer.from_;
    } else {
      bytes_ += newer.bytes_;
    }
    newer.from_ = end();
    newer.bytes_.clear();
    if (newer.bytes_.capacity() > limits::audit_batch_bytes) newer.bytes_.shrink_to_fit();
  }
  // What it has from `offset` on; empty: read the file.
  std::string_view since(std::uint64_t offset) const {
    if (offset < from_ || offset >= end()) return {};
    return std::string_view(bytes_).substr(static_cast<std::size_t>(offset - from_));
  }
  void forget_before(std::uint64_t offset) {
    if (offset <= from_) return;
    bytes_.erase(0, static_cast<std::size_t>(std::min(offset, end()) - from_));
    from_ = offset;
  }

 private:
  std::uint64_t end() const { return from_ + bytes_.size(); }
  std::uint64_t from_ = 0;  // the offset of bytes_ in the file
  std::string bytes_;
};

}  // namespace tidegate::audit
