// Two ways through the segments that the look-ups share: all lines from the newest back, and from a
// line to the sequence number that the chain gave it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit/chain.hpp"
#include "audit/lines.hpp"
#include "audit/segment.hpp"

namespace tidegate::audit {

struct Place {
  std::string segment;
  std::uint64_t offset = 0;
};

// Lines from the newest back to the oldest. A file that retention removes meanwhile has no lines.
class NewestFirst {
 public:
  // Whole seconds, inclusive; files whose events all lie outside are passed over.
  struct Window {
    std::int64_t first = INT64_MIN, last = INT64_MAX;
    bool contains(std::int64_t micros) const;
    bool touches(const SegmentInfo& info) const;
  };
  static Window window(std::optional<WallTime> start, std::optional<WallTime> end);

  // `before`: only lines that begin before that place.
  NewestFirst(Disk& disk, const std::vector<SegmentInfo>& segments, Window window,
              std::optional<Place> before = std::nullopt);

  Result<std::optional<Line>> next();
  const std::string& segment() const { return segments_[index_].name; }
  // Bytes of the lines so far.
  std::uint64_t scanned() const { return scanned_; }

 private:
  Result<bool> open_previous();
  bool is_gone();

  Disk& disk_;
  const std::vector<SegmentInfo>& segments_;
  Window window_;
  std::optional<Place> before_;
  std::size_t index_;  // of the open one; the next to open is the one before it
  std::optional<BackwardLines> lines_;
  std::uint64_t scanned_ = 0;
};

// Sequence numbers of entries, from the chain entries that follow them. Keeps the last range, since
// neighbours are asked for one after another.
class Sequences {
 public:
  Sequences(Disk& disk, const std::vector<SegmentInfo>& segments)
      : disk_(disk), segments_(segments) {}
  // nullopt: not covered yet (the last milliseconds), or not readable.
  std::optional<std::uint64_t> of(const std::string& segment, const Line& line);

 private:
  std::optional<ChainEntry> covering(const std::string& segment, const Line& line) const;
  bool load(const ChainEntry& entry);

  Disk& disk_;
  const std::vector<SegmentInfo>& segments_;
  ChainEntry range_;
  std::vector<std::uint64_t> entries_;  // offsets of the entries in range_
};

}  // namespace tidegate::audit
