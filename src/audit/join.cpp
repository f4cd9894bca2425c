#include "audit/join.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "attest/attestation.hpp"
#include "attest/merkle.hpp"
#include "audit/digest.hpp"
#include "audit/document.hpp"
#include "audit/lines.hpp"
#include "audit/opened_entries.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"

namespace tidegate::audit {
namespace {

constexpr std::string_view batch_front = R"({"t":"batch")";
// A batch overtakes the record only if it crossed another connection than the answer.
constexpr std::uint64_t look_back_bytes = 4 * limits::audit_batch_bytes;
// No answer takes longer: nothing is pending for ever because a record says that one did.
constexpr std::chrono::milliseconds answer_max = 3'600s;

std::string_view text_at(const json::object& o, std::string_view name) {
  return json::find_string(o, name).value_or("");
}

json::array* attempts_of(json::object& document) {
  json::value* tidegate = document.if_contains("tidegate");
  json::value* attempts =
      tidegate && tidegate->is_object() ? tidegate->get_object().if_contains("attempts") : nullptr;
  return attempts ? attempts->if_array() : nullptr;
}

std::optional<Sha256> leaf_of(const json::object& statement) {
  const auto answer = find_digest(statement, "answer"), body = find_digest(statement, "body"),
             token = find_digest(statement, "token"), row = find_digest(statement, "row");
  if (!answer || !body || !token || !row) return std::nullopt;
  return attest::Attestation{.request_id = text_at(statement, "rid"),
                             .source = text_at(statement, "src"),
                             .destination = text_at(statement, "dst"),
                             .row_hash = *row,
                             .body = *body,
                             .answer = *answer,
                             .token = *token,
                             .outcome = text_at(statement, "outcome"),
                             .at_ms = json::find_int(statement, "t").value_or(0)}
      .leaf();
}

std::optional<attest::Batch> read_batch(std::string_view line) {
  const auto frame = recover_frame(line);
  if (!frame || frame->kind != kind::batch) return std::nullopt;
  auto batch = attest::Batch::from_json(frame->body);
  return batch ? std::optional(*std::move(batch)) : std::nullopt;
}

json::object proof(const attest::Batch& batch, std::size_t index) {
  json::value described = json::parse(batch.to_json()).value();
  described.get_object().erase("leaves");
  json::array path;
  for (const Sha256& node : attest::inclusion_path(batch.leaves, index)) {
    path.emplace_back(to_hex(node));
  }
  return {{"batch", std::move(described)},
          {"index", static_cast<std::int64_t>(index)},
          {"path", std::move(path)}};
}

// The leaves of one record that have not been found in a batch.
class Search {
 public:
  Search(std::vector<AwaitedLeaf> leaves, json::array& attempts)
      : wanted_(std::move(leaves)), attempts_(attempts) {}
  bool done() const { return wanted_.empty(); }
  const std::vector<AwaitedLeaf>& left() const { return wanted_; }

  void look_at(std::string_view line) {
    if (!line.starts_with(batch_front)) return;
    const std::vector<Sha256> leaves = attest::leaves_in(line);
    const auto has = [&](const AwaitedLeaf& one) {
      return std::ranges::find(leaves, one.hash) != leaves.end();
    };
    if (std::ranges::none_of(wanted_, has)) return;
    const auto batch = read_batch(line);
    if (!batch) return;
    const Duty duty = Duty::of_batch(*batch);
    std::erase_if(wanted_, [&](const AwaitedLeaf& one) {
      const auto at = std::ranges::find(batch->leaves, one.hash);
      if (at == batch->leaves.end() || one.duty != duty) return false;
      const bool attestation = batch->of == attest::Of::attestations;
      json::object& attempt = attempts_[one.attempt].get_object();
      if (attestation) attempt["attestationState"] = "attested";
      attempt[attestation ? "attestationProof" : "tokenProof"] =
          proof(*batch, static_cast<std::size_t>(at - batch->leaves.begin()));
      return true;
    });
  }

 private:
  std::vector<AwaitedLeaf> wanted_;
  json::array& attempts_;
};

Result<void> search_forwards(Disk& disk, const std::vector<SegmentInfo>& segments,
                             const Place& place, Search& search) {
  std::uint64_t left = limits::batch_search_bytes_max, from = place.offset;
  for (auto info = std::ranges::find(segments, place.segment, &SegmentInfo::name);
       info != segments.end() && left > 0; ++info, from = 0) {
    ForwardLines lines(disk, info->name, from, from + left);
    for (;;) {
      TRY(const std::optional<Line> line, lines.next());
      if (!line) break;
      left -= std::min(left, line->end - line->offset);
      search.look_at(line->text);
      if (search.done()) return {};
    }
  }
  return {};
}

Result<void> search_backwards(Disk& disk, const Place& place, Search& search) {
  BackwardLines lines(disk, place.segment, place.offset);
  while (!search.done()) {
    TRY(const std::optional<Line> line, lines.next());
    if (!line || place.offset - line->offset > look_back_bytes) break;
    search.look_at(line->text);
  }
  return {};
}

// What the reading of the log's end has seen.
struct Seen {
  struct Owed {
    AwaitedLeaf leaf;
    std::string request_id;
    std::int64_t since = 0;  // microseconds
  };
  std::vector<Owed> leaves;
  std::vector<Sha256> batches;
  std::map<Duty, std::set<Sha256>> signed_leaves;
  std::set<Sha256> alarmed;
  // An alarm names some and counts the others: of a peer, all that were late by then.
  std::map<std::string, std::int64_t, std::less<>> alarmed_up_to;

  // A record with leaves of batches: it has to be whole.
  static bool awaits(const Frame& frame) {
    return frame.kind == kind::closed && frame.body.contains(R"("token":")");
  }
  void look_at(const Frame& frame) {
    if (frame.kind == kind::batch) {
      const auto batch = attest::Batch::from_json(frame.body);
      if (!batch) return;
      batches.push_back(sha256(frame.body));
      signed_leaves[Duty::of_batch(*batch)].insert(batch->leaves.begin(), batch->leaves.end());
    } else if (frame.kind == kind::service && frame.body.contains(attestation_missing_event)) {
      const auto event = document(frame);
      const json::object* details =
          event ? json::find_object(*event, "serviceEventDetails") : nullptr;
      if (details) look_at_alarm(*details, frame.at);
    } else if (awaits(frame)) {
      const auto record = document(frame);
      if (!record) return;
      for (AwaitedLeaf& leaf : leaves_of(*record)) {
        leaves.push_back({.leaf = std::move(leaf),
                          .request_id = std::string(frame.id),
                          .since = ended_at(frame, *record)});
      }
    }
  }

  void look_at_alarm(const json::object& details, std::int64_t at) {
    const json::array* named = json::find_array(details, missing_leaves_member);
    for (const json::value& item : named ? *named : json::array()) {
      const auto bytes = from_base64url(item.is_string() ? item.get_string() : "");
      Sha256 leaf;
      if (!bytes || bytes->size() != leaf.size()) continue;
      std::ranges::copy(*bytes, reinterpret_cast<char*>(leaf.data()));
      alarmed.insert(leaf);
    }
    // One of tokens is of those that the peer owes, and in this log stand those that are ours.
    if (!named || named->empty() ||
        text_at(details, missing_of_member) != attest::name_of(attest::Of::attestations))
      return;
    auto& up_to = alarmed_up_to[std::string(text_at(details, missing_peer_member))];
    up_to = std::max(up_to, at);
  }

  bool settled(const Owed& owed) const {
    const auto found = signed_leaves.find(owed.leaf.duty);
    return alarmed.contains(owed.leaf.hash) || counted(owed) ||
           (found != signed_leaves.end() && found->second.contains(owed.leaf.hash));
  }
  bool counted(const Owed& owed) const {
    // A second more than the alarm waited: its clock is not the one of the records, and to tell one
    // twice is better than never.
    constexpr std::int64_t overdue =
        std::chrono::microseconds(limits::attestation_overdue + std::chrono::seconds(1)).count();
    const auto up_to = alarmed_up_to.find(owed.leaf.region);
    return owed.leaf.duty.of == attest::Of::attestations && up_to != alarmed_up_to.end() &&
           owed.since <= up_to->second - overdue;
  }
};

}  // namespace

std::vector<AwaitedLeaf> leaves_of(const json::object& document) {
  std::vector<AwaitedLeaf> out;
  const json::object* tidegate = json::find_object(document, "tidegate");
  const json::array* attempts = tidegate ? json::find_array(*tidegate, "attempts") : nullptr;
  const std::string source(text_at(document, "awsRegion"));
  for (std::size_t i = 0; attempts && i < attempts->size(); ++i) {
    const json::object* attempt = (*attempts)[i].if_object();
    if (!attempt) continue;
    AwaitedLeaf leaf{.attempt = i, .region = std::string(text_at(*attempt, "region"))};
    if (const auto token = find_digest(*attempt, "token")) {
      leaf.duty = {.of = attest::Of::tokens, .signer = source, .peer = leaf.region};
      leaf.hash = *token;
      out.push_back(leaf);
    }
    const json::object* statement = json::find_object(*attempt, "attestation");
    const auto hash = statement ? leaf_of(*statement) : std::nullopt;
    if (!hash) continue;
    leaf.duty = {.of = attest::Of::attestations, .signer = leaf.region, .peer = source};
    leaf.hash = *hash;
    out.push_back(std::move(leaf));
  }
  return out;
}

std::int64_t ended_at(const Frame& frame, const json::object& document) {
  using std::chrono::milliseconds, std::chrono::microseconds;
  const json::object* tidegate = json::find_object(document, "tidegate");
  const json::object* durations = tidegate ? json::find_object(*tidegate, "durations") : nullptr;
  const milliseconds told(durations ? json::find_int(*durations, "totalMs").value_or(0) : 0);
  const std::int64_t took = microseconds(std::clamp(told, milliseconds(0), answer_max)).count();
  return std::min(frame.at, INT64_MAX - took) + took;
}

Result<void> join_batches(Disk& disk, const std::vector<SegmentInfo>& segments, const Place& place,
                          const Frame& frame, json::object& document, WallTime now) {
  std::vector<AwaitedLeaf> leaves = leaves_of(document);
  if (leaves.empty()) return {};
  json::array& attempts = *attempts_of(document);
  Search search(std::move(leaves), attempts);
  TRY_VOID(search_forwards(disk, segments, place, search));
  TRY_VOID(search_backwards(disk, place, search));
  const WallTime ended(std::chrono::microseconds(ended_at(frame, document)));
  const bool late = ended < now - limits::attestation_overdue;
  for (const AwaitedLeaf& leaf : search.left()) {
    if (leaf.duty.of != attest::Of::attestations) continue;
    attempts[leaf.attempt].get_object()["attestationState"] = late ? "missing" : "pending";
  }
  return {};
}

Result<Unattested> find_unattested(Disk& disk, const std::vector<SegmentInfo>& segments) {
  NewestFirst lines(disk, segments, {});
  OpenedEntries opened(disk);
  Seen seen;
  for (;;) {
    TRY(const std::optional<Line> line, lines.next());
    if (!line || lines.scanned() > limits::unattested_scan_bytes_max) break;
    const auto frame = recover_frame(line->text);
    if (!frame) continue;
    if (!Seen::awaits(*frame)) {
      seen.look_at(*frame);
      continue;
    }
    TRY(const OpenedEntries::Whole whole, opened.whole(lines.segment(), *line, *frame));
    if (whole.frame) seen.look_at(*whole.frame);
    if (!whole.broken.empty()) {
      log::error("audit_document_unreadable",
                 {{"id", std::string(frame->id)}, {"why", whole.broken}});
    }
  }
  Unattested out;
  out.batches = std::move(seen.batches);
  for (Seen::Owed& owed : seen.leaves) {
    if (seen.settled(owed)) continue;
    out.leaves.push_back({.of = owed.leaf.duty.of,
                          .region = std::move(owed.leaf.region),
                          .request_id = std::move(owed.request_id),
                          .hash = owed.leaf.hash});
  }
  return out;
}

}  // namespace tidegate::audit
