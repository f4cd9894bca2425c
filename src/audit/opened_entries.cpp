#include "audit/opened_entries.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "audit/implied.hpp"
#include "base/limits.hpp"

namespace tidegate::audit {
namespace {

struct Reference {
  std::uint64_t offset = 0;
  std::string_view rest{};  // of the closed entry's body: ",...}" or "}"
};

// Of {"opened":4711,...}.
std::optional<Reference> reference_of(std::string_view body) {
  if (!body.starts_with('{')) return std::nullopt;
  body.remove_prefix(1);
  if (!body.starts_with(implied::opened_member)) return std::nullopt;
  body.remove_prefix(implied::opened_member.size());
  Reference out;
  const auto number = std::from_chars(body.data(), body.data() + body.size(), out.offset);
  out.rest = body.substr(static_cast<std::size_t>(number.ptr - body.data()));
  const bool ends = out.rest.starts_with(',') || out.rest == "}";
  return number.ec == std::errc{} && ends ? std::optional(out) : std::nullopt;
}

}  // namespace

Result<std::optional<Frame>> OpenedEntries::whole(const std::string& segment, const Frame& entry) {
  if (entry.kind != kind::closed) return entry;
  const auto reference = reference_of(entry.body);
  if (!reference) return entry;
  const auto line = line_at(segment, reference->offset);
  if (!line) {
    TRY(const std::vector<std::string> names, disk_.list());
    if (std::ranges::find(names, segment) == names.end()) return std::nullopt;
    return fail(line.error());
  }
  const auto opened = parse_frame(*line);
  if (!opened || opened->kind != kind::opened || opened->id != entry.id ||
      !opened->body.ends_with('}')) {
    return fail(ErrorCode::malformed_json, "the opened entry of a record is not where it says");
  }
  body_ = opened->body.substr(0, opened->body.size() - 1);
  body_ += reference->rest.substr(body_ == "{" && reference->rest != "}" ? 1 : 0);
  Frame out = entry;
  out.body = body_;
  return out;
}

Result<std::string_view> OpenedEntries::line_at(const std::string& segment, std::uint64_t offset) {
  TRY(const Block* const block, block_of(segment, offset));
  const auto from = static_cast<std::size_t>(offset - block->offset);
  std::string_view text = block->bytes;
  text.remove_prefix(std::min(from, text.size()));
  if (!text.contains('\n')) {
    TRY(straddling_, disk_.read(segment, offset, limits::lookup_block_bytes));
    text = straddling_;
  }
  const std::size_t feed = text.find('\n');
  return feed == std::string_view::npos ? std::string_view{} : text.substr(0, feed);
}

Result<const OpenedEntries::Block*> OpenedEntries::block_of(const std::string& segment,
                                                            std::uint64_t offset) {
  const std::uint64_t start = offset - offset % limits::lookup_block_bytes;
  const auto is_it = [&](const Block& block) {
    return block.offset == start && block.segment == segment;
  };
  if (is_it(blocks_[1])) std::swap(blocks_[0], blocks_[1]);
  if (!is_it(blocks_[0])) {
    TRY(std::string bytes, disk_.read(segment, start, limits::lookup_block_bytes));
    blocks_[1] = std::exchange(blocks_[0], {segment, start, std::move(bytes)});
  }
  return &blocks_[0];
}

}  // namespace tidegate::audit
