#include "audit/verify_batches.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "audit/document.hpp"
#include "audit/join.hpp"
#include "audit/lines.hpp"
#include "audit/segment.hpp"

namespace tidegate::audit {
namespace {

class Verifier {
 public:
  explicit Verifier(KeyTrust& trust) : trust_(trust) {}

  void look_at(const std::string& file, const Line& line) {
    const auto frame = recover_frame(line.text);
    if (!frame) return;
    newest_ = std::max(newest_, frame->at);
    if (frame->kind == kind::endorsement) {
      ++report_.endorsements;
      if (const auto learned = trust_.learn(frame->body); !learned) {
        find(file, line, "an endorsement is not believed: " + learned.error().why);
      }
    } else if (frame->kind == kind::batch) {
      look_at_batch(file, line, *frame);
    } else if (frame->kind == kind::closed && frame->body.contains(R"("token":")")) {
      const auto record = document(*frame);
      if (!record) return find(file, line, "a record cannot be read");
      for (const AwaitedLeaf& leaf : leaves_of(*record)) await(leaf, *frame);
    }
  }

  BatchReport finish() {
    using std::chrono::microseconds, std::chrono::duration_cast;
    const std::int64_t late =
        newest_ - duration_cast<microseconds>(limits::attestation_overdue).count();
    for (const auto& [leaf, waiting] : waiting_) {
      BatchReport::Count& count = count_of(waiting.of);
      if (waiting.at >= late) {
        ++count.pending;
        continue;
      }
      ++count.missing;
      add(fmt::format("request {}: its {} in no signed batch", waiting.request_id,
                      waiting.of == attest::Of::attestations ? "attestation is" : "token is"));
    }
    report_.unrecorded = early_.size();
    return std::move(report_);
  }

 private:
  struct Waiting {
    attest::Of of;
    std::int64_t at;  // microseconds
    std::string request_id;
  };

  BatchReport::Count& count_of(attest::Of of) {
    return of == attest::Of::attestations ? report_.attestations : report_.tokens;
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
    for (const Sha256& leaf : batch->leaves) {
      if (const auto found = waiting_.find(leaf);
          found != waiting_.end() && found->second.of == batch->of) {
        ++count_of(batch->of).proven;
        waiting_.erase(found);
      } else {
        early_.insert(leaf);
      }
    }
  }

  void await(const AwaitedLeaf& leaf, const Frame& frame) {
    if (early_.erase(leaf.hash) != 0) {
      ++count_of(leaf.of).proven;
    } else {
      waiting_.try_emplace(leaf.hash, Waiting{leaf.of, std::max(frame.at, leaf.at_ms * 1'000),
                                              std::string(frame.id)});
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

  KeyTrust& trust_;
  BatchReport report_;
  std::map<Sha256, Waiting> waiting_;
  std::set<Sha256> early_;  // leaves whose record has not been read yet, or never will be
  std::set<Sha256> seen_;   // ids of batches
  std::int64_t newest_ = 0;
};

}  // namespace

Result<BatchReport> verify_batches(Disk& disk, KeyTrust& trust) {
  TRY(std::vector<std::string> names, disk.list());
  std::erase_if(names, [](const std::string& name) { return !segment_start(name); });
  std::ranges::sort(names);
  Verifier verifier(trust);
  for (const std::string& name : names) {
    ForwardLines lines(disk, name, 0, UINT64_MAX);
    for (;;) {
      TRY(const std::optional<Line> line, lines.next());
      if (!line) break;
      verifier.look_at(name, *line);
    }
  }
  return verifier.finish();
}

}  // namespace tidegate::audit
