// From a closed entry to the opened one of its request. Where both stand in one file, what both
// would say is in the opened one only; the closed one names its place, and a reader gets the two
// here. A closed entry in another file says all itself: files live and fail on their own.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/frame.hpp"
#include "audit/lines.hpp"
#include "audit/log.hpp"

namespace tidegate::audit {

class OpenedEntries {
 public:
  explicit OpenedEntries(Disk& disk) : disk_(disk) {}

  struct Whole {
    std::optional<Frame> frame{};  // with Frame::opened, valid until the next call
    std::string broken{};          // else: why there is none; empty: the file was just removed
  };
  // `entry`, of that line of `segment`, with what its opened entry says. Any that names none is
  // whole as it is. Errors: audit_unavailable.
  Result<Whole> whole(const std::string& segment, const Line& line, const Frame& entry);
  // Read from files so far.
  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  struct Block {
    std::string segment{};
    std::uint64_t offset = 0;
    std::string bytes{};
  };

  // The line that begins there, without its line feed; empty: none does.
  Result<std::string_view> line_at(const std::string& segment, std::uint64_t offset);
  Result<const Block*> block_of(const std::string& segment, std::uint64_t offset);
  Result<std::string> read(const std::string& segment, std::uint64_t offset, std::size_t bytes);

  Disk& disk_;
  // Requests that run at the same time lie on both sides of a block's end.
  std::array<Block, 2> blocks_{};
  std::string straddling_;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace tidegate::audit
