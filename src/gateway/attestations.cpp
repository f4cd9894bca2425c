#include "gateway/attestations.hpp"

#include <fmt/format.h>

#include <ranges>

#include "audit/entry.hpp"
#include "base/log.hpp"
#include "gateway/limits.hpp"

namespace tidegate::gateway {
namespace {

std::int64_t unix_ms(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

std::string key_text(const attest::PublicKey& key) {
  return to_base64url({reinterpret_cast<const char*>(key.data()), key.size()});
}

std::unexpected<Error> refused(std::string why) {
  return fail(Error{.code = ErrorCode::peer_unavailable,
                    .origin = Origin::peer,
                    .message = "a signed batch is refused",
                    .mend = {},
                    .why = std::move(why)});
}

constexpr std::string_view batch_front = R"({"count":)";
constexpr std::string_view endorsement_front = R"({"certificates":)";

}  // namespace

bool is_of_now(std::int64_t at_ms, WallTime now) {
  constexpr std::int64_t age_max = std::chrono::milliseconds(limits::batch_age_max).count();
  return at_ms >= unix_ms(now) - age_max && at_ms <= unix_ms(now) + age_max;
}

Attestations::Attestations(std::string self, const std::vector<catalog::RegionId>& peers,
                           const peer::SigningIdentity& identity, audit::Log& log, Clock& clock)
    : self_(std::move(self)),
      identity_(identity),
      log_(log),
      clock_(clock),
      keys_([&identity](const peer::Endorsement& one) { return identity.check(one); }) {
  for (const auto& peer : peers) books_.try_emplace(peer);
}

Attestations::Book* Attestations::book(const catalog::RegionId& peer) {
  const auto found = books_.find(peer);
  return found == books_.end() ? nullptr : &found->second;
}

void Attestations::made(attest::Of of, const catalog::RegionId& peer, const Sha256& leaf) {
  Book* const book = this->book(peer);
  if (!book) return;
  std::scoped_lock lock(book->mutex);
  auto& leaves = (of == attest::Of::attestations ? book->attestations : book->tokens).leaves;
  if (leaves.size() >= limits::leaves_waiting_max) {
    ++book->dropped[of];  // nobody takes them: the other side raises its alarm as well
    return;
  }
  leaves.push_back(leaf);
}

void Attestations::expect(attest::Of of, const catalog::RegionId& peer, const Sha256& leaf,
                          std::string request_id) {
  Book* const book = this->book(peer);
  if (!book) return;
  const MonoTime now = clock_.mono();
  std::scoped_lock lock(book->mutex);
  if (const auto early = book->early.find(leaf);
      early != book->early.end() && early->second.of == of) {
    book->early.erase(early);
    return;
  }
  if (book->waiting.size() >= limits::leaves_waiting_max) {
    ++book->dropped[of];
    return;
  }
  book->waiting.try_emplace(leaf, Waiting{of, now, std::move(request_id)});
}

// At most limits::batch_leaves_max; what is left is due at once.
std::optional<attest::Batch> Attestations::sign(Book& book, attest::Of of,
                                                const catalog::RegionId& peer, When when) {
  Gathered& gathered = of == attest::Of::attestations ? book.attestations : book.tokens;
  std::vector<Sha256> leaves;
  {
    std::scoped_lock lock(book.mutex);
    const MonoTime now = clock_.mono();
    const bool full = gathered.leaves.size() >= limits::batch_leaves_max;
    const bool due =
        when == When::now || full || now - gathered.signed_at >= limits::batch_interval;
    if (gathered.leaves.empty() || !due) return std::nullopt;
    gathered.signed_at = now;
    if (full) {
      const auto end = gathered.leaves.begin() + limits::batch_leaves_max;
      leaves.assign(gathered.leaves.begin(), end);
      gathered.leaves.erase(gathered.leaves.begin(), end);
    } else {
      leaves.swap(gathered.leaves);
    }
  }
  return attest::sign_batch(of, self_, peer.str(), unix_ms(clock_.wall()), std::move(leaves),
                            identity_.key());
}

std::string Attestations::lines(const catalog::RegionId& peer, Cursor& cursor, When when) {
  Book* const book = this->book(peer);
  const auto endorsement = identity_.endorsement();
  if (!book || !endorsement) return {};
  std::string out;
  if (cursor.told != endorsement) {
    out = endorsement->to_json() + '\n';
    cursor.told = endorsement;
  }
  while (auto batch = sign(*book, attest::Of::attestations, peer, when)) {
    std::string line = batch->to_json() + '\n';
    std::scoped_lock lock(book->mutex);
    book->kept.push_back({clock_.mono(), std::move(line)});
  }
  std::scoped_lock lock(book->mutex);
  const MonoTime oldest = clock_.mono() - limits::batch_kept;
  while (!book->kept.empty() &&
         (book->kept.size() > limits::batches_kept_max || book->kept.front().made < oldest)) {
    book->kept.pop_front();
    ++book->first_kept;
  }
  cursor.next_batch = std::max(cursor.next_batch, book->first_kept);
  for (; cursor.next_batch < book->first_kept + book->kept.size(); ++cursor.next_batch) {
    out += book->kept[cursor.next_batch - book->first_kept].line;
  }
  return out;
}

std::optional<std::string> Attestations::next_tokens(const catalog::RegionId& peer) {
  Book* const book = this->book(peer);
  const auto endorsement = identity_.endorsement();
  if (!book || !endorsement) return std::nullopt;
  while (const auto batch = sign(*book, attest::Of::tokens, peer, When::due)) {
    const std::string text = batch->to_json();
    if (const auto written = write(*batch, text, *endorsement); !written) {
      log::error("token_batch_not_recorded", {{"why", written.error().message}});
    }
    std::scoped_lock lock(book->mutex);
    claim(*book, sha256(text));
    book->unsent.push_back(text + '\n');
  }
  std::scoped_lock lock(book->mutex);
  if (book->unsent.empty()) return std::nullopt;
  std::string lines = endorsement->to_json() + '\n' + book->unsent.front();
  book->unsent.pop_front();
  return lines;
}

void Attestations::not_delivered(const catalog::RegionId& peer, std::string_view lines) {
  Book* const book = this->book(peer);
  if (!book) return;
  std::scoped_lock lock(book->mutex);
  book->unsent.emplace_front(
      lines.substr(lines.find('\n') + 1));  // the endorsement may be another then
  if (book->unsent.size() > limits::batches_kept_max) book->unsent.pop_back();
}

bool Attestations::is_ours(std::string_view line) {
  return line.starts_with(batch_front) || line.starts_with(endorsement_front);
}

Result<void> Attestations::accept(const catalog::RegionId& peer, attest::Of of,
                                  std::string_view line) {
  Book* const book = this->book(peer);
  if (!book) return refused("it is from no peer");
  if (line.size() > limits::report_bytes_max) {  // before anything reads it
    return refused(fmt::format("a line of {} bytes, and {} is the most", line.size(),
                               limits::report_bytes_max));
  }
  if (line.starts_with(endorsement_front)) return keys_.learn(line, peer.str());
  // Every link of the peer brings it: only the first to come is read.
  const Sha256 text = sha256(line);
  {
    std::scoped_lock lock(book->mutex);
    if (!claim(*book, text)) return {};
  }
  auto taken = accept_batch(peer, *book, of, line);
  if (!taken) {
    std::scoped_lock lock(book->mutex);
    book->accepted.erase(text);
  }
  return taken;
}

Result<void> Attestations::accept_batch(const catalog::RegionId& peer, Book& book, attest::Of of,
                                        std::string_view line) {
  TRY(const attest::Batch batch, attest::Batch::from_json(line));
  if (batch.to_json() != line) return refused("it is not written as it must be");
  if (batch.of != of) return refused(fmt::format("it is of {}", attest::name_of(batch.of)));
  if (batch.region != peer.str() || batch.peer != self_) {
    return refused(fmt::format("it is {}'s for {}", batch.region, batch.peer));
  }
  if (!is_of_now(batch.at_ms, clock_.wall())) return refused("it is of another time");
  TRY(const auto endorsement, keys_.find(batch));
  if (!batch.signature_holds()) return refused("its signature does not hold");
  {
    std::scoped_lock lock(book.mutex);
    if (!asked_for(book, batch)) return refused("it signs too much that nobody asked for");
  }
  if (batch.of == attest::Of::attestations) TRY_VOID(write(batch, line, *endorsement));
  settle(book, batch);
  return {};
}

bool Attestations::asked_for(const Book& book, const attest::Batch& batch) {
  const auto unasked = std::ranges::count_if(batch.leaves, [&](const Sha256& leaf) {
    const auto waiting = book.waiting.find(leaf);
    return waiting == book.waiting.end() || waiting->second.of != batch.of;
  });
  return book.early.size() + static_cast<std::size_t>(unasked) <= limits::leaves_early_max;
}

// The endorsement once a day before the first batch that needs it: days go as a whole when their
// retention ends.
Result<void> Attestations::write(const attest::Batch& batch, std::string_view json,
                                 const peer::Endorsement& endorsement) {
  const WallTime now = clock_.wall();
  const auto day = std::chrono::floor<std::chrono::days>(now).time_since_epoch().count();
  const std::string key = key_text(endorsement.key);
  std::string mark = fmt::format("{}/{}/{}", day, key, endorsement.made_ms);
  audit::Buffer lines;
  std::uint64_t entries = 1;
  std::scoped_lock lock(written_mutex_);
  const bool endorsed = written_.contains(mark);
  if (!endorsed) {
    audit::append_endorsement(lines, now, key, endorsement.to_json());
    ++entries;
  }
  audit::append_batch(lines, now, batch.root, json);
  TRY_VOID(log_.append(lines.view(), entries));
  if (endorsed) return {};
  if (written_.size() >= limits::endorsements_logged_max) written_.clear();
  std::erase_if(written_,
                [&](const std::string& one) { return !one.starts_with(fmt::format("{}/", day)); });
  written_.insert(std::move(mark));
  return {};
}

void Attestations::settle(Book& book, const attest::Batch& batch) {
  const MonoTime now = clock_.mono();
  std::scoped_lock lock(book.mutex);
  for (const Sha256& leaf : batch.leaves) {
    const auto waiting = book.waiting.find(leaf);
    if (waiting != book.waiting.end() && waiting->second.of == batch.of) {
      book.waiting.erase(waiting);
    } else if (book.early.size() < limits::leaves_early_max) {
      book.early.try_emplace(leaf, Early{batch.of, now});
    }
  }
}

bool Attestations::claim(Book& book, const Sha256& text) {
  if (!book.accepted.insert(text).second) return false;
  book.accepted_in_order.push_back(text);
  if (book.accepted_in_order.size() > limits::batches_known_max) {
    book.accepted.erase(book.accepted_in_order.front());
    book.accepted_in_order.pop_front();
  }
  return true;
}

// A token that was not signed any more is signed now; what a destination owes is waited for anew:
// it sends the batches of the last limits::batch_kept again.
void Attestations::resume(audit::Unattested found) {
  for (audit::Unattested::Leaf& leaf : found.leaves) {
    const catalog::RegionId peer(leaf.region);
    if (leaf.of == attest::Of::tokens) {
      made(leaf.of, peer, leaf.hash);
    } else {
      expect(leaf.of, peer, leaf.hash, std::move(leaf.request_id));
    }
  }
  for (auto& [peer, book] : books_) {
    std::scoped_lock lock(book.mutex);
    for (const Sha256& text : std::views::reverse(found.batches))
      claim(book, text);  // the newest last
  }
}

std::vector<Attestations::Overdue> Attestations::overdue() {
  std::vector<Overdue> out;
  const MonoTime now = clock_.mono();
  for (auto& [peer, book] : books_) {
    Overdue missing[] = {{.peer = peer, .of = attest::Of::attestations},
                         {.peer = peer, .of = attest::Of::tokens}};
    std::scoped_lock lock(book.mutex);
    boost::unordered::erase_if(book.waiting, [&](const auto& one) {
      const Waiting& waiting = one.second;
      if (now - waiting.since < limits::attestation_overdue) return false;
      Overdue& add = missing[waiting.of == attest::Of::attestations ? 0 : 1];
      if (++add.count <= limits::alarm_ids_max) {
        add.request_ids.push_back(waiting.request_id);
        add.leaves.push_back(one.first);
      }
      return true;
    });
    boost::unordered::erase_if(
        book.early, [&](const auto& one) { return now - one.second.since > limits::batch_kept; });
    for (Overdue& one : missing) {
      one.count += std::exchange(book.dropped[one.of], 0);
      if (one.count > 0) out.push_back(std::move(one));
    }
  }
  return out;
}

std::size_t Attestations::outstanding() const {
  std::size_t out = 0;
  for (const auto& [peer, book] : books_) {
    std::scoped_lock lock(book.mutex);
    out += book.waiting.size() + book.attestations.leaves.size() + book.tokens.leaves.size() +
           book.unsent.size();
  }
  return out;
}

}  // namespace tidegate::gateway
