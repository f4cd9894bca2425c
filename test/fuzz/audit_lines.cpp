// A file of the audit log in any state: read forwards and backwards it has the same lines, its
// frames are recognised alike by both readers, and the chain's checker and a start's recovery come
// to an end.
#include "audit/lines.hpp"

#include <algorithm>
#include <ranges>

#include "audit/document.hpp"
#include "audit/frame.hpp"
#include "audit/memory_disk.hpp"
#include "audit/opened_entries.hpp"
#include "audit/recovery.hpp"
#include "audit/verify.hpp"
#include "fuzz.hpp"

namespace audit = tidegate::audit;

namespace {

template <class Reader>
std::vector<std::string> lines_of(Reader reader) {
  std::vector<std::string> out;
  for (;;) {
    const auto line = reader.next();
    CHECK(line.has_value());
    if (!*line) return out;
    out.emplace_back((*line)->text);
  }
}

constexpr const char* name = "audit-20260608T091502123456Z.jsonl";

// What a start and an auditor make of a file that holds `bytes`; recovery may mend it, so the
// auditor comes first.
void read(std::string bytes) {
  auto files = std::make_shared<audit::MemoryFiles>();
  files->set_bytes(name, std::move(bytes));
  audit::MemoryDisk disk(files);
  (void)audit::verify_chain(disk);
  if (audit::recover(disk, {})) CHECK(audit::recover(disk, {}).has_value());
}

// Each line as the document of a whole frame, of a kind that its first byte chooses: what lies
// behind the CRC.
std::string framed(const std::vector<std::string>& lines) {
  namespace kind = audit::kind;
  constexpr std::string_view kinds[] = {kind::opened,  kind::closed, kind::service,
                                        kind::segment, kind::chain,  kind::seal};
  std::string out;
  for (const std::string& line : lines) {
    if (line.empty()) continue;
    const auto chosen = kinds[static_cast<unsigned char>(line.front()) % std::size(kinds)];
    out += audit::frame_line(chosen, {}, "id", std::string_view(line).substr(1));
  }
  return out;
}

}  // namespace

FUZZ_TARGET(data, size) {
  const std::string_view text = tidegate::fuzz::text(data, size);
  auto files = std::make_shared<audit::MemoryFiles>();
  files->set_bytes(name, std::string(text));
  audit::MemoryDisk disk(files);

  const auto forwards = lines_of(audit::ForwardLines(disk, name, 0, std::string::npos));
  auto backwards = lines_of(audit::BackwardLines(disk, name, size));
  std::ranges::reverse(backwards);
  CHECK(forwards == backwards);
  for (const std::string& line : forwards) {
    const auto frame = audit::parse_frame(line);
    const auto recovered = audit::recover_frame(line);
    if (frame) CHECK(recovered && recovered->kind == frame->kind && recovered->body == frame->body);
  }
  read(std::string(text));
  const std::string entries = framed(forwards);
  for (const auto line : std::views::split(std::string_view(entries), '\n')) {
    if (const auto frame = audit::parse_frame(std::string_view(line)))
      (void)audit::document(*frame);
  }
  // The same with one opened entry in front, which closed ones may name.
  const std::string front = audit::frame_line(audit::kind::opened, {}, "id", R"({"arn":"a"})");
  files->set_bytes(name, front + entries);
  audit::OpenedEntries opened(disk);
  for (audit::ForwardLines lines(disk, name, 0, std::string::npos);;) {
    const auto line = lines.next();
    if (!line || !*line) break;
    const auto frame = audit::parse_frame((*line)->text);
    if (!frame) continue;
    const auto whole = opened.whole(name, **line, *frame);
    CHECK(whole && whole->frame.has_value() != !whole->broken.empty());
    if (whole->frame) (void)audit::document(*whole->frame);
  }
  read(entries);
  return 0;
}
