#include "peer/signing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/limits.hpp"

namespace tidegate::peer {

Result<void> KeyRing::learn(std::string_view endorsement_json, std::string_view of) {
  TRY(Endorsement read, Endorsement::from_json(endorsement_json));
  if (!of.empty() && read.region != of) {
    return key_not_believed(fmt::format("{} endorses a key of {}", of, read.region));
  }
  const auto same = [&](const std::shared_ptr<const Endorsement>& one) {
    return one->signature == read.signature && one->certificates == read.certificates &&
           one->signed_text() == read.signed_text();
  };
  std::unique_lock lock(mutex_);
  if (std::ranges::any_of(known_, same)) return {};
  // Trust bundles that change while it is checked: once more, by the new ones.
  for (bool checked = false; !checked;) {
    const std::uint64_t before = rechecks_;
    lock.unlock();
    TRY_VOID(check_(read));
    lock.lock();
    checked = rechecks_ == before;
  }
  // A Region's own oldest goes: no peer pushes out another's.
  const auto of_region = [&](const auto& one) { return one->region == read.region; };
  if (std::cmp_greater_equal(std::ranges::count_if(known_, of_region), limits::endorsements_max)) {
    known_.erase(std::ranges::find_if(known_, of_region));
  }
  known_.push_back(std::make_shared<const Endorsement>(std::move(read)));
  return {};
}

void KeyRing::recheck() {
  decltype(known_) known;
  {
    std::scoped_lock lock(mutex_);
    ++rechecks_;
    known = known_;
  }
  std::erase_if(known, [&](const auto& one) { return check_(*one).has_value(); });
  std::scoped_lock lock(mutex_);
  std::erase_if(known_,
                [&](const auto& one) { return std::ranges::find(known, one) != known.end(); });
}

Result<std::shared_ptr<const Endorsement>> KeyRing::find(const attest::Batch& batch) const {
  std::scoped_lock lock(mutex_);
  for (const auto& one : std::views::reverse(known_)) {
    if (one->region == batch.region && one->key == batch.key && one->covers(batch.at_ms)) {
      return one;
    }
  }
  return fail(Error{
      .code = ErrorCode::peer_unavailable,
      .origin = Origin::peer,
      .message = "the key of another Region's signatures is not known",
      .mend = {},
      .why = fmt::format("no endorsement says that its key was {}'s at that time", batch.region)});
}

}  // namespace tidegate::peer
