// Where should this request run? choose() is pure: everything it may consider is in its arguments,
// and everything it considered is in its answer, in words that `explain` prints.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.hpp"
#include "base/time.hpp"
#include "catalog/catalog.hpp"

namespace tidegate::routing {

// Whether a Region of a row can be sent work, as this gateway sees it now.
enum class Standing : std::uint8_t {
  local,   // this Region
  linked,  // a peer with a live link and fresh reports
  stale,   // linked, but its last report is older than limits::report_fresh: no new spill on its
           // word
  unreachable,   // deployed, but the link is down
  not_deployed,  // in the row, but this deployment does not run it
};

// Whether operators have taken a Region out of use; the stronger, the further down.
enum class Withdrawn : std::uint8_t {
  no,
  cordoned,  // this source sends it no new requests
  drained,   // it takes no new work
  excluded,  // it is not used, by decision
};
struct Withdrawal {
  Withdrawn kind = Withdrawn::no;
  std::shared_ptr<const std::string> note;  // the reason and the end; null: not known here
};

// One Region and one model.
struct RegionSignals {
  Standing standing = Standing::not_deployed;
  bool serves_model = false;  // it maps the model to a back-end
  bool ready = false;         // at least one of those back-ends is healthy
  bool draining = false;      // its process is ending; another may follow at any moment
  bool knows_row = true;      // its catalogue has the row, or an older version of it with itself in
  Withdrawal withdrawal{};
  std::uint32_t slots = 0;    // what its back-ends run at once
  std::uint32_t busy = 0;     // of them, by its last report (local: exactly)
  std::uint32_t waiting = 0;  // requests waiting there
  std::uint32_t sent_unreported =
      0;            // what this gateway sent there and the last report cannot contain
  Duration rtt{0};  // measured on the link
  Duration report_age{0};
};

// Signals for one decision. Lookups by Region; a Region that is not known is `not_deployed`.
using Signals = std::function<RegionSignals(const catalog::RegionId&)>;

struct Need {
  std::string_view model_id;
  std::vector<catalog::RegionId> tried;        // by earlier attempts of this request: not again
  const catalog::RowSubset* subset = nullptr;  // of the row, which the caller keeps to; null: all
};

enum class Reason : std::uint8_t {
  source_first,         // the source has room
  source_full,          // ... has none, this destination has
  source_unhealthy,     // the source's model servers do not answer
  source_draining,      // the source takes no new work
  source_cordoned,      // an operator lets the source send nothing to itself
  source_excluded,      // an operator has excluded the source
  source_not_in_row,    // the row has other Regions only
  source_narrowed_out,  // the caller keeps to a part of the row that the source is not in
  source_no_model,      // the source maps no back-end to this model
  retry,                // an earlier attempt failed before its first byte
  no_capacity,          // nobody has room now: wait
  withdrawn,            // who could serve it is cordoned, drained or excluded
  no_candidate,         // nobody could ever serve it: not deployed, no back-end, all tried
};
std::string_view name_of(Reason reason);  // "source_first", ...: header x-tidegate-route-reason

// Why a Region of the row was or was not chosen.
enum class Verdict : std::uint8_t {
  chosen,
  could_serve,
  full,
  not_ready,
  no_model,
  unreachable,
  stale_report,
  not_deployed,
  already_tried,
  draining,
  cordoned,
  drained,
  excluded,
  narrowed_out,
  older_catalogue
};
std::string_view name_of(Verdict verdict);

struct Candidate {
  catalog::RegionId region;
  Verdict verdict;
  std::int32_t free = 0;  // slots - busy - sent_unreported - waiting, at least 0
  Duration rtt{0};
  Duration report_age{0};
  std::uint32_t slots = 0, busy = 0, waiting = 0, sent_unreported = 0;
  std::shared_ptr<const std::string> note{};  // of a Region that is taken out of use
  bool withdrawn() const {
    return verdict == Verdict::cordoned || verdict == Verdict::drained ||
           verdict == Verdict::excluded;
  }
};
// "2 of 2 slots busy", "no live link", ...: for a person. Made when somebody asks, from the facts
// of the decision's moment.
std::string sentence(const Candidate& candidate, std::string_view model_id);

struct Decision {
  std::optional<catalog::RowDestination>
      destination;  // none: no_capacity (wait), or withdrawn or no_candidate (refuse)
  Reason reason = Reason::no_candidate;
  std::vector<Candidate> considered;  // every Region of the row, in the row's order
};

// A Region that is half full answers later than an empty one: a full batch is expected to cost this
// much more, about one round trip inside a continent and one decoding step.
inline constexpr Duration delay_at_full_load = 50ms;
inline constexpr Duration tie_window = 10ms;

// Source first while it can serve; otherwise the destination with room and the smallest expected
// delay, round trip plus load (near ties within `tie_window` are broken at random, so that sources
// do not herd).
Decision choose(const catalog::Row& row, const Signals& signals, const Need& need, Rng& rng);

}  // namespace tidegate::routing
