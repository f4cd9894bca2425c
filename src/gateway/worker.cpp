#include "gateway/worker.hpp"

#include "gateway/counted.hpp"
#include "gateway/limits.hpp"

namespace tidegate::gateway {
namespace {

constexpr http::ClientTimeouts report_timeouts{.connect = limits::backend_connect_timeout,
                                               .first_byte = limits::report_silent,
                                               .idle = limits::report_silent};
// A peer that refuses its reports does so by its configuration: both sides say so once a minute.
constexpr Duration fence_refusal_wait = std::chrono::minutes(1);

}  // namespace

Worker::Worker(Region& region, WorkerPorts ports, int index)
    : region_(region),
      ports_(std::move(ports)),
      index_(index),
      snapshot_(region.snapshot()),
      authenticator_(region.config().region.str(), region.config().clock_skew),
      executor_(ports_.loop, region.models_ptr(), ports_.backend_clients),
      queues_(ports_.loop),
      pipeline_(region, *this),
      peer_door_(region, *this) {
  region_.add_worker(this);
}
Worker::~Worker() = default;

void Worker::start() {
  ports_.links.on_change([this](const catalog::RegionId& region, bool up) {
    if (!up) board_.forget(region);
    count_ready_peers();
    if (const auto found = followed_.find(region); found != followed_.end())
      found->second->changed.set();
  });
  ports_.links.on_impostor([this](const catalog::RegionId& region, std::string_view why) {
    region_.geofence_violation(Region::Side::source, "peer_identity",
                               {{"peer", region.str()}, {"why", why}}, ports_.rng);
  });
  follow_destinations();
  if (index_ == 0) {
    spawn(probe_backends());
    spawn(watch());
  }
}

void Worker::stop() {
  stopping_.request();
  for (auto& [region, followed] : followed_) followed->changed.set();
}

// Those of the catalogue in force, and no others.
void Worker::follow_destinations() {
  if (stopping_.requested()) return;
  const auto wanted = region_.destinations_to_dial();
  ports_.links.dial(wanted);
  std::erase_if(followed_, [&](const auto& entry) {
    if (std::ranges::find(wanted, entry.first, &peer::PeerConfig::region) != wanted.end())
      return false;
    entry.second->wanted = false;
    entry.second->changed.set();
    board_.forget(entry.first);
    return true;
  });
  for (const auto& peer : wanted) {
    const auto [at, is_new] = followed_.try_emplace(peer.region);
    if (!is_new) continue;
    at->second = std::make_shared<Followed>(ports_.loop);
    spawn(follow_reports(peer.region, at->second));
  }
  count_ready_peers();
}

routing::RegionSignals Worker::signals(const catalog::RegionId& region,
                                       std::string_view model_id) const {
  routing::RegionSignals out;
  out.withdrawal = region_.restrictions().of(region);
  if (region == region_.config().region) {
    out.standing = routing::Standing::local;
    if (const auto* entry = region_.models().find(model_id)) {
      out.serves_model = true;
      out.ready = entry->backend->healthy();
      out.slots = entry->backend->config().slots;
      out.busy = entry->backend->busy();
    }
    return out;
  }
  if (!followed_.contains(region))
    return out;  // not dialled: not deployed, as far as this row is concerned
  const MonoTime now = ports_.loop.clock().mono();
  out.rtt = ports_.links.rtt(region);
  const Board::Entry* entry = board_.find(region);
  if (!ports_.links.channel(region)) {
    out.standing = routing::Standing::unreachable;
  } else if (!entry || now - entry->received > limits::report_fresh + out.rtt) {
    out.standing = routing::Standing::stale;
  } else {
    out.standing = routing::Standing::linked;
  }
  out.serves_model = true;  // until it says otherwise
  if (!entry) return out;
  out.report_age = now - entry->received;
  out.draining = entry->report.draining;
  if (entry->report.drained && out.withdrawal.kind < routing::Withdrawn::drained) {
    out.withdrawal = {routing::Withdrawn::drained, nullptr};
  }
  const auto load = entry->report.models.find(model_id);
  out.serves_model = load != entry->report.models.end();
  if (!out.serves_model) return out;
  out.ready = load->second.ready;
  out.slots = load->second.slots;
  out.busy = load->second.busy;
  out.waiting = load->second.waiting;
  // Sent from here, not ended, and not yet among those that the report counts as running for us.
  if (const PeerCounters* counters = region_.counters(region)) {
    const std::uint32_t sent = counters->sent.load(std::memory_order_relaxed);
    out.sent_unreported = sent > entry->report.running_for_reader
                              ? sent - static_cast<std::uint32_t>(entry->report.running_for_reader)
                              : 0;
  }
  return out;
}

routing::RegionSignals Worker::signals(const catalog::RegionId& region, std::string_view model_id,
                                       const catalog::Row& row,
                                       const catalog::Catalog& catalog) const {
  routing::RegionSignals out = signals(region, model_id);
  // Rows of the first catalogue, which every Region has, cost nothing here.
  if (row.since() > 0 && out.standing == routing::Standing::linked) {
    out.knows_row = row_known_to(region, row, catalog) != nullptr;
  }
  return out;
}

const catalog::Row* Worker::row_known_to(const catalog::RegionId& region, const catalog::Row& row,
                                         const catalog::Catalog& catalog) const {
  const Board::Entry* entry = board_.find(region);
  const std::uint64_t epoch = entry ? entry->report.catalog_epoch : 0;
  if (row.since() <= epoch) return &row;
  const auto earlier = catalog.earlier().find(row.profile_id());
  if (earlier == catalog.earlier().end()) return nullptr;
  for (const catalog::Profile& profile : earlier->second) {
    const catalog::Row* older = profile.row(row.source());
    if (older && older->since() <= epoch && older->find(region)) return older;
  }
  return nullptr;
}

MonoTime Worker::last_report(const catalog::RegionId& region) const {
  const Board::Entry* entry = board_.find(region);
  return entry ? entry->received : MonoTime{};
}

void Worker::adopt(std::shared_ptr<const Snapshot> snapshot) {
  ports_.loop.post([this, snapshot = std::move(snapshot)]() mutable {
    const bool other_catalog = snapshot->catalog != snapshot_->catalog;
    snapshot_ = std::move(snapshot);
    if (!other_catalog) return;
    follow_destinations();
    queues_.wake();
  });
}

void Worker::wake_waiters() {
  ports_.loop.post([this] { queues_.wake(); });
}

// One long answer of the peer: a report a line, for as long as the link lives.
Task<void> Worker::follow_reports(catalog::RegionId region, std::shared_ptr<Followed> followed) {
  Counted task(background_tasks_);  // stop() waits for it
  while (!stopping_.requested() && followed->wanted) {
    if (auto channel = ports_.links.channel(region)) {
      co_await read_reports(region, channel);
      if (!followed->wanted) break;
      // What a link said holds until the link that has replaced it says more.
      const auto present = ports_.links.channel(region);
      if (present && present != channel) continue;
      board_.forget(region);
      count_ready_peers();
    }
    if (stopping_.requested()) break;
    co_await followed->changed.wait_until(ports_.loop.now() + limits::report_silent, &stopping_);
  }
}

Task<void> Worker::read_reports(const catalog::RegionId& region,
                                std::shared_ptr<http::Channel> channel) {
  http::Headers headers;
  headers.add(std::string(peer::catalog_epoch_header), std::to_string(snapshot_->catalog_epoch));
  auto sent = co_await channel->send({.method = "GET",
                                      .target = std::string(peer::reports_path),
                                      .headers = std::move(headers),
                                      .body = {}},
                                     report_timeouts, &stopping_);
  if (!sent) co_return;
  const auto head = co_await (*sent)->head();
  if (!head || head->status != 200) {
    // 503: its catalogue is older and may have a row in common at any moment.
    log::write(head && head->status == 503 ? log::Level::debug : log::Level::warn,
               "reports_refused", {{"peer", region.str()}, {"status", head ? head->status : 0}});
    const auto rule = head ? head->headers.get(peer::why_header) : std::nullopt;
    if (rule) {
      region_.geofence_violation(Region::Side::source, *rule, {{"peer", region.str()}}, ports_.rng);
    }
    co_await sleep_for(ports_.loop, rule ? fence_refusal_wait : limits::report_silent, &stopping_);
    co_return;
  }
  std::string pending;
  bool first = true;
  while (!stopping_.requested() && ports_.links.channel(region) == channel) {
    auto piece = co_await (*sent)->next_body();
    if (!piece || piece->empty()) co_return;
    pending += *piece;
    std::size_t taken = 0, refused = 0;
    for (std::size_t end; (end = pending.find('\n', taken)) != std::string::npos; taken = end + 1) {
      if (!followed_.contains(region)) co_return;  // another catalogue has ended it meanwhile
      if (std::exchange(first, false)) board_.forget(region);  // sequences are of one answer
      const auto line = std::string_view(pending).substr(taken, end - taken);
      if (Attestations::is_ours(line)) {
        refused += take_signed(region, line) ? 0 : 1;
        if (refused > limits::lines_refused_max) co_return;
        co_await ports_.loop.step_end();  // a signature is checked, which takes its time
      } else if (!take_report(region, std::string_view(pending).substr(taken, end + 1 - taken))) {
        co_return;
      }
    }
    pending.erase(0, taken);
    if (pending.size() > limits::report_bytes_max || ports_.links.channel(region) != channel)
      co_return;
    // All of them first: one that cannot leave comes back to the queue at once.
    std::vector<std::string> due;
    while (auto tokens = region_.attestations().next_tokens(region))
      due.push_back(*std::move(tokens));
    for (std::string& tokens : due) spawn(post_tokens(region, channel, std::move(tokens)));
    count_ready_peers();
    queues_.wake();
  }
}

bool Worker::take_signed(const catalog::RegionId& region, std::string_view line) {
  const auto taken = region_.attestations().accept(region, attest::Of::attestations, line);
  if (!taken) region_.attestation_refused(region, taken.error(), ports_.rng);
  return taken.has_value();
}

bool Worker::take_report(const catalog::RegionId& region, std::string_view line) {
  auto report = peer::Report::decode(line);
  if (!report) {
    log::warn("report_not_understood", {{"peer", region.str()}, {"why", report.error().message}});
    return false;
  }
  board_.update(region, *std::move(report), ports_.loop.now());
  return true;
}

// What this Region asked of a peer, signed. A refusal is the peer's alarm; a link that broke, or a
// peer without memory for it, is tried again with the next report.
Task<void> Worker::post_tokens(catalog::RegionId region, std::shared_ptr<http::Channel> channel,
                               std::string lines) {
  Counted task(background_tasks_);  // stop() waits for it
  auto sent = co_await channel->send(
      {.method = "POST", .target = std::string(peer::tokens_path), .headers = {}, .body = lines},
      report_timeouts, &stopping_);
  const auto head = sent ? co_await (*sent)->head() : fail(std::move(sent).error());
  if (!head || head->status == 503) {
    region_.attestations().not_delivered(region, lines);
  } else if (head->status != 200) {
    log::warn("token_batch_refused", {{"peer", region.str()}, {"status", head->status}});
  }
}

void Worker::count_ready_peers() {
  int ready = 0;
  for (const auto& [region, followed] : followed_) {
    const Board::Entry* entry = board_.find(region);
    if (!entry || entry->report.draining || entry->report.drained ||
        !ports_.links.channel(region) ||
        region_.restrictions().of(region).kind != routing::Withdrawn::no)
      continue;
    ready += std::ranges::any_of(entry->report.models, [](const auto& m) { return m.second.ready; })
                 ? 1
                 : 0;
  }
  ready_peers_.store(ready, std::memory_order_relaxed);
}

Task<void> Worker::probe_backends() {
  Counted task(background_tasks_);  // stop() waits for it
  while (!stopping_.requested()) {
    co_await executor_.probe();
    region_.capacity_changed();
    co_await sleep_for(ports_.loop, limits::probe_interval, &stopping_);
  }
}

Task<void> Worker::watch() {
  Counted task(background_tasks_);  // stop() waits for it
  for (int second = 1; !stopping_.requested(); ++second) {
    for (const auto& backend : region_.models().backends()) {
      region_.telemetry().backend(*backend);
    }
    for (const auto& [region, followed] : followed_) {
      const MonoTime reported = last_report(region);
      const Board::Entry* entry = board_.find(region);
      region_.telemetry().peer_link(
          region.str(),
          {.up = ports_.links.channel(region) != nullptr,
           .rtt = ports_.links.rtt(region),
           .report_age = reported == MonoTime{} ? Duration(0) : ports_.loop.now() - reported,
           .catalog_epoch = entry ? entry->report.catalog_epoch : 0});
    }
    region_.telemetry().audit(region_.log().health());
    region_.watch_adequacy(ports_.rng);
    if (region_.restrictions().any_expired()) {
      const auto expired = co_await offload(ports_.loop, region_.background(),
                                            [this] { return region_.restrictions().expire(); });
      for (const Restriction& restriction : expired.value_or(std::vector<Restriction>())) {
        region_.restriction_ended(restriction, "RegionRestrictionExpired", {}, ports_.rng);
      }
    }
    region_.tell_overdue_attestations(ports_.rng);
    if (second % 60 == 0) {
      if (json::array counts = region_.strangers().take(); !counts.empty()) {
        region_.service_event("UnidentifiedCallers", {{"counts", std::move(counts)}}, ports_.rng);
      }
    }
    co_await sleep_for(ports_.loop, 1s, &stopping_);
  }
}

}  // namespace tidegate::gateway
