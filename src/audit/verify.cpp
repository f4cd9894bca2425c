#include "audit/verify.hpp"

#include <algorithm>

#include "audit/chain.hpp"
#include "audit/lines.hpp"

namespace tidegate::audit {
namespace {

class Verifier {
 public:
  Verifier(Disk& disk, std::vector<std::string> names) : disk_(disk), names_(std::move(names)) {}

  Result<ChainReport> run() {
    for (const std::string& name : names_) {
      ForwardLines lines(disk_, name, 0, UINT64_MAX);
      for (;;) {
        TRY(const std::optional<Line> line, lines.next());
        if (!line) break;
        const auto frame = recover_frame(line->text);
        if (!frame || frame->kind != kind::chain) continue;
        if (const auto entry = parse_chain(frame->body)) TRY_VOID(check(*entry));
      }
    }
    for (const std::string& name : names_) {
      if (name < segment_) continue;
      TRY(const std::uint64_t size, disk_.size(name));
      report_.uncovered_bytes += name == segment_ ? size - std::min(size, offset_) : size;
    }
    return report_;
  }

 private:
  void find(const ChainEntry& entry, std::string_view what) {
    report_.findings.push_back(
        fmt::format("{} bytes {} to {}: {}", entry.segment, entry.from, entry.end(), what));
  }

  Result<void> check(const ChainEntry& entry) {
    // Retention removes the oldest segments, never one in the middle; the first range that is left
    // says which hash it follows.
    const bool removed = !names_.empty() && entry.segment < names_.front();
    if (report_.ranges++ == 0) {
      report_.first_sequence = entry.first;
    } else {
      if (entry.previous != hash_) find(entry, "does not follow the range before it");
      if (entry.first != next_) find(entry, "its sequence numbers do not join");
    }
    if (!removed) {
      TRY_VOID(check_place(entry));
      TRY_VOID(check_bytes(entry));
    }
    segment_ = entry.segment;
    offset_ = entry.end();
    hash_ = entry.hash;
    next_ = entry.first + entry.count;
    report_.entries += entry.count;
    return {};
  }

  Result<void> check_place(const ChainEntry& entry) {
    if (entry.segment == segment_) {
      if (entry.from != offset_) find(entry, "leaves a gap or overlaps");
      return {};
    }
    if (entry.from != 0) find(entry, "does not begin at the start of its file");
    if (segment_.empty() || segment_ < names_.front()) {
      if (entry.segment != names_.front()) find(entry, "older files are not covered");
      return {};
    }
    // The file before must be covered to its end, and none may lie between.
    const auto size = disk_.size(segment_);
    if (size && *size != offset_) find(entry, "the file before it is not covered to its end");
    const auto at = std::ranges::upper_bound(names_, segment_);
    if (at == names_.end() || *at != entry.segment) find(entry, "a file before it is not covered");
    return {};
  }

  Result<void> check_bytes(const ChainEntry& entry) {
    if (!std::ranges::binary_search(names_, entry.segment)) {
      find(entry, "the file is missing");
      return {};
    }
    TRY(const std::string bytes,
        disk_.read(entry.segment, entry.from, static_cast<std::size_t>(entry.bytes)));
    if (bytes.size() < entry.bytes) {
      find(entry, "the file is shorter than the range");
    } else if (chain_hash(entry.previous, bytes) != entry.hash) {
      find(entry, "the bytes were changed");
    }
    return {};
  }

  Disk& disk_;
  const std::vector<std::string> names_;
  ChainReport report_;
  std::string segment_;
  std::uint64_t offset_ = 0, next_ = 1;
  Sha256 hash_{};
};

}  // namespace

Result<ChainReport> verify_chain(Disk& disk) {
  TRY(std::vector<std::string> names, disk.list());
  std::erase_if(names, [](const std::string& name) { return !segment_start(name); });
  std::ranges::sort(names);
  return Verifier(disk, std::move(names)).run();
}

}  // namespace tidegate::audit
