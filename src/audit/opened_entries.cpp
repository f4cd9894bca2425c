#include "audit/opened_entries.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "audit/implied.hpp"
#include "base/limits.hpp"

namespace tidegate::audit {
namespace {

// Of {"opened":4711,...}.
std::optional<std::uint64_t> reference_of(std::string_view body) {
  if (!body.starts_with('{')) return std::nullopt;
  body.remove_prefix(1);
  if (!body.starts_with(implied::opened_member)) return std::nullopt;
  body.remove_prefix(implied::opened_member.size());
  std::uint64_t offset = 0;
  const auto number = std::from_chars(body.data(), body.data() + body.size(), offset);
  const std::string_view rest = body.substr(static_cast<std::size_t>(number.ptr - body.data()));
  const bool ends = rest.starts_with(',') || rest.starts_with('}');
  return number.ec == std::errc{} && ends ? std::optional(offset) : std::nullopt;
}

}  // namespace

Result<OpenedEntries::Whole> OpenedEntries::whole(const std::string& segment, const Line& line,
                                                  const Frame& entry) {
  const auto offset = entry.kind == kind::closed ? reference_of(entry.body) : std::nullopt;
  if (!offset) return Whole{.frame = entry};
  const Whole broken{.broken = "the opened entry of a record is not where it says"};
  if (*offset >= line.offset) return broken;
  const auto found = line_at(segment, *offset);
  if (!found) {
    TRY(const std::vector<std::string> names, disk_.list());
    if (std::ranges::find(names, segment) == names.end()) return Whole{};
    return fail(found.error());
  }
  const auto opened = recover_frame(*found);
  if (!opened || opened->kind != kind::opened || opened->id != entry.id) return broken;
  Whole out{.frame = entry};
  out.frame->opened = opened->body;
  return out;
}

Result<std::string_view> OpenedEntries::line_at(const std::string& segment, std::uint64_t offset) {
  TRY(const Block* const block, block_of(segment, offset));
  const auto from = static_cast<std::size_t>(offset - block->offset);
  std::string_view text = block->bytes;
  text.remove_prefix(std::min(from, text.size()));
  if (!text.contains('\n')) {
    TRY(straddling_, read(segment, offset, limits::opened_line_bytes_max));
    text = straddling_;
  }
  const std::size_t feed = text.find('\n');
  return feed == std::string_view::npos ? std::string_view{} : text.substr(0, feed);
}

Result<const OpenedEntries::Block*> OpenedEntries::block_of(const std::string& segment,
                                                            std::uint64_t offset) {
  const std::uint64_t start = offset - offset % limits::opened_block_bytes;
  const auto is_it = [&](const Block& block) {
    return block.offset == start && block.segment == segment;
  };
  if (is_it(blocks_[1])) std::swap(blocks_[0], blocks_[1]);
  if (!is_it(blocks_[0])) {
    TRY(std::string bytes, read(segment, start, limits::opened_block_bytes));
    blocks_[1] = std::exchange(blocks_[0], {segment, start, std::move(bytes)});
  }
  return &blocks_[0];
}

Result<std::string> OpenedEntries::read(const std::string& segment, std::uint64_t offset,
                                        std::size_t bytes) {
  auto out = disk_.read(segment, offset, bytes);
  if (out) bytes_read_ += out->size();
  return out;
}

}  // namespace tidegate::audit
