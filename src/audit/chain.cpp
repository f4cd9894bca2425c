#include "audit/chain.hpp"

#include <algorithm>

#include "audit/json_writer.hpp"
#include "base/limits.hpp"

namespace tidegate::audit {
namespace {

std::optional<Sha256> find_digest(const json::object& o, std::string_view name) {
  const auto text = json::find_string(o, name);
  const auto bytes = text ? from_hex(*text) : std::nullopt;
  Sha256 digest;
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

}  // namespace

Sha256 chain_hash(const Sha256& previous, std::string_view bytes) {
  std::string both(view(previous));
  both += view(sha256(bytes));
  return sha256(both);
}

std::string chain_line(WallTime now, const ChainEntry& entry) {
  std::string out;
  begin_frame(out, kind::chain, now, "");
  ObjectWriter body(out);
  body.text(R"("segment":)", entry.segment);
  body.number(R"("from":)", static_cast<std::int64_t>(entry.from));
  body.number(R"("bytes":)", static_cast<std::int64_t>(entry.bytes));
  body.number(R"("first":)", static_cast<std::int64_t>(entry.first));
  body.number(R"("count":)", static_cast<std::int64_t>(entry.count));
  body.text(R"("previous":)", to_hex(entry.previous));
  body.text(R"("hash":)", to_hex(entry.hash));
  body.text(R"("oldestOpen":)", entry.oldest_open);
  body.end();
  end_frame(out, 0);
  return out;
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
  std::uint64_t count = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t stop = std::min(bytes.find('\n', at), bytes.size());
    if (const auto frame = recover_frame(bytes.substr(at, stop - at)); frame && frame->is_entry()) {
      ++count;
      range.add(frame->at);
      note(*frame, segment);
    }
    at = stop + 1;
  }
  const bool worth_it =
      count > 0 || extent == Extent::final || bytes.size() == limits::audit_batch_bytes;
  if (bytes.empty() || !worth_it) return std::nullopt;
  return ChainEntry{.segment = segment,
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
  if (frame.kind == kind::opened) {
    if (open_.size() >= limits::audit_open_entries_max) return;
    if (open_.emplace(frame.id, segment).second) ++open_in_[segment];
  } else if (frame.kind == kind::closed) {
    const auto found = open_.find(std::string(frame.id));
    if (found == open_.end()) return;
    const auto in = open_in_.find(found->second);
    if (--in->second == 0) open_in_.erase(in);
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
