// One line of a segment: {"t":"closed","at":1780909502123456,"id":"...","e":{...},"crc":"1a2b3c4d"}
// Any JSON tool can read it; ours reads the front without parsing the document in "e". The CRC-32C
// covers every byte before `,"crc"`, so a torn, merged or damaged line is recognised for what it
// is. Kinds are an open set: readers skip those they do not know, the chain counts and covers them.
// docs/decisions/0003-audit-log.md has the format.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/buffer.hpp"
#include "base/time.hpp"

namespace tidegate::audit {

namespace kind {
// Entries: they have sequence numbers.
inline constexpr std::string_view opened = "opened";
inline constexpr std::string_view closed = "closed";
inline constexpr std::string_view service = "service";
inline constexpr std::string_view batch = "batch";              // signed attestations, or tokens
inline constexpr std::string_view endorsement = "endorsement";  // of the key of later batches
// The log's own: they have none.
inline constexpr std::string_view segment = "segment";  // first line of a file
inline constexpr std::string_view chain = "chain";      // covers a range of earlier bytes
inline constexpr std::string_view seal = "seal";        // last line of a finished file
}  // namespace kind

struct Frame {
  std::string_view kind;
  std::int64_t at = 0;    // microseconds since 1970, UTC: the event's time
  std::string_view id;    // of the request or the event; empty for the log's own lines
  std::string_view body;  // the JSON document
  // Of a closed entry that leaves it to its opened one: that one's document (OpenedEntries).
  std::string_view opened{};

  bool is_entry() const {
    return kind != kind::segment && kind != kind::chain && kind != kind::seal;
  }
  WallTime time() const { return WallTime(std::chrono::microseconds(at)); }
};

// Everything up to and including `"e":`; then append the document, then end_frame().
void begin_frame(Buffer& out, std::string_view kind, WallTime at, std::string_view id);
// `start` is where begin_frame() began. Adds the CRC and the line feed.
void end_frame(Buffer& out, std::size_t start);

// One line of the log's own, or of a test: begin_frame(), `body`, end_frame().
std::string frame_line(std::string_view kind, WallTime at, std::string_view id,
                       std::string_view body);

// `line` without its line feed. nullopt: not a whole line of ours.
std::optional<Frame> parse_frame(std::string_view line);
// The same, but of a line that begins with the torn front of another (a short write, and then
// somebody else's whole line), the whole one.
std::optional<Frame> recover_frame(std::string_view line);

// Of a line that this process wrote and still has in memory: takes its word, and not its CRC's.
std::optional<Frame> trusted_frame(std::string_view line);

}  // namespace tidegate::audit
