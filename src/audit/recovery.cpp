#include "audit/recovery.hpp"

#include <algorithm>
#include <map>

#include "audit/entry.hpp"
#include "audit/lines.hpp"
#include "base/log.hpp"

namespace tidegate::audit {
namespace {

constexpr std::uint64_t to_the_end = UINT64_MAX;

Result<std::optional<ChainEntry>> last_chain_entry_of(Disk& disk, const std::string& segment) {
  TRY(const std::uint64_t size, disk.size(segment));
  BackwardLines lines(disk, segment, size);
  for (;;) {
    TRY(const std::optional<Line> line, lines.next());
    if (!line) return std::nullopt;
    const auto frame = recover_frame(line->text);
    if (!frame || frame->kind != kind::chain) continue;
    if (auto entry = parse_chain(frame->body)) return entry;
  }
}

Result<std::optional<ChainEntry>> last_chain_entry(Disk& disk,
                                                   const std::vector<std::string>& names) {
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    TRY(std::optional<ChainEntry> entry, last_chain_entry_of(disk, *name));
    if (entry) return entry;
  }
  return std::nullopt;
}

// The seal is the last whole line of a finished file.
Result<std::optional<TimeRange>> sealed_range(Disk& disk, const std::string& name) {
  TRY(const std::uint64_t size, disk.size(name));
  BackwardLines lines(disk, name, size);
  TRY(const std::optional<Line> line, lines.next());
  const auto frame = line ? recover_frame(line->text) : std::nullopt;
  if (!frame || frame->kind != kind::seal) return std::nullopt;
  const auto body = json::parse(frame->body);
  if (!body || !body->is_object()) return std::nullopt;
  return parse_seal(body->get_object());
}

// The range of a file that nobody sealed. Cuts what stands behind its last whole line and seals,
// unless the chain vouches for what stands there: `covered` bytes stay as they are, and nothing is
// added to a file that is covered to its end.
Result<TimeRange> finish_segment(Disk& disk, const std::string& name, std::uint64_t covered,
                                 WallTime now) {
  TRY(const std::uint64_t size, disk.size(name));
  TimeRange range;
  std::uint64_t whole = 0;
  ForwardLines lines(disk, name, 0, size);
  for (;;) {
    TRY(const std::optional<Line> line, lines.next());
    if (!line) break;
    const auto frame = recover_frame(line->text);
    if (!frame) continue;
    whole = line->end;
    if (frame->is_entry()) range.add(frame->at);
  }
  if (covered == to_the_end) return range;
  // A disk that does not take the mend now takes it at the next start; reading needs neither.
  if (size > whole && whole >= covered) {
    log::warn("audit_torn_line_cut", {{"segment", name}, {"bytes", size - whole}});
    if (const auto cut = disk.truncate(name, whole); !cut) return range;
  }
  if (auto file = disk.open_append(name)) {
    if ((*file)->append(seal_line(now, range))) (void)(*file)->sync();
  }
  return range;
}

// Opened entries without a closed one, from `from` on, as the closed lines they are owed.
Result<std::vector<std::string>> interrupted_lines(Disk& disk, std::span<const std::string> names) {
  std::map<std::string, std::string, std::less<>> open;  // whole lines
  for (const std::string& name : names) {
    ForwardLines lines(disk, name, 0, to_the_end);
    for (;;) {
      TRY(const std::optional<Line> line, lines.next());
      if (!line) break;
      const auto frame = recover_frame(line->text);
      if (!frame) continue;
      if (frame->kind == kind::opened) {
        open.insert_or_assign(std::string(frame->id), std::string(line->text));
      } else if (frame->kind == kind::closed) {
        if (const auto found = open.find(frame->id); found != open.end()) open.erase(found);
      }
    }
  }
  std::vector<std::string> out;
  for (const auto& [id, line] : open) {
    out.push_back(interrupted_line(*recover_frame(line)));
  }
  return out;
}

}  // namespace

Result<Recovered> recover(Disk& disk, WallTime now) {
  TRY(std::vector<std::string> names, disk.list());
  std::erase_if(names, [](const std::string& name) { return !segment_start(name); });
  std::ranges::sort(names);
  TRY(const std::optional<ChainEntry> last, last_chain_entry(disk, names));

  Recovered out;
  for (const std::string& name : names) {
    TRY(std::optional<TimeRange> range, sealed_range(disk, name));
    if (!range) {
      const std::uint64_t covered = !last || name > last->segment ? 0
                                    : name == last->segment       ? last->end()
                                                                  : to_the_end;
      TRY(range, finish_segment(disk, name, covered, now));
    }
    out.segments.push_back({.name = name, .range = *range, .state = SegmentInfo::State::sealed});
  }

  const auto from = [&](const std::string& name) {
    return std::span<const std::string>(std::ranges::lower_bound(names, name), names.end());
  };
  if (last) out.chain = Chain(*last);
  const auto behind = from(last ? last->segment : "");
  out.chain_behind.assign(behind.begin(), behind.end());
  TRY(out.interrupted, interrupted_lines(disk, from(last ? last->oldest_open : "")));
  if (!out.interrupted.empty()) {
    log::warn("audit_requests_interrupted", {{"count", out.interrupted.size()}});
  }
  return out;
}

}  // namespace tidegate::audit
