// From a closed entry to the opened one of its request. Where both stand in one file, what both
// would say is in the opened one only; the closed one names its place, and a reader puts the two
// together here. A closed entry in another file says all itself: files live and fail on their own.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/buffer.hpp"
#include "audit/frame.hpp"
#include "audit/log.hpp"

namespace tidegate::audit {

class OpenedEntries {
 public:
  explicit OpenedEntries(Disk& disk) : disk_(disk) {}

  // `entry`, which stands in `segment`, as if it had been written whole: the members of its opened
  // entry, then its own. One that names none is returned as it is. The body is valid until the next
  // call. nullopt: the file has just been removed. Errors: malformed_json (there is no such opened
  // entry), audit_unavailable.
  Result<std::optional<Frame>> whole(const std::string& segment, const Frame& entry);

 private:
  struct Block {
    std::string segment{};
    std::uint64_t offset = 0;
    std::string bytes{};
  };

  // The line that begins there, without its line feed; empty: none does.
  Result<std::string_view> line_at(const std::string& segment, std::uint64_t offset);
  Result<const Block*> block_of(const std::string& segment, std::uint64_t offset);

  Disk& disk_;
  // Requests that run at the same time lie on both sides of a block's end.
  std::array<Block, 2> blocks_{};
  std::string straddling_, body_;
};

}  // namespace tidegate::audit
