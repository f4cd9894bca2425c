#include "audit/verify_batches.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "audit/document.hpp"
#include "audit/join.hpp"
#include "audit/lines.hpp"
#include "audit/opened_entries.hpp"
#include "audit/segment.hpp"

namespace tidegate::audit {
namespace {

class Verifier {
 public:
  Verifier(Disk& disk, KeyTrust& trust) : opened_(disk), trust_(trust) {}

  // Errors: audit_unavailable.
  Result<void> look_at(const std::string& file, const Line& line) {
    const auto frame = recover_frame(line.text);
    if (!frame) return {};
    newest_ = std::max(newest_, frame->at);
    if (frame->kind == kind::endorsement) {
      ++report_.endorsements;
      if (const auto learned = trust_.learn(frame->body); !learned) {
        find(file, line, "an endorsement is not believed: " + learned.error().why);
      }
    } else if (frame->kind == kind::batch) {
      look_at_batch(file, line, *frame);
    } else if (frame->kind == kind::closed) {
      TRY(const OpenedEntries::Whole whole, opened_.whole(file, line, *frame));
      if (!whole.broken.empty()) find(file, line, whole.broken);
      const bool awaits = whole.frame && frame->body.contains(R"("token":")");
      if (awaits) look_at_record(file, line, *whole.frame);
    } else if (frame->kind == kind::segment) {
      look_at_version(file, line, *frame);
    }
    return {};
  }

  BatchReport finish() {
    using std::chrono::microseconds, std::chrono::duration_cast;
    const std::int64_t late =
        newest_ - duration_cast<microseconds>(limits::attestation_overdue).count();
    for (const auto& [duty, book] : books_) {
      BatchReport::Count& count = count_of(duty.of);
      for (const auto& [leaf, waiting] : book.waiting) {
        if (waiting.ended >= late) {
          ++count.pending;
          continue;
        }
        ++count.missing;
        add(fmt::format("request {}: its {} in no batch that {} signed for {}", waiting.request_id,
                        duty.of == attest::Of::attestations ? "attestation is" : "token is",
                        duty.signer, duty.peer));
      }
      report_.unrecorded += book.early.size();
    }
    return std::move(report_);
  }

 private:
  struct Waiting {
    std::int64_t ended;  // microseconds
    std::string request_id;
  };
  // Of the batches of one signer for one peer: no other's settles what is waited for here.
  struct Book {
    std::map<Sha256, Waiting> waiting;
    std::set<Sha256> early;  // their record has not been read yet, or never will be
  };

  BatchReport::Count& count_of(attest::Of of) {
    return of == attest::Of::attestations ? report_.attestations : report_.tokens;
  }

  void look_at_version(const std::string& file, const Line& line, const Frame& frame) {
    const auto said = json::parse(frame.body);
    const json::object* first = said ? said->if_object() : nullptr;
    const auto version = first ? json::find_int(*first, "formatVersion") : std::nullopt;
    if (version && *version > segment_format_version) {
      find(file, line, "the file is of a newer version of tidegate than this one");
    }
  }

  void look_at_record(const std::string& file, const Line& line, const Frame& closed) {
    const auto record = document(closed);
    if (!record) return find(file, line, "a record cannot be read");
    const std::int64_t ended = ended_at(closed, *record);
    for (const AwaitedLeaf& leaf : leaves_of(*record)) await(leaf, closed, ended);
  }

  void look_at_batch(const std::string& file, const Line& line, const Frame& frame) {
    ++report_.batches;
    const auto batch = attest::Batch::from_json(frame.body);
    if (!batch) return find(file, line, batch.error().message);
    if (const auto vouched = trust_.vouches_for(*batch); !vouched) {
      return find(file, line, "a batch's key is not believed: " + vouched.error().why);
    }
    if (!batch->signature_holds()) return find(file, line, "a batch's signature does not hold");
    if (!seen_.insert(sha256(frame.body)).second) return;  // told again after a restart
    Book& book = books_[Duty::of_batch(*batch)];
    for (const Sha256& leaf : batch->leaves) {
      if (book.waiting.erase(leaf) != 0) {
        ++count_of(batch->of).proven;
      } else {
        book.early.insert(leaf);
      }
    }
  }

  void await(const AwaitedLeaf& leaf, const Frame& frame, std::int64_t ended) {
    Book& book = books_[leaf.duty];
    if (book.early.erase(leaf.hash) != 0) {
      ++count_of(leaf.duty.of).proven;
    } else {
      book.waiting.try_emplace(leaf.hash, Waiting{ended, std::string(frame.id)});
    }
  }

  void find(const std::string& file, const Line& line, std::string_view what) {
    add(fmt::format("{} byte {}: {}", file, line.offset, what));
  }
  void add(std::string what) {
    if (report_.findings.size() < limits::verify_findings_max) {
      report_.findings.push_back(std::move(what));
    }
  }

  OpenedEntries opened_;
  KeyTrust& trust_;
  BatchReport report_;
  std::map<Duty, Book> books_;
  std::set<Sha256> seen_;  // ids of batches
  std::int64_t newest_ = 0;
};

}  // namespace

Result<BatchReport> verify_batches(Disk& disk, KeyTrust& trust) {
  TRY(std::vector<std::string> names, disk.list());
  std::erase_if(names, [](const std::string& name) { return !segment_start(name); });
  std::ranges::sort(names);
  Verifier verifier(disk, trust);
  for (const std::string& name : names) {
    ForwardLines lines(disk, name, 0, UINT64_MAX);
    for (;;) {
      TRY(const std::optional<Line> line, lines.next());
      if (!line) break;
      TRY_VOID(verifier.look_at(name, *line));
    }
  }
  return verifier.finish();
}

}  // namespace tidegate::audit
