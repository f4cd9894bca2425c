#include "cli/server.hpp"

#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <mutex>
#include <thread>

#include "admin/admin_api.hpp"
#include "admin/catalog_keeper.hpp"
#include "aws/errors.hpp"
#include "base/sabotage.hpp"
#include "cli/backend_links.hpp"
#include "cli/background_thread.hpp"
#include "cli/catalog_files.hpp"
#include "cli/files.hpp"
#include "cli/signing_files.hpp"
#include "config/region.hpp"
#include "gateway/region.hpp"
#include "gateway/worker.hpp"
#include "net/listener.hpp"
#include "net/peer_links.hpp"
#include "net/signals.hpp"
#include "net/tls_context.hpp"
#include "net/worker_thread.hpp"
#include "store/file_disk.hpp"
#include "store/sqlite_bundles.hpp"
#include "store/sqlite_documents.hpp"
#include "store/sqlite_profiles.hpp"
#include "store/sqlite_restrictions.hpp"
#include "store/storage_thread.hpp"

namespace tidegate::cli {
namespace {

std::unexpected<Error> trouble(std::string what, std::string mend) {
  return fail(ErrorCode::configuration, std::move(what), std::move(mend));
}

Result<std::shared_ptr<const catalog::Catalog>> find_catalog() {
  const std::string_view planted = sabotage::planted_catalog();
  if (planted.empty()) return catalog::Catalog::built_in();
  TRY(const std::string document,
      config::read_file(std::string(planted), limits::configuration_bytes_max));
  return catalog::Catalog::parse(document);
}

// The certificates in force, swapped whole by a reload; asked once a connection.
class Certificates {
 public:
  explicit Certificates(const gateway::RegionConfig& config) : config_(config) {}
  // One at a time.
  Result<void> load(WallTime now) {
    std::shared_ptr<const net::TlsContext> clients;
    std::shared_ptr<const net::TlsContext> peers;
    if (!config_.api_tls.empty()) {
      TRY(clients,
          net::TlsContext::for_clients(
              {config_.api_tls.certificate, credential_or(api_key_credential, config_.api_tls.key)},
              now));
    }
    if (!config_.peers.empty()) {
      net::PeerTrust trust{config_.region, config_.operator_domain, {}};
      for (const auto& peer : config_.peers) trust.bundles.emplace(peer.region, peer.trust_bundle);
      TRY(peers,
          net::TlsContext::for_peers({config_.peer_tls.certificate,
                                      credential_or(peer_key_credential, config_.peer_tls.key)},
                                     trust, now));
    }
    std::lock_guard lock(mutex_);
    clients_ = std::move(clients);
    peers_ = std::move(peers);
    return {};
  }
  std::shared_ptr<const net::TlsContext> clients() const {
    std::lock_guard lock(mutex_);
    return clients_;
  }
  std::shared_ptr<const net::TlsContext> peers() const {
    std::lock_guard lock(mutex_);
    return peers_;
  }

 private:
  const gateway::RegionConfig& config_;
  mutable std::mutex mutex_;
  std::shared_ptr<const net::TlsContext> clients_, peers_;
};

net::MalformedAnswer malformed(const Error& error, std::string_view target, Rng& rng) {
  const aws::Protocol protocol = api::protocol_of_path(target.substr(0, target.find('?')));
  auto made = aws::error_answer(error, protocol, make_uuid(rng), limits::retry_hint);
  made.head.headers.erase("content-length");
  return {std::move(made.head), std::move(made.body)};
}

// What lives on one worker's loop. Made and destroyed on its thread.
struct Unit {
  Unit(net::EpollLoop& loop_in, gateway::Region& region, Certificates& certificates,
       BackendLinks& backends, int index)
      : loop(loop_in),
        links(loop, rng,
              peer::RegionIdentity{region.config().region, region.config().operator_domain,
                                   region.config().node},
              net::dial_with_tls(loop, [&certificates] { return certificates.peers(); })),
        worker(region,
               gateway::WorkerPorts{loop, rng, links,
                                    [this, &backends](const model::BackendConfig& backend) {
                                      return backends.client(loop, backend);
                                    }},
               index) {}

  net::ListenerOptions options(net::Security security,
                               std::function<std::shared_ptr<const net::TlsContext>()> tls) {
    net::ListenerOptions out;
    out.security = security;
    out.tls = std::move(tls);
    out.connection.malformed = [this](const Error& error, std::string_view target) {
      return malformed(error, target, rng);
    };
    return out;
  }

  net::EpollLoop& loop;
  SystemRng rng;
  net::PeerLinks links;
  gateway::Worker worker;
  std::optional<admin::AdminApi> admin;
  std::unique_ptr<net::Listener> api_listener, peer_listener, admin_listener;
};

Task<void> drain_unit(Unit& unit, gateway::Region& region) {
  co_await unit.api_listener->drain(limits::drain_timeout);
  // The last signatures are on their way: they are asked for again after a start, but why wait.
  const MonoTime last = unit.loop.now() + limits::attestations_drain;
  while (unit.loop.now() < last && region.attestations().outstanding() > 0) {
    co_await sleep_for(unit.loop, 10ms);
  }
  unit.worker.stop();
  if (unit.peer_listener) co_await unit.peer_listener->drain(limits::drain_timeout);
  if (unit.admin_listener) co_await unit.admin_listener->drain(1s);
  for (int i = 0; i < 200 && !unit.worker.stopped(); ++i) co_await sleep_for(unit.loop, 10ms);
}

class RealServer final : public Server {
 public:
  explicit RealServer(gateway::RegionConfig config)
      : config_(std::move(config)), certificates_(config_), signing_(config_, rng_) {}
  ~RealServer() override;
  Result<void> open();
  void run() override;

 private:
  Result<void> make_state_folder();
  Result<void> open_stores();
  Result<gateway::CatalogInForce> open_catalog();
  Result<void> try_documents(const gateway::CatalogInForce& in_force) const;
  Result<void> listen();
  void start_unit(std::size_t index, Descriptor api, Descriptor peer, Descriptor admin);
  Result<json::object> reload();
  Result<json::object> take_certificates();

  gateway::RegionConfig config_;
  SystemClock clock_;
  SystemRng rng_;
  Certificates certificates_;
  std::mutex reloading_;
  SigningFiles signing_;
  BackendLinks backends_;
  std::unique_ptr<audit::Log> log_;
  std::unique_ptr<store::StorageThread> storage_;
  std::unique_ptr<gateway::DocumentStore> documents_;
  std::unique_ptr<gateway::ApplicationProfileStore> profiles_;
  std::unique_ptr<gateway::RestrictionStore> restrictions_;
  std::unique_ptr<gateway::BundleStore> bundles_;
  SystemRng keeper_rng_;  // the keeper works in the background
  std::unique_ptr<admin::CatalogKeeper> keeper_;
  std::unique_ptr<BackgroundThread> background_;
  std::unique_ptr<gateway::Region> region_;
  std::vector<std::unique_ptr<net::WorkerThread>> threads_;
  std::vector<std::unique_ptr<Unit>> units_;
};

RealServer::~RealServer() {
  for (std::size_t i = 0; i < units_.size(); ++i) {
    if (!units_[i]) continue;
    threads_[i]->call([&] { units_[i]->worker.stop(); });
  }
  background_.reset();
  for (std::size_t i = 0; i < units_.size(); ++i) threads_[i]->call([&] { units_[i].reset(); });
  threads_.clear();
}

Result<void> RealServer::make_state_folder() {
  std::error_code ec;
  std::filesystem::create_directories(config_.state_dir + "/audit", ec);
  if (ec)
    return trouble(
        fmt::format("cannot make the state folder {}: {}", config_.state_dir, ec.message()),
        "Make it, or set state_dir.");
  std::filesystem::permissions(config_.state_dir, std::filesystem::perms::owner_all, ec);
  return {};
}

Result<void> RealServer::open_stores() {
  TRY(auto disk, store::FileDisk::open(config_.state_dir + "/audit"));
  TRY(log_, audit::Log::open(std::move(disk), clock_,
                             {.region = config_.region.str(),
                              .durability = config_.durability,
                              .retention_days = config_.retention_days,
                              .segment_bytes_max = limits::segment_bytes_max}));
  storage_ = std::make_unique<store::StorageThread>(*log_);
  TRY(documents_, store::SqliteDocuments::open(config_.state_dir + "/documents.sqlite"));
  TRY(profiles_, store::SqliteProfiles::open(config_.state_dir + "/documents.sqlite"));
  TRY(restrictions_, store::SqliteRestrictions::open(config_.state_dir + "/documents.sqlite"));
  TRY(bundles_, store::SqliteBundles::open(config_.state_dir + "/documents.sqlite"));
  background_ = std::make_unique<BackgroundThread>();
  TRY(auto catalog, open_catalog());
  TRY(region_, gateway::Region::create(
                   config_, std::move(catalog),
                   {clock_, *log_, *background_, *documents_, *profiles_, *restrictions_, signing_},
                   rng_.next()));
  for (const std::string& rule : keeper_->refused_at_start()) {
    region_->telemetry().catalog_refused(rule);
  }
  return {};
}

Result<void> RealServer::try_documents(const gateway::CatalogInForce& in_force) const {
  TRY(const auto documents, documents_->load());
  TRY_VOID(gateway::Snapshot::build(in_force, documents, config_, nullptr));
  return {};
}

Result<gateway::CatalogInForce> RealServer::open_catalog() {
  TRY(auto signers, read_signers(config_.catalog_signers));
  keeper_ = std::make_unique<admin::CatalogKeeper>(
      config_.region.str(), std::move(signers),
      admin::CatalogKeeper::Ports{
          *bundles_, *log_, clock_, keeper_rng_,
          [this](const gateway::CatalogInForce& in_force) { return try_documents(in_force); }});
  std::string first;
  if (!config_.catalog_bundle.empty()) {
    TRY(first, read_catalog_file(config_.catalog_bundle));
  }
  TRY(auto library, find_catalog());
  return keeper_->open(first, std::move(library));
}

Result<void> RealServer::listen() {
  sabotage::begin();
  const std::size_t count = config_.workers > 0 ? static_cast<std::size_t>(config_.workers)
                                                : std::max(1u, std::thread::hardware_concurrency());
  TRY(auto api, net::listen_tcp(config_.api.host, config_.api.port, count));
  std::vector<Descriptor> peer(count);
  if (config_.peer.port != 0 && !config_.peers.empty()) {  // without peers nobody could come in
    TRY(peer, net::listen_tcp(config_.peer.host, config_.peer.port, count));
  }
  TRY(Descriptor admin, net::listen_unix(config_.admin_socket));
  units_.resize(count);
  for (std::size_t i = 0; i < count; ++i)
    threads_.push_back(std::make_unique<net::WorkerThread>(fmt::format("worker-{}", i)));
  // All workers exist before any runs: the region's list of them does not change afterwards.
  for (std::size_t i = 0; i < count; ++i) {
    threads_[i]->call([&] {
      units_[i] = std::make_unique<Unit>(threads_[i]->loop(), *region_, certificates_, backends_,
                                         static_cast<int>(i));
    });
  }
  for (std::size_t i = 0; i < count; ++i) {
    start_unit(i, std::move(api[i]), std::move(peer[i]), i == 0 ? std::move(admin) : Descriptor());
  }
  return {};
}

void RealServer::start_unit(std::size_t index, Descriptor api, Descriptor peer, Descriptor admin) {
  threads_[index]->call([&] {
    Unit& unit = *units_[index];
    unit.worker.start();
    const auto security =
        config_.api_tls.empty() ? net::Security::plain : net::Security::plain_or_tls;
    unit.api_listener = std::make_unique<net::Listener>(
        unit.loop, std::move(api), unit.worker.public_handler(),
        unit.options(security, [this] { return certificates_.clients(); }));
    if (peer) {
      auto options = unit.options(net::Security::tls, [this] { return certificates_.peers(); });
      options.connection.h2_profile = http::H2Profile::peer_link;
      options.impostor = [this](std::string_view address) { region_->refused_at_links(address); };
      unit.peer_listener = std::make_unique<net::Listener>(
          unit.loop, std::move(peer), unit.worker.peer_handler(), std::move(options));
    }
    if (admin) {
      unit.admin.emplace(*region_, unit.worker, *keeper_, [this] { return reload(); });
      unit.admin_listener = std::make_unique<net::Listener>(
          unit.loop, std::move(admin), *unit.admin, unit.options(net::Security::plain, {}));
    }
  });
}

Result<void> RealServer::open() {
  TRY_VOID(make_state_folder());
  TRY_VOID(certificates_.load(clock_.wall()));
  TRY(auto signing, signing_.read(clock_.wall()));
  signing_.take(std::move(signing));
  TRY_VOID(backends_.open(config_));
  TRY_VOID(open_stores());
  return listen();
}

json::object facts_of(const net::TlsContext& context) {
  const net::TlsFacts facts = context.facts();
  json::object authorities;
  for (const auto& [region, count] : facts.authorities) authorities[region.str()] = count;
  json::object out{{"sha256", facts.sha256}, {"notAfter", facts.not_after}};
  if (!authorities.empty()) out["authorities"] = std::move(authorities);
  return out;
}

// Links under the old certificates end well: see net::PeerLinks::renew and net::Listener::recheck.
Result<json::object> RealServer::take_certificates() {
  TRY(auto signing, signing_.read(clock_.wall()));
  TRY_VOID(certificates_.load(clock_.wall()));
  signing_.take(std::move(signing));
  region_->attestations().recheck_keys();
  json::object in_force{{"region", config_.region.str()}};
  if (const auto clients = certificates_.clients()) in_force["api"] = facts_of(*clients);
  const auto peers = certificates_.peers();
  if (!peers) return in_force;
  in_force["peer"] = facts_of(*peers);
  for (std::size_t i = 0; i < units_.size(); ++i) {
    threads_[i]->loop().post([unit = units_[i].get(), peers] {
      unit->links.renew(peers);
      if (unit->peer_listener) unit->peer_listener->recheck(*peers);
    });
  }
  return in_force;
}

// By SIGHUP on the main thread, or by the admin API on the background thread.
Result<json::object> RealServer::reload() {
  const std::lock_guard one_at_a_time(reloading_);
  auto taken = take_certificates();
  SystemRng rng;
  if (taken) {
    region_->service_event("CertificatesReloaded", *taken, rng);
  } else {
    region_->service_event("CertificatesRefused",
                           {{"why", taken.error().message},
                            {"mend", taken.error().mend},
                            {"inForce", "the old certificates"}},
                           rng);
  }
  return taken;
}

void RealServer::run() {
  net::EpollLoop loop;
  int signal = 0;
  net::SignalWatch watch(loop, {SIGTERM, SIGINT, SIGHUP}, [&](int number) {
    if (number == SIGHUP) {
      (void)reload();  // what came of it is a service event
    } else {
      signal = number;
      loop.stop();
    }
  });
  log::info("serving",
            {{"api", fmt::format("{}:{}", config_.api.host, config_.api.port)},
             {"peer", config_.peer.port ? fmt::format("{}:{}", config_.peer.host, config_.peer.port)
                                        : "none"},
             {"workers", units_.size()}});
  loop.run();
  log::info("draining", {{"signal", signal}, {"in_flight", region_->in_flight().load()}});
  region_->drain();
  std::vector<std::thread> drains;
  for (std::size_t i = 0; i < units_.size(); ++i) {
    drains.emplace_back([this, i] { threads_[i]->run(drain_unit(*units_[i], *region_)); });
  }
  for (auto& thread : drains) thread.join();
  log::info("stopped");
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(gateway::RegionConfig config) {
  auto server = std::make_unique<RealServer>(std::move(config));
  TRY_VOID(server->open());
  return server;
}

}  // namespace tidegate::cli
