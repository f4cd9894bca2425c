// Insert-only hash sets, one a minute: linear probing from a place that the fingerprint gives, a
// slot filled by one compare-and-swap. Two uses of a token walk the same slots in the same order,
// so exactly one of them fills the first empty one; the other finds it there.
#include <bit>
#include <cstdlib>
#include <cstring>

#include "base/limits.hpp"
#include "peer/token.hpp"

namespace tidegate::peer {
namespace {

constexpr std::int64_t minute_ms = 60'000;

// The minute's mark in a slot: never 0, and the same again only after 65,535 rounds of the four
// generations.
std::uint64_t mark_of(std::int64_t minute) {
  return static_cast<std::uint64_t>(minute / 4 % 65'535 + 1);
}

}  // namespace

void ReplayTable::Free::operator()(void* memory) const {
  std::free(memory);
}

ReplayTable::ReplayTable(std::size_t entries_a_minute)
    // Half empty at the rate that it is made for. calloc() maps pages of zeros: what is never used
    // costs no memory.
    : mask_(std::bit_ceil(std::max<std::size_t>(entries_a_minute, 1) * 2) - 1) {
  for (Generation& generation : generations_) {
    generation.slots.reset(
        static_cast<std::uint64_t*>(std::calloc(mask_ + 1, sizeof(std::uint64_t))));
    if (!generation.slots) std::abort();
  }
}

ReplayTable::Entry ReplayTable::entry(std::string_view jti, std::int64_t expires_ms) const {
  const std::int64_t minute = expires_ms / minute_ms;
  const Sha256 digest = sha256(jti);
  std::uint64_t place, print;
  std::memcpy(&place, digest.data(), sizeof place);
  std::memcpy(&print, digest.data() + sizeof place, sizeof print);
  place &= mask_;
  __builtin_prefetch(&generations_[generation_of(minute)].slots[place], 1);
  return {.minute = minute, .place = place, .slot = mark_of(minute) << 48 | print >> 16};
}

ReplayTable::Seen ReplayTable::use(const Entry& entry) {
  Generation& generation = generations_[generation_of(entry.minute)];
  std::int64_t newest = generation.minute.load(std::memory_order_acquire);
  while (newest < entry.minute && !generation.minute.compare_exchange_weak(newest, entry.minute)) {
  }
  if (newest > entry.minute) return Seen::replayed;  // its minute is over: nobody could say more

  for (std::size_t probe = 0; probe < limits::replay_probes_max && probe <= mask_; ++probe) {
    std::atomic_ref<std::uint64_t> slot(generation.slots[(entry.place + probe) & mask_]);
    std::uint64_t found = slot.load(std::memory_order_acquire);
    while (found >> 48 != entry.slot >> 48) {  // never used, or left by a minute that is over
      if (slot.compare_exchange_weak(found, entry.slot, std::memory_order_acq_rel))
        return Seen::fresh;
    }
    if (found == entry.slot) return Seen::replayed;
  }
  return Seen::full;
}

}  // namespace tidegate::peer
