// The hash chain over the log. A chain entry covers a range of bytes of one segment:
//   hash = SHA-256(previous hash || SHA-256(the bytes))
// and numbers the entries in it, in file order. Ranges join without a gap from the first byte of
// the oldest segment on; a chain line is itself covered by the next range. So entries need no
// rewriting, workers append without waiting for a number, and a verifier needs the files and
// nothing else.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstring>
#include <map>
#include <optional>
#include <string>

#include "audit/segment.hpp"
#include "base/bytes.hpp"

namespace tidegate::audit {

// What one chain entry says.
struct ChainEntry {
  std::string segment;  // whose bytes are covered
  std::uint64_t from = 0, bytes = 0;
  std::uint64_t first = 1, count = 0;  // sequence numbers first .. first + count - 1
  Sha256 previous{}, hash{};
  // Where the oldest opened entry without a closed one stands: a recovery need not look before it.
  std::string oldest_open;

  std::uint64_t end() const { return from + bytes; }
};

std::string chain_line(WallTime now, const ChainEntry& entry);
// nullopt: not a chain entry of ours.
std::optional<ChainEntry> parse_chain(std::string_view body);

Sha256 chain_hash(const Sha256& previous, std::string_view bytes);

// Driven by the storage thread only.
class Chain {
 public:
  Chain() = default;
  // Continues after `last`.
  explicit Chain(const ChainEntry& last)
      : segment_(last.segment),
        offset_(last.end()),
        next_(last.first + last.count),
        hash_(last.hash) {}

  enum class Extent : std::uint8_t {
    growing,  // stops at the last whole line, and covers nothing where there is no entry
    final     // every byte: nothing will be added
  };
  // The entry that covers what comes next in `segment`, up to `end`; nullopt: nothing to cover.
  // Nothing changes until commit(), so a failed write of the chain line repeats the same range.
  // `range` receives the times of the entries.
  Result<std::optional<ChainEntry>> cover(Disk& disk, const std::string& segment, std::uint64_t end,
                                          Extent extent, TimeRange& range);
  // The same over bytes that are still in memory as they were written: whole lines, from offset()
  // on.
  std::optional<ChainEntry> cover(const std::string& segment, std::string_view written,
                                  TimeRange& range);
  void commit(const ChainEntry& entry);
  // The next range starts with the first byte of `segment`.
  void enter(const std::string& segment);

  const std::string& segment() const { return segment_; }
  std::uint64_t offset() const { return offset_; }
  std::uint64_t next_sequence() const { return next_; }

 private:
  // How many entries there are; notes each.
  std::uint64_t read_lines(std::string_view bytes, const std::string& segment,
                           std::optional<Frame> (*read)(std::string_view), TimeRange& range);
  void note(const Frame& frame, const std::string& segment);
  ChainEntry next_entry(const std::string& segment, std::string_view bytes,
                        std::uint64_t count) const;

  // Of a request, a UUID's 36 characters; a longer one is no id of ours.
  using Id = std::array<char, 36>;
  static Id id_of(std::string_view text) {
    Id id{};
    text.copy(id.data(), id.size());
    return id;
  }
  struct IdHash {
    std::size_t operator()(const Id& id) const {  // its last twelve digits are as random as any
      std::uint64_t eight;
      std::memcpy(&eight, id.data() + id.size() - sizeof eight, sizeof eight);
      return eight;
    }
  };
  using OpenIn = std::map<std::string, std::size_t>;

  std::string segment_;
  std::uint64_t offset_ = 0;
  std::uint64_t next_ = 1;
  Sha256 hash_{};
  // How many opened entries without a closed one a segment has, and where each of them is.
  OpenIn open_in_;
  boost::unordered_flat_map<Id, OpenIn::iterator, IdHash> open_;
};

}  // namespace tidegate::audit
