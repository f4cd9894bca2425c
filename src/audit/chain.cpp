#include "audit/chain.hpp"

#include <algorithm>

#include "audit/digest.hpp"
#include "audit/json_writer.hpp"
#include "base/limits.hpp"

namespace tidegate::audit {
Sha256 chain_hash(const Sha256& previous, std::string_view bytes) {
  std::string both(view(previous));
  both += view(sha256(bytes));
  return sha256(both);
}

std::string chain_line(WallTime now, const ChainEntry& entry) {
  Buffer out;
  begin_frame(out, kind::chain, now, "");
  ObjectWriter body(out);
  body.text(R"("segment":)", entry.segment);
  body.number(R"("from":)", static_cast<std::int64_t>(entry.from));
  body.number(R"("bytes":)", static_cast<std::int64_t>(entry.bytes));
  body.number(R"("first":)", static_cast<std::int64_t>(entry.first));
  body.number(R"("count":)", static_cast<std::int64_t>(entry.count));
  append_hex(body.member(R"("previous":)"), entry.previous);
  append_hex(body.member(R"("hash":)"), entry.hash);
  body.text(R"("oldestOpen":)", entry.oldest_open);
  body.end();
  end_frame(out, 0);
  return std::string(out.view());
}

std::optional<ChainEntry> parse_chain(std::string_view body) {
  const auto document = json::parse(body);
  const json::object* o = document ? document->if_object() : nullptr;
  if (!o) return std::nullopt;
  const auto segment = json::find_string(*o, "segment");
  const auto from = json::find_int(*o, "from"), bytes = json::find_int(*o, "bytes");
  const auto first = json::find_int(*o, "first"), count = json::find_int(*o, "count");
  const auto previous = find_digest(*o, "previous"), hash = find_digest(*o, "hash");
  if (!segment || !segment_start(*segment) || !previous || !hash) return std::nullopt;
  for (const auto& number : {from, bytes, first, count}) {
    if (!number || *number < 0) return std::nullopt;
  }
  return ChainEntry{.segment = std::string(*segment),
                    .from = static_cast<std::uint64_t>(*from),
                    .bytes = static_cast<std::uint64_t>(*bytes),
                    .first = static_cast<std::uint64_t>(*first),
                    .count = static_cast<std::uint64_t>(*count),
                    .previous = *previous,
                    .hash = *hash,
                    .oldest_open = std::string(json::find_string(*o, "oldestOpen").value_or(""))};
}

Result<std::optional<ChainEntry>> Chain::cover(Disk& disk, const std::string& segment,
                                               std::uint64_t end, Extent extent, TimeRange& range) {
  const auto wanted = std::min<std::uint64_t>(limits::audit_batch_bytes, end - offset_);
  TRY(const std::string block, disk.read(segment, offset_, static_cast<std::size_t>(wanted)));
  std::string_view bytes = block;
  // A range ends with a line, except the last one of a file whose end is torn.
  const bool to_the_end = extent == Extent::final && offset_ + bytes.size() >= end;
  if (!to_the_end) {
    const std::size_t feed = bytes.rfind('\n');
    const bool oversized =
        feed == std::string_view::npos && bytes.size() == limits::audit_batch_bytes;
    if (!oversized) bytes = bytes.substr(0, feed == std::string_view::npos ? 0 : feed + 1);
  }
  const std::uint64_t count = read_lines(bytes, segment, recover_frame, range);
  const bool worth_it =
      count > 0 || extent == Extent::final || bytes.size() == limits::audit_batch_bytes;
  if (bytes.empty() || !worth_it) return std::nullopt;
  return next_entry(segment, bytes, count);
}

std::optional<ChainEntry> Chain::cover(const std::string& segment, std::string_view written,
                                       TimeRange& range) {
  std::string_view bytes = written.substr(0, limits::audit_batch_bytes);
  if (const auto feed = bytes.rfind('\n'); feed != std::string_view::npos) {
    bytes = bytes.substr(0, feed + 1);
  }
  const std::uint64_t count = read_lines(bytes, segment, trusted_frame, range);
  if (count == 0 && bytes.size() == written.size()) return std::nullopt;
  return next_entry(segment, bytes, count);
}

std::uint64_t Chain::read_lines(std::string_view bytes, const std::string& segment,
                                std::optional<Frame> (*read)(std::string_view), TimeRange& range) {
  std::uint64_t entries = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t stop = std::min(bytes.find('\n', at), bytes.size());
    if (const auto frame = read(bytes.substr(at, stop - at)); frame && frame->is_entry()) {
      ++entries;
      range.add(frame->at);
      note(*frame, segment);
    }
    at = stop + 1;
  }
  return entries;
}

ChainEntry Chain::next_entry(const std::string& segment, std::string_view bytes,
                             std::uint64_t count) const {
  return {.segment = segment,
          .from = offset_,
          .bytes = bytes.size(),
          .first = next_,
          .count = count,
          .previous = hash_,
          .hash = chain_hash(hash_, bytes),
          .oldest_open = open_in_.empty() ? segment : open_in_.begin()->first};
}

// Safe to repeat over the same bytes: an entry is opened once and closed once.
void Chain::note(const Frame& frame, const std::string& segment) {
  if (frame.id.size() > Id{}.size()) return;
  if (frame.kind == kind::opened) {
    if (open_.size() >= limits::audit_open_entries_max) return;
    const auto [open, is_new] = open_.try_emplace(id_of(frame.id));
    if (!is_new) return;
    open->second = open_in_.try_emplace(segment, 0).first;
    ++open->second->second;
  } else if (frame.kind == kind::closed) {
    const auto found = open_.find(id_of(frame.id));
    if (found == open_.end()) return;
    if (--found->second->second == 0) open_in_.erase(found->second);
    open_.erase(found);
  }
}

void Chain::commit(const ChainEntry& entry) {
  offset_ = entry.end();
  next_ = entry.first + entry.count;
  hash_ = entry.hash;
}

void Chain::enter(const std::string& segment) {
  segment_ = segment;
  offset_ = 0;
}

}  // namespace tidegate::audit
