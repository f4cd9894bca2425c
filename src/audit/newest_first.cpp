#include "audit/newest_first.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace tidegate::audit {
namespace {

constexpr std::int64_t second = 1'000'000;

std::int64_t floor_second(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count() * second;
}

}  // namespace

NewestFirst::Window NewestFirst::window(std::optional<WallTime> start,
                                        std::optional<WallTime> end) {
  Window window;
  if (start) window.first = floor_second(*start);
  if (end) window.last = floor_second(*end) + second - 1;
  return window;
}

bool NewestFirst::Window::contains(std::int64_t micros) const {
  return first <= micros && micros <= last;
}

bool NewestFirst::Window::touches(const SegmentInfo& info) const {
  if (info.state == SegmentInfo::State::growing) return true;
  return !info.range.empty() && info.range.last >= first && info.range.first <= last;
}

NewestFirst::NewestFirst(Disk& disk, const std::vector<SegmentInfo>& segments, Window window,
                         std::optional<Place> before)
    : disk_(disk),
      segments_(segments),
      window_(window),
      before_(std::move(before)),
      index_(segments.size()) {
  if (before_) {
    index_ = static_cast<std::size_t>(
        std::ranges::upper_bound(segments, before_->segment, {}, &SegmentInfo::name) -
        segments.begin());
  }
}

bool NewestFirst::is_gone() {
  const auto names = disk_.list();
  return names && std::ranges::find(*names, segment()) == names->end();
}

Result<bool> NewestFirst::open_previous() {
  while (index_ > 0) {
    --index_;
    if (!window_.touches(segments_[index_])) continue;
    const auto size = disk_.size(segment());
    if (!size && is_gone()) continue;
    TRY(std::uint64_t end, size);
    if (before_ && before_->segment == segment()) end = std::min(end, before_->offset);
    lines_.emplace(disk_, segment(), end);
    return true;
  }
  return false;
}

Result<std::optional<Line>> NewestFirst::next() {
  for (;;) {
    if (!lines_) {
      TRY(const bool opened, open_previous());
      if (!opened) return std::nullopt;
    }
    auto line = lines_->next();
    if (!line && !is_gone()) return line;
    if (line && *line) {
      scanned_ += (*line)->end - (*line)->offset;
      return line;
    }
    lines_.reset();
  }
}

std::optional<std::uint64_t> Sequences::of(const std::string& segment, const Line& line) {
  const bool known =
      range_.segment == segment && range_.from <= line.offset && line.offset < range_.end();
  if (!known) {
    const auto entry = covering(segment, line);
    if (!entry || !load(*entry)) return std::nullopt;
  }
  const auto at = std::ranges::lower_bound(entries_, line.offset);
  if (at == entries_.end() || *at != line.offset) return std::nullopt;
  return range_.first + static_cast<std::uint64_t>(at - entries_.begin());
}

// The chain entry follows its bytes at once, or after what came in while they were synced; for the
// end of a file, at the start of the next one.
std::optional<ChainEntry> Sequences::covering(const std::string& segment, const Line& line) const {
  constexpr std::uint64_t look_ahead = 8 * limits::audit_batch_bytes;
  constexpr int files_max = 3;
  auto info = std::ranges::find(segments_, segment, &SegmentInfo::name);
  std::uint64_t from = line.end;
  for (int files = 0; files < files_max && info != segments_.end(); ++files, ++info, from = 0) {
    ForwardLines lines(disk_, info->name, from, from + look_ahead);
    for (;;) {
      const auto next = lines.next();
      if (!next) return std::nullopt;
      if (!*next) break;
      const auto frame = recover_frame((*next)->text);
      if (!frame || frame->kind != kind::chain) continue;
      auto entry = parse_chain(frame->body);
      if (!entry) continue;
      if (entry->segment > segment) return std::nullopt;
      if (entry->segment == segment && entry->end() > line.offset) return entry;
    }
  }
  return std::nullopt;
}

bool Sequences::load(const ChainEntry& entry) {
  entries_.clear();
  range_ = {};
  ForwardLines lines(disk_, entry.segment, entry.from, entry.end());
  for (;;) {
    const auto line = lines.next();
    if (!line) return false;
    if (!*line) break;
    if (const auto frame = recover_frame((*line)->text); frame && frame->is_entry()) {
      entries_.push_back((*line)->offset);
    }
  }
  range_ = entry;
  return true;
}

}  // namespace tidegate::audit
