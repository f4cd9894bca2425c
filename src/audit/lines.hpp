// The lines of one file, forwards or backwards, in blocks: no file is ever read whole. A line
// longer than limits::audit_line_bytes_max is not ours; it is passed over in pieces.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/log.hpp"

namespace tidegate::audit {

struct Line {
  std::string_view text;     // without its line feed; valid until the next call
  std::uint64_t offset = 0;  // of its first byte
  std::uint64_t end = 0;     // behind its line feed
};

class ForwardLines {
 public:
  // Bytes from `offset` (the start of a line) to `end` (npos: to the end of the file).
  ForwardLines(Disk& disk, std::string name, std::uint64_t offset, std::uint64_t end);
  // nullopt at the end; what stands behind the last line feed is not a line.
  Result<std::optional<Line>> next();

 private:
  Result<void> refill();

  Disk& disk_;
  std::string name_;
  std::uint64_t end_;
  std::string block_;
  std::uint64_t block_offset_;
  std::size_t at_ = 0;  // in block_
  bool exhausted_ = false;
};

class BackwardLines {
 public:
  // Bytes from the start of the file to `end`, which stands behind a line feed (or the file's torn
  // tail, which is passed over).
  BackwardLines(Disk& disk, std::string name, std::uint64_t end);
  Result<std::optional<Line>> next();

 private:
  Disk& disk_;
  std::string name_;
  std::string block_;  // bytes [block_offset_, block_offset_ + block_.size())
  std::uint64_t block_offset_;
  std::size_t at_ = 0;  // lines before it in block_ are still to come
  bool torn_tail_ = true;
};

}  // namespace tidegate::audit
